"""
A network without API server and kubelet, driven by lines of JSON.

Runs inside new namespaces: `python inside.py LAB`; see `conftest.py` for the other end.
"""

import asyncio
import errno
import itertools
import json
import socket
import sys
import time
import traceback
from collections import defaultdict
from pathlib import Path

from npol_lab.families import named
from npol_lab.init import keep
from npol_lab.isolation.namespaces import inside
from npol_lab.net import nft
from npol_lab.net.dns import NameServer
from npol_lab.net.dns_records import Names
from npol_lab.net.external_hosts import PLACES
from npol_lab.net.flow_server import ADDRESS
from npol_lab.net.netlink import Netlink, delete_link
from npol_lab.net.network import Network
from npol_lab.net.sandbox import socket_in
from npol_lab.pause_processes import Pauses
from npol_lab.store import Store

TRIES = 5
"""Of a flow that was silent, where this process may have been too late for its answer."""
SOURCE_PORTS = range(32768, 60999)
"""In turn: for 120 s, ports in use before may pass as the old connection, translation and all."""


def waited_for_cpu():
    """Seconds for which this process was ready to run and another one ran."""
    return int(Path("/proc/self/schedstat").read_text().split()[1]) / 1e9


class World:
    """The network, a store to put objects in, and the sandboxes of the pods by name."""

    def __init__(self, lab, keeper, options):
        self.store = Store()
        families = named(options.pop("families", ["IPv4"]))
        self.network = Network(lab, Pauses(keeper), families=families, **options)
        self.sandboxes = {}
        self.source_ports = defaultdict(lambda: itertools.cycle(SOURCE_PORTS))
        self.names = NameServer(Names(self.store, PLACES, families))

    async def put(self, resource, obj):
        self.store.put(resource, obj)

    async def remove(self, resource, namespace, name):
        self.store.remove(resource, namespace, name)

    async def settled(self):
        await asyncio.sleep(0)
        started = time.perf_counter()
        await self.network.settled()
        return time.perf_counter() - started

    async def add_pod(self, pod, tcp, udp):
        self.store.put("pods", pod)
        sandbox = await self.network.add_pod(pod)
        self.sandboxes[pod["metadata"]["name"]] = sandbox
        for port in tcp:
            await self._serve_tcp(sandbox, port, pod["metadata"]["name"])
        for port in udp:
            await asyncio.get_running_loop().create_datagram_endpoint(
                lambda: Echo(pod["metadata"]["name"]), sock=sandbox.listen(port, "UDP")
            )
        return {"ips": sandbox.ips, "pid": sandbox.pid}

    async def _serve_tcp(self, sandbox, port, name):
        async def answer(reader, writer):
            """The name and whom it sees; then an echo, for as long as there is something."""
            client = writer.get_extra_info("peername")[0].removeprefix("::ffff:")
            writer.write(f"{name} {client}\n".encode())
            while line := await reader.readline():
                writer.write(line)
            writer.close()

        await asyncio.start_server(answer, sock=sandbox.listen(port))

    async def remove_pod(self, name):
        await self.network.remove_pod(self.sandboxes.pop(name).uid)

    async def serve_names(self, name):
        await self.names.start(self.sandboxes[name])

    async def run(self, source, argv):
        space = f"/proc/{self.sandboxes[source].pid}/ns"
        spaces = [f"--{kind}={space}/{kind}" for kind in ("net", "uts", "pid")]
        line = ["nsenter", *spaces, *argv]
        process = await asyncio.create_subprocess_exec(
            *line, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
        )
        output, _ = await process.communicate()
        return {"code": process.returncode, "output": output.decode()}

    async def probe(self, flows):
        return await asyncio.gather(*(self._probe(**flow) for flow in flows))

    def _socket(self, source, protocol, ip):
        """Bound to the next port that nobody has: the kernel gives some of the range away, too."""
        netns = self._netns(source)
        made = socket_in(netns, protocol, ip)
        for port in itertools.islice(self.source_ports[netns], len(SOURCE_PORTS)):
            try:
                made.bind(("::" if ":" in ip else "0.0.0.0", port))
                return made
            except OSError as error:
                if error.errno != errno.EADDRINUSE:
                    raise
        raise RuntimeError(f"{source} has no free port left")

    def _netns(self, source):
        known = self.sandboxes.get(source)
        return known.netns if known else self.network._host(source)

    async def _probe(self, source, ip, port, protocol="TCP", timeout=0.2):
        """Asked again when it was silent while this process stood in line for a CPU."""
        for _ in range(TRIES):
            before = waited_for_cpu()
            answer = await self._try(source, ip, port, protocol, timeout)
            if answer["outcome"] != "timeout" or waited_for_cpu() - before < timeout / 4:
                break
        return answer

    async def _try(self, source, ip, port, protocol, timeout):
        loop = asyncio.get_running_loop()
        with self._socket(source, protocol, ip) as sock:
            try:
                async with asyncio.timeout(timeout):
                    await loop.sock_connect(sock, (ip, port))
                    if protocol == "UDP":
                        await loop.sock_sendall(sock, b"hello")
                    return {"outcome": "open", "text": (await loop.sock_recv(sock, 999)).decode()}
            except TimeoutError:
                return {"outcome": "timeout"}
            except ConnectionRefusedError:
                return {"outcome": "refused"}
            except OSError as error:
                return {"outcome": "unreachable", "text": str(error)}

    async def hold(self, source, ip, port, protocol="TCP"):
        """Open a connection that `still_alive` asks again later; what it was told."""
        loop = asyncio.get_running_loop()
        self.held = self._socket(source, protocol, ip)
        await loop.sock_connect(self.held, (ip, port))
        if protocol == "UDP":
            await loop.sock_sendall(self.held, b"hello")
        return (await loop.sock_recv(self.held, 999)).decode()

    async def still_alive(self):
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(1):
                await loop.sock_sendall(self.held, b"still there\n")
                return (await loop.sock_recv(self.held, 999)).decode()
        except TimeoutError:
            return ""

    async def nft(self, node, commands):
        await self.network._nodes[node]._thread.run(nft.apply, commands)

    async def delete_link(self, index):
        Netlink().ask(delete_link(index))

    async def add_broken_pod(self, node):
        """Its link's name is taken."""
        metadata = {"name": "broken", "namespace": "default", "uid": "broken"}
        pod = {"metadata": metadata, "spec": {"nodeName": node, "containers": []}}
        host = self.network._nodes[node]
        host._names = lambda: "eth0"
        try:
            await self.network.add_pod(pod)
        finally:
            del host._names

    async def observe(self, node, **request):
        """What an agent's pod on this node is told, as JSON; `count`: lines to wait for."""
        netns = self._netns(node)
        with inside(netns):
            client = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        await asyncio.get_running_loop().sock_connect(client, ADDRESS)
        reader, writer = await asyncio.open_unix_connection(sock=client)
        count = request.pop("count", 0)
        writer.write(json.dumps({"since": 60, "follow": bool(count)} | request).encode() + b"\n")
        async with asyncio.timeout(5):
            if count:
                lines = [await reader.readline() for _ in range(count)]
            else:
                lines = (await reader.read()).splitlines()
        writer.close()
        return [json.loads(line) for line in lines]

    async def observed_elsewhere(self, pod):
        """Why a pod's own network leads to no agent."""
        with inside(self.sandboxes[pod].netns), socket.socket(socket.AF_UNIX) as client:
            try:
                client.connect(ADDRESS)
            except OSError as error:
                return str(error.strerror)

    async def counts(self):
        """Pods, their processes and addresses."""
        children = Path("/proc/1/task/1/children").read_text().split()
        used = sum(len(node._used) for node in self.network._nodes.values())
        return [len(self.network._sandboxes), len(children), used]


class Echo(asyncio.DatagramProtocol):
    def __init__(self, name):
        self.name = name

    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, addr):
        client = addr[0].removeprefix("::ffff:")
        self.transport.sendto(f"{self.name} {client}".encode(), addr)


async def serve(lab, keeper, options):
    world = World(lab, keeper, options)
    await world.network.start("lab-1", "lab-2")
    running = asyncio.create_task(world.network.run(world.store))
    await world.network.settled()
    loop = asyncio.get_running_loop()
    print(json.dumps({"result": "ready"}), flush=True)
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        what, arguments = json.loads(line)
        try:
            answer = {"result": await getattr(world, what)(**arguments)}
        except Exception:
            answer = {"error": traceback.format_exc()}
        print(json.dumps(answer), flush=True)
    running.cancel()


if __name__ == "__main__":
    lab, options = sys.argv[1], json.loads(sys.argv[2])
    sys.exit(keep(lambda keeper: asyncio.run(serve(lab, keeper, options)), (), lambda: None))
