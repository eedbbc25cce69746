"""
Ingress objects as nginx configuration, as the ingress-nginx controller writes it.

Requests go to the pods' addresses, not through the Service: so does the real one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from npol.api_rules.objects import Obj

CONTROLLER = "k8s.io/ingress-nginx"
PREFIX = "nginx.ingress.kubernetes.io/"
FAKE_CERTIFICATE = "/etc/nginx/fake.pem"

_HEAD = """\
user root;
worker_processes 1;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log;
events { worker_connections 4096; }
http {
    access_log /var/log/nginx/access.log;
    proxy_http_version 1.1;
    proxy_set_header Host $host;
    proxy_set_header X-Real-IP $remote_addr;
    proxy_set_header X-Forwarded-For $remote_addr;
    proxy_set_header X-Forwarded-Host $host;
    proxy_set_header X-Forwarded-Port $server_port;
    proxy_set_header X-Forwarded-Proto $scheme;
    proxy_set_header X-Scheme $scheme;
    proxy_connect_timeout 5s;
    proxy_next_upstream error timeout;
    server_names_hash_bucket_size 256;
    client_max_body_size 1m;
    server { listen 10254; location /healthz { return 200; } }
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What a controller follows."""

    ingresses: Iterable[Obj]
    classes: Iterable[Obj]
    services: Iterable[Obj]
    slices: Iterable[Obj]


@dataclass(frozen=True, slots=True)
class _Location:
    path: str
    kind: str
    """Exact, Prefix or ImplementationSpecific."""
    upstream: str
    annotations: tuple[tuple[str, str], ...]


def accepted(ingresses: Iterable[Obj], classes: Iterable[Obj]) -> list[Obj]:
    """The Ingresses of our class; one without any class is ours, too."""
    ours = {c["metadata"]["name"] for c in classes if c["spec"].get("controller") == CONTROLLER}
    return [i for i in ingresses if _class_of(i) in {*ours, "nginx", ""}]


def _class_of(ingress: Obj) -> str:
    annotations = ingress["metadata"].get("annotations") or {}
    name = ingress["spec"].get("ingressClassName")
    return str(name or annotations.get("kubernetes.io/ingress.class") or "")


def render(world: World) -> str:
    """The whole nginx.conf."""
    upstreams: dict[str, list[str]] = {}
    servers: dict[str, list[_Location]] = {"_": []}
    for ingress in accepted(world.ingresses, world.classes):
        for host, location, backend in _routes(ingress):
            addresses = _addresses(ingress["metadata"]["namespace"], backend, world)
            upstreams.setdefault(location.upstream, addresses)
            servers.setdefault(host, []).append(location)
    parts = [_HEAD]
    parts += [_upstream(name, servers_) for name, servers_ in upstreams.items() if servers_]
    filled = {name for name, servers_ in upstreams.items() if servers_}
    parts += [_server(host, locations, filled) for host, locations in servers.items()]
    return "".join([*parts, "}\n"])


def _routes(ingress: Obj) -> Iterator[tuple[str, _Location, Obj]]:
    namespace, spec = ingress["metadata"]["namespace"], ingress["spec"]
    annotations = tuple(sorted((ingress["metadata"].get("annotations") or {}).items()))
    if backend := (spec.get("defaultBackend") or {}).get("service"):
        name = _name(namespace, backend)
        yield "_", _Location("/", "ImplementationSpecific", name, annotations), backend
    for rule in spec.get("rules") or []:
        for path in (rule.get("http") or {}).get("paths") or []:
            backend = path["backend"].get("service")
            if backend:
                kind = path.get("pathType") or "ImplementationSpecific"
                name = _name(namespace, backend)
                location = _Location(path.get("path") or "/", kind, name, annotations)
                yield rule.get("host") or "_", location, backend


def _name(namespace: str, backend: Obj) -> str:
    port = backend.get("port") or {}
    return f"{namespace}-{backend['name']}-{port.get('number') or port.get('name')}"


def _addresses(namespace: str, backend: Obj, world: World) -> list[str]:
    """`address:port` of the ready endpoints of a backend."""
    wanted = backend.get("port") or {}
    port_name = _service_port_name(namespace, backend["name"], wanted, world.services)
    if port_name is None:
        return []
    found = []
    for piece in world.slices:
        labels = piece["metadata"].get("labels") or {}
        own = piece["metadata"]["namespace"] == namespace
        if not own or labels.get("kubernetes.io/service-name") != backend["name"]:
            continue
        ports = [p["port"] for p in piece.get("ports") or [] if (p.get("name") or "") == port_name]
        for endpoint in piece.get("endpoints") or []:
            if (endpoint.get("conditions") or {}).get("ready", True):
                found += [f"{endpoint['addresses'][0]}:{port}" for port in ports]
    return sorted(found)


def _service_port_name(
    namespace: str, name: str, wanted: Obj, services: Iterable[Obj]
) -> str | None:
    for service in services:
        metadata = service["metadata"]
        if (metadata["namespace"], metadata["name"]) == (namespace, name):
            for port in service["spec"].get("ports") or []:
                if wanted in ({"number": port["port"]}, {"name": port.get("name")}):
                    return str(port.get("name") or "")
    return None


def _upstream(name: str, addresses: list[str]) -> str:
    servers = "".join(f" server {address} max_fails=0;" for address in addresses)
    return f"    upstream {name} {{{servers} keepalive 32; }}\n"


def _server(host: str, locations: list[_Location], filled: set[str]) -> str:
    default = " default_server" if host == "_" else ""
    lines = [
        f"        listen 80{default};",
        f"        listen 443 ssl{default};",
        f"        ssl_certificate {FAKE_CERTIFICATE};",
        f"        ssl_certificate_key {FAKE_CERTIFICATE};",
        f"        server_name {_safe(host)};",
    ]
    lines += [line for location in locations for line in _location(location, filled)]
    if not any(location.path == "/" for location in locations):
        lines.append("        location / { return 404; }")
    return "    server {\n" + "\n".join(dict.fromkeys(lines)) + "\n    }\n"


def _location(location: _Location, filled: set[str]) -> list[str]:
    annotations = dict(location.annotations)
    action = "return 503;"
    if location.upstream in filled:
        action = f"{_timeouts(annotations)}proxy_pass http://{location.upstream};"
    path = _quoted(location.path)
    rewrite = annotations.get(f"{PREFIX}rewrite-target")
    if rewrite or annotations.get(f"{PREFIX}use-regex") == "true":
        pattern = _quoted("^" + location.path)
        change = f"rewrite {pattern} {_quoted(rewrite)} break; " if rewrite else ""
        return [f"        location ~* {pattern} {{ {change}{action} }}"]
    if location.kind == "Exact":
        return [f"        location = {path} {{ {action} }}"]
    if location.kind == "Prefix" and location.path != "/":
        below = _quoted(location.path.rstrip("/") + "/")
        same = _quoted(location.path.rstrip("/"))
        return [
            f"        location {below} {{ {action} }}",
            f"        location = {same} {{ {action} }}",
        ]
    return [f"        location {path} {{ {action} }}"]


def _timeouts(annotations: dict[str, str]) -> str:
    text = ""
    for word in ("connect", "read", "send"):
        seconds = annotations.get(f"{PREFIX}proxy-{word}-timeout", "")
        if seconds.isdigit():
            text += f"proxy_{word}_timeout {seconds}s; "
    return text


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + re.sub(r"[\x00-\x1f]", "", escaped) + '"'


def _safe(host: str) -> str:
    return re.sub(r"[^A-Za-z0-9.*_-]", "", host)
