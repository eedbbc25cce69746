"""
The baseline story over a slow link: `python benchmarks/link.py [MILLISECONDS ...]`, in a lab.

Between npol and the API server stands a TCP proxy that delays what passes by half of the round
trip time, in each direction. Printed for each time (0, 20, 80 and 200 ms): the story's seconds,
whole and by part, its requests by verb and resource, and how many there were a second, of all and
of those sent while steps settled. The targets: 1.3 x the time of no delay at 80 ms, 2 x at 200 ms.

`--chain` prints which requests waited for each other, too (`benchmarks/request_chain.py`).
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing import Process
from pathlib import Path
from socket import create_server, socket
from typing import Any
from unittest.mock import patch
from urllib.parse import urlsplit

import yaml

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.request_chain import Requests, requests_sent  # noqa: E402
from npol.run import Options, StoryRun, flow_runner  # noqa: E402  needs the path above
from npol.story import load_story  # noqa: E402
from npol_lab.session import Lab  # noqa: E402

STORY = ROOT / "fixtures/baseline/baseline.npol.yaml"
TIMES = (0, 20, 80, 200)
CHUNK = 1 << 16
CHAIN = "--chain"


@dataclass(frozen=True, kw_only=True)
class Cost:
    """One run of the story."""

    opening: float
    steps: float
    closing: float
    requests: Counter[str]
    wrong: int
    settling: tuple[int, float]
    """Requests sent while steps settled, and the seconds of it."""
    sent: Requests

    @property
    def seconds(self) -> float:
        return self.opening + self.steps + self.closing


def main() -> None:
    least = 0.0
    words = sys.argv[1:]
    for milliseconds in [int(word) for word in words if word != CHAIN] or TIMES:
        cost = measure(milliseconds / 1000)
        least = least or cost.seconds
        show(milliseconds, cost, least)
        if CHAIN in words:
            cost.sent.show()
    print("requests of the last run:")
    for what, number in cost.requests.most_common():
        print(f"  {number:4} {what}")


def show(milliseconds: int, cost: Cost, least: float) -> None:
    requests = sum(cost.requests.values())
    print(
        f"{milliseconds:4} ms: {cost.seconds:5.1f} s ({cost.seconds / least:.2f} x), "
        f"opening {cost.opening:.1f}, steps {cost.steps:.1f} ({cost.settling[1]:.1f} settling), "
        f"closing {cost.closing:.1f}; "
        f"{requests} requests, {requests / cost.seconds:.1f} a second, while settling "
        f"{cost.settling[0] / cost.settling[1]:.1f}; {cost.wrong} wrong",
        flush=True,
    )


def measure(round_trip: float) -> Cost:
    with Lab.start() as lab, delayed(Path(lab.kubeconfig), round_trip / 2) as kubeconfig:
        options = Options(kubeconfig=kubeconfig, context=lab.context, create=True, disposable=True)
        sent = requests_sent()
        began = time.monotonic()
        run = StoryRun(load_story(str(STORY), root=str(ROOT)), options)
        run.open()
        opened = time.monotonic()
        try:
            settling = settled_in(run)
            told = [run.reach(step.name) for step in run.story.steps]
        finally:
            done = time.monotonic()
            run.close()
        return Cost(
            opening=opened - began,
            steps=done - opened,
            closing=time.monotonic() - done,
            requests=Counter(run.requests),
            wrong=sum(not flow.passed for step in told for flow in step.flows),
            settling=(sum(sent for sent, _ in settling), sum(took for _, took in settling)),
            sent=sent.between(began, time.monotonic()),
        )


def settled_in(run: StoryRun) -> list[tuple[int, float]]:
    """Filled with the requests and seconds of each step's settling, from now on."""
    found: list[tuple[int, float]] = []
    settle = vars(flow_runner)["settle"]

    def measured(*arguments: Any) -> Any:
        sent, began = sum(run.requests.values()), time.monotonic()
        try:
            return settle(*arguments)
        finally:
            found.append((sum(run.requests.values()) - sent, time.monotonic() - began))

    patch.object(flow_runner, "settle", measured).start()
    return found


@contextmanager
def delayed(kubeconfig: Path, seconds: float) -> Iterator[str]:
    """A kubeconfig whose server is reached through the proxy."""
    config = yaml.safe_load(kubeconfig.read_text())
    cluster = config["clusters"][0]["cluster"]
    server = urlsplit(cluster["server"])
    listener = create_server(("127.0.0.1", 0))
    cluster["server"] = f"{server.scheme}://127.0.0.1:{listener.getsockname()[1]}"
    cluster["tls-server-name"] = server.hostname
    where = (str(server.hostname), int(server.port or 443))
    proxy = Process(target=serve, args=(listener, where, seconds), daemon=True)
    proxy.start()
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        yaml.safe_dump(config, file)
        file.flush()
        try:
            yield file.name
        finally:
            proxy.terminate()
            proxy.join()


def serve(listener: socket, where: tuple[str, int], seconds: float) -> None:
    asyncio.run(pass_on(listener, where, seconds))


async def pass_on(listener: socket, where: tuple[str, int], seconds: float) -> None:
    async def joined(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(2 * seconds)  # the handshake of TCP crosses the link, too
        with suppress(OSError):
            far_reader, far_writer = await asyncio.open_connection(*where)
            await asyncio.gather(
                carry(reader, far_writer, seconds), carry(far_reader, writer, seconds)
            )

    server = await asyncio.start_server(joined, sock=listener)
    await server.serve_forever()


async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, seconds: float) -> None:
    """Every byte arrives that much later than it was sent; nothing waits for what is before it."""
    due: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()
    clock = asyncio.get_running_loop().time

    async def deliver() -> None:
        while True:
            at, data = await due.get()
            await asyncio.sleep(max(0.0, at - clock()))
            if not data:
                break
            writer.write(data)
        writer.close()

    delivering = asyncio.ensure_future(deliver())
    with suppress(OSError):
        while data := await reader.read(CHUNK):
            due.put_nowait((clock() + seconds, data))
    due.put_nowait((clock() + seconds, b""))
    with suppress(OSError):
        await delivering


if __name__ == "__main__":
    main()
