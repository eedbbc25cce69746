"""
What lies behind a proxy: an ingress or an application that calls others to answer.

A 502 or 504 came through an open flow; the closed one is the next. Which that is, is read from
Ingress objects and from the proxies' own configuration (nginx's `location` and `proxy_pass`),
as far as the world shows them; a chain that cannot be read ends.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from npol.model.story import Protocol
from npol.policy.evaluate.service_routing import routes
from npol.policy.objects.dialects import SPEC
from npol.policy.objects.entities import Pod, Service, Traffic
from npol.policy.state.cluster_state import ClusterState

LONGEST = 4
"""Hops of one chain; proxies that call each other would not end."""

_SERVER = re.compile(r"\bserver\s*\{")
_SERVER_NAME = re.compile(r"\bserver_name\s+([^;]+);")
_LOCATION = re.compile(r"location\s+(?:(=|\^~)\s+)?(/\S*)\s*\{([^}]*)\}")
_PROXY_PASS = re.compile(r"proxy_pass\s+([^;\s]+)\s*;")


@dataclass(frozen=True, slots=True)
class _HttpRequest:
    """What a hop is asked for."""

    host: str
    path: str


def hops(world: ClusterState, traffic: Traffic, host: str, path: str) -> tuple[Traffic, ...]:
    """The flows behind a flow that asks for `path` of `host`, in their order."""
    found: list[Traffic] = []
    request = _HttpRequest(host, path or "/")
    while len(found) < LONGEST:
        following = _next(world, traffic, request)
        if following is None or following[0] in found:
            break
        traffic, request = following
        found.append(traffic)
    return tuple(found)


def _next(
    world: ClusterState, traffic: Traffic, request: _HttpRequest
) -> tuple[Traffic, _HttpRequest] | None:
    pod = _answering(world, traffic)
    if pod is None:
        return None
    for service, port in _by_ingress(world, traffic, request):
        return Traffic(source=pod, target=service, port=port), request
    for url in _proxied(world, pod, request):
        if following := _called(world, pod, url, request):
            return following
    return None


def _answering(world: ClusterState, traffic: Traffic) -> Pod | None:
    found = routes(world, traffic, SPEC).paths
    target = found[0].target if found else None
    return target if isinstance(target, Pod) else None


def _by_ingress(
    world: ClusterState, traffic: Traffic, request: _HttpRequest
) -> Iterator[tuple[Service, int]]:
    """Ingress rules speak for the controller only, which is what the host leads to at first."""
    if not isinstance(traffic.target, Service):
        return
    fitting = [
        rule
        for rule in world.ingress_rules
        if rule.host in ("", request.host) and request.path.startswith(rule.path)
    ]
    backends = {(r.namespace, r.service) for r in fitting}
    if (traffic.target.namespace, traffic.target.name) in backends:
        return
    for rule in sorted(fitting, key=lambda r: (len(r.host), len(r.path)), reverse=True):
        service = world.service(rule.namespace, rule.service)
        if service and (port := _port_of(service, rule.port)):
            yield service, port


def _port_of(service: Service, port: int | str) -> int | None:
    if isinstance(port, int):
        return port
    return next((p.port for p in service.ports if p.name == port), None)


def _proxied(world: ClusterState, pod: Pod, request: _HttpRequest) -> Iterator[str]:
    """The URL that the longest fitting `location` of a pod's configuration passes on to."""
    for text in world.texts_of(pod):
        fitting = [
            (mark == "=", len(prefix), prefix, body)
            for mark, prefix, body in _LOCATION.findall(_server_for(text, request.host))
            if (request.path == prefix if mark == "=" else request.path.startswith(prefix))
        ]
        if fitting:
            *_, prefix, body = max(fitting)
            if passed := _PROXY_PASS.search(body):
                yield _with_rest(passed[1], request.path.removeprefix(prefix), request.path)


def _server_for(text: str, host: str) -> str:
    """The `server` block that names the host; without one, all of the text."""
    for block in _SERVER.split(text)[1:]:
        names = _SERVER_NAME.search(block)
        if names and host in names[1].split():
            return block
    return text


def _with_rest(url: str, rest: str, path: str) -> str:
    """A proxy_pass with a path replaces the location's prefix, one without keeps the path."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}{parts.path + rest if parts.path else path}"


def _called(
    world: ClusterState, pod: Pod, url: str, request: _HttpRequest
) -> tuple[Traffic, _HttpRequest] | None:
    """The Service that a URL names: `name`, `name.namespace` or longer."""
    parts = urlsplit(url)
    name, _, rest = (parts.hostname or "").partition(".")
    service = world.service(rest.partition(".")[0] or pod.namespace, name)
    if service is None:
        return None
    port = parts.port or (443 if parts.scheme == "https" else 80)
    traffic = Traffic(source=pod, target=service, port=port, protocol=Protocol.TCP)
    return traffic, _HttpRequest(parts.hostname or "", parts.path or request.path)
