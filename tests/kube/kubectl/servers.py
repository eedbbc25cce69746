"""
An API server and proxies that write down how they were reached.

Threads on loopback. Every proxy leads to the API server, whatever host it was asked for.
"""

from __future__ import annotations

import base64
import contextlib
import http.server
import json
import select
import socket
import socketserver
import ssl
import threading
from dataclasses import dataclass, field
from pathlib import Path

import trustme

HOSTS = ("127.0.0.1", "localhost", "api.example.test", "other.example.test", "10.1.2.3", "::1")
"""What the server's certificate is good for."""


@dataclass
class Authorities:
    """Certificates of all ends, as files of one directory; made once."""

    directory: Path

    def __post_init__(self):
        self.server, self.clients = trustme.CA(), trustme.CA()
        self.ca = self._write("ca.crt", self.server.cert_pem)
        self.foreign_ca = self._write("foreign.crt", trustme.CA().cert_pem)
        self.issued = self.server.issue_cert(*HOSTS)
        for name in ("jane", "john"):
            issued = self.clients.issue_cert(f"{name}@example.test", common_name=name)
            self._write(f"{name}.crt", issued.cert_chain_pems[0])
            self._write(f"{name}.key", issued.private_key_pem)

    def path(self, name):
        return str(self.directory / name)

    def data(self, name):
        return base64.b64encode((self.directory / name).read_bytes()).decode()

    def _write(self, name, blob):
        (self.directory / name).write_bytes(blob.bytes())
        return self.path(name)

    def context(self, *, clients=False):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.issued.configure_cert(context)
        if clients:
            self.clients.configure_trust(context)
            context.verify_mode = ssl.CERT_OPTIONAL
        return context


@dataclass
class Seen:
    """How the list of pods reached the server; None for what was not seen."""

    through: list[str] = field(default_factory=list)
    sni: str | None = None
    request: dict | None = None

    def clear(self):
        self.through, self.sni, self.request = [], None, None


@dataclass
class Servers:
    """All servers of a case, and what they have seen since `seen.clear()`."""

    authorities: Authorities
    address: str = "127.0.0.1"
    seen: Seen = field(default_factory=Seen)

    def __enter__(self):
        self._stack = contextlib.ExitStack()
        serve = lambda handler, **more: self._stack.enter_context(_served(self, handler, **more))  # noqa: E731
        tls = self.authorities.context(clients=True)
        tls.sni_callback = self._named
        self.ports = {
            "port": serve(ApiHandler, tls=tls),
            "plain": serve(ApiHandler),
            "http_proxy": serve(ProxyHandler),
            "https_proxy": serve(ProxyHandler, tls=self.authorities.context()),
            "socks": serve(SocksHandler),
        }
        return self

    def __exit__(self, *_):
        self._stack.close()

    def _named(self, _sock, name, _context):
        self.seen.sni = name

    def words(self, text):
        """`{port}`, `{ca}`, `{jane.crt:data}` and the like, filled in."""
        for name, port in self.ports.items():
            text = text.replace(f"{{{name}}}", str(port))
        for file in ("ca.crt", "foreign.crt", "jane.crt", "jane.key", "john.crt", "john.key"):
            text = text.replace(f"{{{file}}}", self.authorities.path(file))
            text = text.replace(f"{{{file}:data}}", self.authorities.data(file))
        return text

    def names(self, text):
        """The reverse, for ports: what is written down must not change from run to run."""
        for name, port in self.ports.items():
            text = text.replace(f":{port}", f":{{{name}}}")
        return text


