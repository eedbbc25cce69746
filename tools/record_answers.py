"""
Records what a real API server answers to each document and mutant of tests/api_rules.

The documents go through kubectl, so that what it reads of odd YAML is recorded, too; nothing is
written to the cluster (`--dry-run=server`). The mutants are sent as kubectl would send them.

    python tools/record_answers.py [KUBECTL [documents]]      # KUBECONFIG names the cluster
"""

from __future__ import annotations

import gzip
import http.client
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from tests.api_rules.documents import documents  # noqa: E402
from tests.api_rules.mutants import mutants  # noqa: E402

ANSWERS = ROOT / "tests" / "api_rules"
PATHS = {
    "NetworkPolicy": "/apis/networking.k8s.io/v1/namespaces/default/networkpolicies",
    "Service": "/api/v1/namespaces/default/services",
    "Namespace": "/api/v1/namespaces",
}
STRICT = "?dryRun=All&fieldValidation=Strict&fieldManager=kubectl-create"


def main() -> None:
    kubectl = sys.argv[1] if len(sys.argv) > 1 else "kubectl"
    with _server(kubectl) as server:
        version = server.version()
        with _Recorder(server) as recorder:
            found = {n: recorder.answer(kubectl, text) for n, text in documents().items()}
        _write("answers.json", {"server": version, "documents": found})
        if sys.argv[2:] == ["documents"]:
            return
        broken = [server.answer(mutant) for mutant in mutants()]
    packed = json.dumps({"server": version, "mutants": broken}, separators=(",", ":")).encode()
    (ANSWERS / "mutants.json.gz").write_bytes(gzip.compress(packed, mtime=0))
    refused = sum(not entry["accepted"] for entry in found.values())
    print(f"{version}: {len(found)} documents, {refused} of them refused")
    print(f"{len(broken)} mutants, {sum(code != 201 for code, _ in broken)} of them refused")


def _write(name: str, data: dict[str, Any]) -> None:
    head = f'{{"server": {json.dumps(data["server"])}, "documents": {{\n'
    lines = (
        f"{json.dumps(k)}: {json.dumps(v, sort_keys=True)}"
        for k, v in sorted(data["documents"].items())
    )
    (ANSWERS / name).write_text(head + ",\n".join(lines) + "\n}}\n")


class _server:
    """The API server behind `kubectl proxy`, which knows the credentials."""

    def __init__(self, kubectl: str) -> None:
        command = [kubectl, "proxy", "--port=0"]
        self._proxy = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self._proxy.stdout
        self.port = int(self._proxy.stdout.readline().rpartition(":")[2])

    def __enter__(self) -> _server:
        return self

    def __exit__(self, *_: object) -> None:
        self._proxy.terminate()
        self._proxy.wait()

    def request(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Any:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            return response, response.read()
        finally:
            connection.close()

    def version(self) -> str:
        return str(json.loads(self.request("GET", "/version", {}, b"")[1])["gitVersion"])

    def answer(self, obj: dict[str, Any]) -> list[Any]:
        """Status code and, of a refusal, the fields."""
        body = json.dumps(obj, sort_keys=True).encode()
        headers = {"Content-Type": "application/json"}
        path = PATHS[obj["kind"]] + STRICT
        response, text = self.request("POST", path, headers, body)
        return [response.status, sorted({f for f, _ in _causes(response.status, text)})]


class _Recorder:
    """A proxy before it that keeps what kubectl posts, and what is answered."""

    def __init__(self, server: _server) -> None:
        self.posts: list[tuple[bytes, int, bytes]] = []
        recorder = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _pass(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                headers = {k: v for k, v in self.headers.items() if k.lower() != "host"}
                response, text = server.request(self.command, self.path, headers, body)
                if self.command == "POST":
                    recorder.posts.append((body, response.status, text))
                self.send_response(response.status)
                for name in ("Content-Type", "Content-Encoding"):
                    if value := response.headers.get(name):
                        self.send_header(name, value)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            do_GET = do_POST = do_PATCH = _pass

            def log_message(self, *_: object) -> None:
                """Nothing: the answers are the output."""

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._cache = tempfile.TemporaryDirectory()

    def __enter__(self) -> _Recorder:
        threading.Thread(target=self._http.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._cache.cleanup()

    def answer(self, kubectl: str, text: str) -> dict[str, Any]:
        self.posts.clear()
        server = f"--server=http://127.0.0.1:{self._http.server_address[1]}"
        command = [kubectl, "create", server, "--dry-run=server", "--validate=strict", "-f", "-"]
        ran = subprocess.run(
            [*command, f"--cache-dir={self._cache.name}", "-n", "default"],
            input=text.encode(),
            capture_output=True,
            env={"PATH": os.environ["PATH"], "KUBECONFIG": "/dev/null", "HOME": self._cache.name},
            timeout=60,
        )
        entry: dict[str, Any] = {"accepted": ran.returncode == 0}
        entry["read"] = [json.loads(body) for body, _, _ in self.posts]
        entry["causes"] = [list(_causes(code, body)) for _, code, body in self.posts]
        if not self.posts or all(code == 201 for _, code, _ in self.posts):
            entry["kubectl"] = ran.stderr.decode().strip()
        return entry


def _causes(code: int, text: bytes) -> list[tuple[str, str]]:
    """Field and reason of each thing that is wrong; fields of 400s are in the message."""
    status = json.loads(text)
    if code == 201:
        return []
    causes = status.get("details", {}).get("causes") or []
    if causes:
        return sorted({(c.get("field", ""), c.get("reason", "")) for c in causes})
    message = str(status.get("message"))
    unknown = re.findall(r'(unknown|duplicate) field "([^"]*)"', message)
    if unknown:
        return [(field, word) for word, field in unknown]
    where = re.search(r"Go struct field (\S+) of type", message)
    return [(where[1] if where else "", f"{code} {message[:200]}")]


if __name__ == "__main__":
    main()
