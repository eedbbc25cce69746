"""One API server per module, on the loopback address, with a runtime that uses the host."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import shutil
import socket
import ssl
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
import websocket
from kubernetes import config

from npol.yaml_positions import YamlDialect, dump, load
from npol_lab.api import Api, ExecFailed, Tokens, issue
from npol_lab.registry import Registry
from npol_lab.store import Store

ADMIN = "the-administrators-token"
KUBECTL = os.environ.get("NPOL_KUBECTL") or shutil.which("kubectl")
UNHEARD = "Unknown stream id"
"""
What a kubectl before 1.34 says of a frame that was there before its streams were
(kubernetes#131189): the exec's words or its end are lost. No server can do anything about it.
"""
CORPUS = Path(__file__).parent / "corpus"
Send = Callable[[str, str, bytes | None, str], tuple[int, bytes, list[str]]]
"""(method, path, body, content type) to (status, body, warnings)."""


class HostExecution:
    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.stdin, self.stderr = process.stdin, process.stderr
        self.size = (0, 0)

    @property
    def stdout(self) -> asyncio.StreamReader:
        assert self._process.stdout is not None
        return self._process.stdout

    async def wait(self) -> int:
        code = await self._process.wait()
        return code if code >= 0 else 128 - code

    def resize(self, columns: int, rows: int) -> None:
        self.size = (columns, rows)

    def close(self) -> None:
        self._process._transport.close()  # type: ignore[attr-defined]

    def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()


class HostRuntime:
    """Runs commands on this machine, and remembers them."""

    def __init__(self) -> None:
        self.executions: list[HostExecution] = []
        self.lines: dict[str, list[bytes]] = {}

    async def exec(
        self, pod: Any, container: str, argv: list[str], *, stdin: bool, tty: bool
    ) -> HostExecution:
        pipe = asyncio.subprocess.PIPE
        if shutil.which(argv[0]) is None:
            raise ExecFailed(
                "error executing command in container: failed to exec in container: failed to "
                f'start exec "0123": OCI runtime exec failed: exec failed: unable to start '
                f'container process: exec: "{argv[0]}": executable file not found in $PATH: unknown'
            )
        process = await asyncio.create_subprocess_exec(
            *argv,
            stdin=pipe if stdin else asyncio.subprocess.DEVNULL,
            stdout=pipe,
            stderr=asyncio.subprocess.STDOUT if tty else pipe,
            env={**os.environ, "POD_UID": pod["metadata"]["uid"], "CONTAINER": container},
        )
        self.executions.append(HostExecution(process))
        return self.executions[-1]

    async def logs(
        self,
        pod: Any,
        container: str,
        *,
        follow: bool,
        tail_lines: int | None,
        since_seconds: float | None,
        previous: bool,
        timestamps: bool,
    ) -> AsyncIterator[bytes]:
        if previous:
            raise LookupError(
                f'previous terminated container "{container}" in pod '
                f'"{pod["metadata"]["name"]}" not found'
            )
        lines = self.lines.get(pod["metadata"]["name"], [])
        for line in lines[-tail_lines:] if tail_lines else lines:
            yield line


@dataclass
class Cluster:
    """A running API server, reached as a client would, and its inside."""

    registry: Registry
    api: Api
    runtime: HostRuntime
    loop: asyncio.AbstractEventLoop
    port: int
    kubeconfig: Path
    authority: Path
    token: str = ADMIN
    created: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    def inside(self, call: Callable[[], Any]) -> Any:
        """Run a function in the server's loop, where the registry may be used."""

        async def run() -> Any:
            return call()

        return asyncio.run_coroutine_threadsafe(run(), self.loop).result(10)

    def request(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        type: str = "application/json",
        headers: dict[str, str] | None = None,
        token: str | None = None,
    ) -> Answer:
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data=data, method=method)
        request.add_header("Authorization", f"Bearer {self.token if token is None else token}")
        if data is not None:
            request.add_header("Content-Type", type)
        for key, value in (headers or {}).items():
            request.add_header(key, value)
        context = ssl.create_default_context(cafile=str(self.authority))
        try:
            with urllib.request.urlopen(request, context=context, timeout=10) as response:
                return Answer(response.status, response.read(), response.headers)
        except urllib.error.HTTPError as error:
            with error:
                return Answer(error.code, error.read(), error.headers)

    def namespace(self, name: str, labels: dict[str, str] | None = None) -> str:
        body = {"metadata": {"name": name, "labels": labels or {}}}
        assert self.request("POST", "/api/v1/namespaces", body).code == 201
        return name

    def running_pod(self, namespace: str, name: str, *containers: str) -> Any:
        """A pod that a kubelet has started."""
        names = containers or ("main",)
        spec = {"containers": [{"name": c, "image": "busybox:1.36"} for c in names]}
        obj = {"metadata": {"name": name, "namespace": namespace}, "spec": spec}
        state = {"running": {"startedAt": "2026-01-01T00:00:00Z"}}

        def start() -> Any:
            self.registry.create("pods", obj)
            self.registry.bind(namespace, name, "lab-1")
            statuses = [
                {"name": c, "ready": True, "restartCount": 0, "state": state, "image": "busybox"}
                for c in names
            ]
            ready = {"type": "Ready", "status": "True"}
            status = {"phase": "Running", "podIP": "10.244.1.5", "containerStatuses": statuses}
            return self.registry.set_status(
                "pods", namespace, name, {**status, "conditions": [ready]}
            )

        return self.inside(start)