class Listener(socketserver.ThreadingTCPServer):
    """One port; its handlers find all servers by it."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, servers, handler, tls):
        self.servers, self.tls = servers, tls
        super().__init__((servers.address, 0), handler)

    def handle_error(self, *_):
        """Some clients do not like our certificate."""


@contextlib.contextmanager
def _served(servers, handler, tls=None):
    server = Listener(servers, handler, tls)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class TlsHandler(http.server.BaseHTTPRequestHandler):
    """The handshake belongs to the connection's thread, not to the listener's."""

    server: Listener
    protocol_version = "HTTP/1.1"
    timeout = 10

    def setup(self):
        if self.server.tls:
            self.request = self.server.tls.wrap_socket(self.request, server_side=True)
        super().setup()

    def finish(self):
        super().finish()
        self.request.close()  # the server knows the connection below TLS only

    def log_message(self, *_):
        pass


DISCOVERY = {
    "/api": {"kind": "APIVersions", "versions": ["v1"]},
    "/apis": {"kind": "APIGroupList", "apiVersion": "v1", "groups": []},
    "/api/v1": {
        "kind": "APIResourceList",
        "groupVersion": "v1",
        "resources": [
            {"name": "pods", "kind": "Pod", "namespaced": True, "verbs": ["get", "list"]},
        ],
    },
    "/version": {"major": "1", "minor": "33", "gitVersion": "v1.33.0"},
}
PODS = {"kind": "PodList", "apiVersion": "v1", "metadata": {}, "items": []}
HEADERS = ("authorization", "impersonate-")


class ApiHandler(TlsHandler):
    """Discovery, and a list of pods in any namespace; that one is written down."""

    def do_GET(self):
        path = self.path.partition("?")[0]
        if path.endswith("/pods"):
            self._note(path)
            self._answer(200, PODS)
            return
        found = next((body for end, body in DISCOVERY.items() if path.endswith(end)), None)
        self._answer(200 if found else 404, found or {"kind": "Status", "code": 404})

    def _note(self, path):
        headers = [
            [name.lower(), value]
            for name, value in self.headers.items()
            if name.lower().startswith(HEADERS)
        ]
        self.server.servers.seen.request = {
            "path": path,
            "headers": sorted(headers),
            "client": self._client(),
            "host": self.headers["Host"],
        }

    def _client(self):
        if not self.server.tls:
            return None
        found = self.request.getpeercert() or {}
        names = [value for rdn in found.get("subject", ()) for key, value in rdn]
        return names[-1] if names else None

    def _answer(self, status, body):
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


class ProxyHandler(TlsHandler):
    """CONNECT, and requests in absolute form for servers without TLS."""

    def do_CONNECT(self):
        self._note(self.path)
        ports = self.server.servers.ports
        plain = self.path.endswith(f":{ports['plain']}")
        address = "127.0.0.1", ports["plain" if plain else "port"]
        with socket.create_connection(address) as other:
            self.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
            pump(self.connection, other)
        self.close_connection = True

    def _forward(self):
        host = self.path.split("/")[2]
        self._note(host)
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length)
        path = "/" + self.path.split("/", 3)[3]
        kept = [f"{n}: {v}" for n, v in self.headers.items() if not n.lower().startswith("proxy-")]
        head = f"{self.command} {path} HTTP/1.1\r\n" + "\r\n".join(kept) + "\r\n"
        address = "127.0.0.1", self.server.servers.ports["plain"]
        with socket.create_connection(address) as other:
            other.sendall(head.encode() + b"Connection: close\r\n\r\n" + body)
            while data := other.recv(65536):
                self.wfile.write(data)
        self.close_connection = True

    do_GET = do_POST = _forward

    def _note(self, target):
        kind = "https" if self.server.tls else "http"
        asked = self.headers.get("Proxy-Authorization")
        password = f" as {base64.b64decode(asked.split()[1]).decode()}" if asked else ""
        self.server.servers.seen.through.append(f"{kind} proxy to {target}{password}")


class SocksHandler(socketserver.BaseRequestHandler):
    """SOCKS 5 (RFC 1928), with a password where the client offers one (RFC 1929)."""

    server: Listener

    def handle(self):
        _, count = self._read(2)
        methods = self._read(count)
        password = ""
        if 2 in methods:
            self.request.sendall(b"\x05\x02")
            self._read(1)
            user = self._read(self._read(1)[0]).decode()
            password = f" as {user}:{self._read(self._read(1)[0]).decode()}"
            self.request.sendall(b"\x01\x00")
        else:
            self.request.sendall(b"\x05\x00")
        *_, kind = self._read(4)
        if kind == 3:
            host = self._read(self._read(1)[0]).decode()
        else:
            family = socket.AF_INET if kind == 1 else socket.AF_INET6
            host = socket.inet_ntop(family, self._read(4 if kind == 1 else 16))
        port = int.from_bytes(self._read(2), "big")
        servers = self.server.servers
        servers.seen.through.append(f"socks proxy to {host}:{port}{password}")
        with socket.create_connection(("127.0.0.1", servers.ports["port"])) as other:
            self.request.sendall(b"\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00")
            pump(self.request, other)

    def _read(self, size):
        data = b""
        while len(data) < size:
            more = self.request.recv(size - len(data))
            if not more:
                raise ConnectionError
            data += more
        return data


def pump(one, other):
    """Carries bytes both ways until one end closes; one thread, as TLS sockets ask for."""
    ends = {one: other, other: one}
    while True:
        ready = [end for end in ends if getattr(end, "pending", int)()]
        for source in ready or select.select(list(ends), [], [], 10)[0]:
            try:
                data = source.recv(65536)
            except OSError:
                return
            if not data:
                return
            ends[source].sendall(data)