@dataclass
class Answer:
    code: int
    raw: bytes
    headers: Any

    @property
    def json(self) -> Any:
        return json.loads(self.raw)

    @property
    def message(self) -> str:
        return str(self.json["message"])


@dataclass(frozen=True)
class Request:
    """One request of the corpus; `NS` stands for a namespace made for the purpose."""

    id: str
    method: str
    path: str
    body: bytes | None
    type: str


def requests_of_corpus() -> list[Request]:
    """All requests, in the order in which they build on each other."""
    found = []
    for file in sorted(CORPUS.glob("*.yaml")):
        for item in load(file.read_text(), file.name, YamlDialect.STORY)[0].data:
            method, path = item["request"].split(" ", 1)
            body = json.dumps(item["body"]).encode() if "body" in item else None
            raw = item["raw"].encode() if "raw" in item else body
            kind = item.get("type", "application/json")
            found.append(Request(item["id"], method, path, raw, kind))
    return found


def _replay(send: Send, namespace: str) -> dict[str, Any]:
    """The answers to all requests, without what differs from one server to the next."""

    def ask(method: str, path: str, body: bytes | None, type: str) -> Any:
        named = None if body is None else body.replace(b"NS", namespace.encode())
        return send(method, path.replace("NS", namespace), named, type)

    json_type = "application/json"
    ask("POST", "/api/v1/namespaces", b'{"metadata":{"name":"NS"}}', json_type)
    answers = {}
    for place in ("NS", "NS-psa"):
        account = b'{"metadata":{"name":"default"}}'
        ask("POST", f"/api/v1/namespaces/{place}/serviceaccounts", account, json_type)
    for request in requests_of_corpus():
        code, body, warnings = ask(request.method, request.path, request.body, request.type)
        if request.id == "psa-namespace":
            account = b'{"metadata":{"name":"default"}}'
            ask("POST", "/api/v1/namespaces/NS-psa/serviceaccounts", account, json_type)
        shown = json.loads(body.decode().replace(namespace, "NS")) if _is_json(body) else ""
        answer = {"code": code, "body": normal(shown)}
        if warnings:
            answer["warnings"] = [w.replace(namespace, "NS") for w in warnings]
        answers[request.id] = answer
    return answers


def _is_json(body: bytes) -> bool:
    return body.lstrip().startswith((b"{", b"["))


OF_THE_SERVER = (
    "uid",
    "resourceVersion",
    "creationTimestamp",
    "deletionTimestamp",
    "lastTransitionTime",
    "lastPhaseTransitionTime",
    "time",
    "clusterIP",
    "nodePort",
    "healthCheckNodePort",
)
NUMBERS = (
    (re.compile(r"kube-api-access-\w{5}"), "kube-api-access-X"),
    (re.compile(r"(?i)gen([-_])\w{5}\b"), "gen-X"),
    (re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f-]{22}\b"), "UID"),
    (re.compile(r"record \(\d+\)"), "record (N)"),
)


def normal(value: Any) -> Any:
    """JSON without names by chance, times and numbers that a server gives."""
    if isinstance(value, dict):
        result = {k: _kept(k, v) for k, v in value.items() if v is not None}
        if value.get("kind") == "Status" and len(result.get("details", {}).get("causes", [])) > 1:
            result["message"] = "(several causes, in no order)"
        return result
    if isinstance(value, list):
        return [normal(v) for v in value]
    if isinstance(value, str):
        for pattern, instead in NUMBERS:
            value = pattern.sub(instead, value)
    return value


def _kept(key: str, value: Any) -> Any:
    if key in OF_THE_SERVER and value and value != "None":
        return "X"
    if key == "clusterIPs" and value != ["None"]:
        return "X"
    if key == "causes":
        found = {json.dumps(normal(c), sort_keys=True) for c in value}
        return [json.loads(c) for c in sorted(found)]
    if key == "managedFields" and value:  # by their times, which may lie on either side of a second
        return sorted(map(normal, value), key=lambda e: (e["operation"], e["manager"]))
    return normal(value)


@contextlib.contextmanager
def serving(directory: Path) -> Iterator[Cluster]:
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    sock = socket.create_server(("127.0.0.1", 0))
    certificates, store = issue(), Store()
    runtime: Any = HostRuntime()
    registry = Registry(store)
    api = Api(registry, runtime, Tokens(ADMIN, store), certificates)

    async def start() -> None:
        for name in ("default", "kube-system"):
            registry.create("namespaces", {"metadata": {"name": name}})
        await api.start(sock)

    asyncio.run_coroutine_threadsafe(start(), loop).result(10)
    port = sock.getsockname()[1]
    authority, kubeconfig = directory / "ca.pem", directory / "kubeconfig"
    authority.write_bytes(certificates.authority)
    kubeconfig.write_text(dump(_kubeconfig(port, authority)))
    try:
        yield Cluster(registry, api, runtime, loop, port, kubeconfig, authority)
    finally:
        asyncio.run_coroutine_threadsafe(_ended(api, runtime), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


async def _ended(api: Api, runtime: HostRuntime) -> None:
    await api.stop()
    for execution in runtime.executions:
        execution.kill()
        await execution.wait()
        execution.close()
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await asyncio.sleep(0.05)  # connections say goodbye


def _kubeconfig(port: int, authority: Path) -> Any:
    cluster = {"server": f"https://127.0.0.1:{port}", "certificate-authority": str(authority)}
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "lab",
        "clusters": [{"name": "lab", "cluster": cluster}],
        "users": [{"name": "admin", "user": {"token": ADMIN}}],
        "contexts": [{"name": "lab", "context": {"cluster": "lab", "user": "admin"}}],
    }


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with serving(tmp_path_factory.mktemp("api")) as running:
        yield running


@pytest.fixture
def connect(cluster: Cluster) -> Iterator[Callable[..., websocket.WebSocket]]:
    """Opens an exec in a pod of the namespace `exec`."""
    opened = []
    tls = ssl.create_default_context(cafile=str(cluster.authority))
    tls.check_hostname = False

    def to(
        pod: str,
        *command: str,
        protocol: str = "v5.channel.k8s.io",
        stdin: bool = False,
        tty: bool = False,
        **query: Any,
    ) -> websocket.WebSocket:
        flags = {"stdin": stdin, "stdout": True, "stderr": not tty, "tty": tty, **query}
        pairs = [("command", c) for c in command]
        pairs += [(k, "true" if v is True else v) for k, v in flags.items() if v]
        raw = tls.wrap_socket(socket.create_connection(("127.0.0.1", cluster.port), timeout=10))
        opened.append(raw)
        return websocket.create_connection(
            f"ws://127.0.0.1:{cluster.port}/api/v1/namespaces/exec/pods/{pod}/exec?"
            + urlencode(pairs),
            header=[f"Authorization: Bearer {cluster.token}"],
            subprotocols=[protocol],
            socket=raw,
        )

    yield to
    for raw in opened:
        raw.close()


@pytest.fixture(scope="session")
def finished() -> Callable[[websocket.WebSocket], tuple[bytes, bytes, Any]]:
    """Everything until the server closes: stdout, stderr, and the status."""

    def of(stream: websocket.WebSocket) -> tuple[bytes, bytes, Any]:
        out = {1: b"", 2: b"", 3: b""}
        while True:
            code, data = stream.recv_data()
            if code == websocket.ABNF.OPCODE_CLOSE:
                return out[1], out[2], json.loads(out[3] or "null")
            out[data[0]] += data[1:]

    return of


@pytest.fixture(scope="session")
def replay() -> Callable[[Send, str], dict[str, Any]]:
    return _replay


@pytest.fixture(scope="module")
def kubectl(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Any]:
    """Runs the real kubectl; its result has `returncode`, `stdout` and `stderr`."""
    if KUBECTL is None:
        pytest.skip("kubectl is not installed")
    home = tmp_path_factory.mktemp("home")

    def run(*arguments: str, input: str | None = None, check: bool = True) -> Any:
        done = once(arguments, input)
        for _ in range(20):
            if UNHEARD not in done.stderr:
                break
            done = once(arguments, input)
        assert UNHEARD not in done.stderr
        assert not check or done.returncode == 0, done.stderr
        return done

    def once(arguments: tuple[str, ...], input: str | None) -> Any:
        environment = {**os.environ, "KUBECONFIG": str(cluster.kubeconfig), "HOME": str(home)}
        return subprocess.run(
            [str(KUBECTL), *arguments],
            input=input,
            capture_output=True,
            text=True,
            timeout=60,
            env=environment,
        )

    return run


@pytest.fixture
def real(pytestconfig: pytest.Config) -> Iterator[Send]:
    """Sends raw requests to the cluster that the live tests are run against."""
    context = pytestconfig.getoption("--kube-context", None) or os.environ.get("NPOL_TEST_CONTEXT")
    if not context:
        pytest.fail("live tests need a cluster: --kube-context NAME or NPOL_TEST_CONTEXT=NAME")
    client = config.new_client_from_config(
        config_file=pytestconfig.getoption("--kubeconfig", None), context=context
    )
    headers = {"User-Agent": "t/1", "Accept": "application/json"}
    settings = client.configuration.auth_settings().values()
    headers |= {s["key"]: s["value"] for s in settings if s["in"] == "header"}

    def send(method: str, path: str, body: bytes | None, type: str) -> tuple[int, bytes, list[str]]:
        own = {**headers, "Content-Type": type} if body is not None else headers
        url = client.configuration.host + path
        got = client.rest_client.pool_manager.request(
            method, url, body=body, headers=own, timeout=30, retries=False
        )
        return got.status, got.data, got.headers.getlist("Warning")

    yield send
    client.close()


@pytest.fixture
def of_the_recording(real: Send) -> None:
    """Skips where the real server is of another version than the one that was recorded."""
    version = json.loads(real("GET", "/version", None, "")[1])
    if (version["major"], version["minor"].rstrip("+")) != ("1", "33"):
        pytest.skip(f"the recording is of 1.33, this server is {version['gitVersion']}")


@pytest.fixture
def places(real: Send) -> Iterator[list[str]]:
    """Names of namespaces of a real server that are gone when the test ends."""
    names: list[str] = []
    yield names
    paths = [f"/api/v1/namespaces/{name}" for name in names]
    for path in paths:
        real("DELETE", path, None, "application/json")
    for path in paths:
        until(partial(_is_gone, real, path), f"{path} to go")


def _is_gone(real: Callable[..., Any], path: str) -> bool:
    return real("GET", path, None, "")[0] == 404


def until(holds: Callable[[], bool], what: str) -> None:
    """Poll a real server, whose caches and controllers have clocks of their own."""
    deadline = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < deadline, f"waited for {what}"
        time.sleep(0.1)
