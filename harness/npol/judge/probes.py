"""
Which probes to ask for a flow.

Pure: the cluster's answers come in as `Target` and `PodRef` values, probes go out.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from npol.model.expectation import Outcome, Word
from npol.model.probe import PodRef, Probe, ProbeKind, Role
from npol.model.story import Flow, FlowKind, HttpCheck, Protocol, Step
from npol.model.target import Backend, Target

DNS_PORT = 53
DNS_PROBE = "kubernetes.default.svc.cluster.local."
"""A name that every cluster has."""
UDP_PAYLOAD = "echo npol"
"""What agnhost's UDP server answers with `npol`; any answer at all counts."""
SELF_PORT = 9
"""Where a source asks itself: whether it is refused or answered, the packet came back."""


def probes_of(flow: Flow, target: Target | None, *, timeout: float) -> tuple[Probe, ...]:
    """
    The probes of one flow, asked together in one round.

    A Service is asked by name, by ClusterIP and by each pod's address, in each family that it
    has, whatever is expected: allow needs the first two, deny needs all addresses closed, and a
    failure is explained by the difference. DNS flows have no target.
    """
    if flow.kind is FlowKind.DNS:
        return (_lookup(flow.key, flow.resolve, flow.protocol, timeout),)
    if target is None:
        return ()
    if flow.hold:
        return held_probe(flow, target, timeout=timeout)
    asked: list[Probe] = []
    if target.name and not flow.every_pod:
        asked += _lookups(flow, target, timeout)
    for ip in () if flow.every_pod else target.cluster_ips:
        backend = Backend(ip=ip, port=target.port)
        asked.append(_connect(flow, target, backend, Role.SERVICE, timeout))
    outside = target.resolved_at_source or not (target.name or target.pods)
    role = Role.HOST if outside else Role.POD
    asked += [_connect(flow, target, backend, role, timeout) for backend in target.backends]
    return tuple(asked)


def held_probe(flow: Flow, target: Target, *, timeout: float) -> tuple[Probe, ...]:
    """
    What is asked of a connection that is held open: one, to the address that an application would
    take, of the first family.
    """
    service = [Backend(ip=ip, port=target.port) for ip in target.cluster_ips]
    role = Role.SERVICE if service else Role.POD if target.pods else Role.HOST
    asked = (_connect(flow, target, end, role, timeout) for end in (service or target.backends)[:1])
    return tuple(replace(probe, key=flow.key, held=True) for probe in asked)


def _lookups(flow: Flow, target: Target, timeout: float) -> list[Probe]:
    """Of a name with addresses of both families each is looked up: an application may take any."""
    plain = _lookup(f"{flow.key}|name", target.name, Protocol.UDP, timeout)
    if len(target.families) < 2:
        return [plain]
    other = replace(plain, key=f"{flow.key}|name6", family=6, subject=f"name {target.name} (AAAA)")
    return [replace(plain, family=4), other]


def source_lookups(name: str, *, timeout: float) -> tuple[Probe, ...]:
    """What a source is asked so that the addresses of a name are known as it knows them."""
    return tuple(
        replace(
            _lookup(f"{name} {record}", name, Protocol.UDP, timeout),
            family=family,
            subject=f"name {name} ({record})",
        )
        for family, record in ((4, "A"), (6, "AAAA"))
    )


def self_control(source: PodRef, *, timeout: float) -> Probe:
    """The control of every deny: a pod reaches its own address under any policy."""
    return Probe(
        key=f"self {source.ip}",
        kind=ProbeKind.CONNECT,
        address=source.ip,
        port=SELF_PORT,
        timeout=timeout,
        role=Role.SELF,
        subject=f"itself, {source.ip}",
    )


def lookup_control(role: Role, subject: str, *, timeout: float, server: str = "") -> Probe:
    """
    A control of a source's way out: the cluster's name server hears it and answers.

    `server`: its address, where it is asked over another IP family than the source would.
    """
    key = f"{role.value} dns {server}".rstrip()
    probe = _lookup(key, DNS_PROBE, Protocol.UDP, timeout)
    return replace(probe, role=role, subject=subject, address=server)


def reach_control(role: Role, ip: str, subject: str, *, timeout: float) -> Probe:
    """The same: a pod's kernel refuses a port at which nothing listens."""
    return Probe(
        key=f"{role.value} {ip}",
        kind=ProbeKind.CONNECT,
        address=ip,
        port=SELF_PORT,
        timeout=timeout,
        role=role,
        subject=subject,
    )


def alive_control(backend: Backend, flow: Flow, *, timeout: float) -> Probe:
    """The other control: the target answers a probe from itself, over the flow's protocol."""
    base = Probe(
        key=f"alive {backend}/{flow.protocol.value}",
        kind=ProbeKind.CONNECT,
        address=backend.ip,
        port=backend.port,
        protocol=flow.protocol,
        timeout=timeout,
        role=Role.ALIVE,
        subject=f"{backend.pod} asked itself, {backend}",
    )
    return _asked_over_udp(base, flow)


def _lookup(key: str, name: str, protocol: Protocol, timeout: float) -> Probe:
    return Probe(
        key=key,
        kind=ProbeKind.DNS,
        address="",
        name=name,
        protocol=protocol,
        timeout=timeout,
        role=Role.NAME,
        subject=f"name {name}",
    )


def _connect(flow: Flow, target: Target, backend: Backend, role: Role, timeout: float) -> Probe:
    subject = {
        Role.SERVICE: f"ClusterIP {backend}",
        Role.POD: f"pod {backend.pod.name if backend.pod else ''} {backend}",
    }.get(role, f"{target.label} {backend}")
    base = Probe(
        key=f"{flow.key}|{backend}",
        kind=ProbeKind.CONNECT,
        address=backend.ip,
        port=backend.port,
        protocol=flow.protocol,
        timeout=timeout,
        role=role,
        subject=subject,
    )
    if flow.http:
        return _over_http(base, flow.http, target)
    return _asked_over_udp(base, flow)


def _over_http(base: Probe, http: HttpCheck, target: Target) -> Probe:
    """Without a Host header of its own a request over TLS has the name of the handshake."""
    sni = http.sni if http.tls else ""
    name = http.host or sni or target.host or target.name.rstrip(".")
    other = "" if sni == name else sni
    return replace(
        base, kind=ProbeKind.HTTP, name=name, server_name=other, path=http.path, tls=http.tls
    )


def _asked_over_udp(probe: Probe, flow: Flow) -> Probe:
    """A DNS server answers questions, not datagrams; any answer opens the flow."""
    if flow.protocol is not Protocol.UDP:
        return probe
    if flow.port == DNS_PORT:
        return replace(probe, kind=ProbeKind.DNS, name=DNS_PROBE)
    return replace(probe, payload=UDP_PAYLOAD)


SILENT = (Outcome.TIMEOUT, Outcome.DNS_TIMEOUT)
"""Outcomes that only an enforced policy brings about, as `deny` does."""


def has_denies(steps: Iterable[Step], engine: str) -> bool:
    """Whether any of their flows is expected to be cut on this engine."""
    expected = [f.expect.for_engine(engine) for s in steps for f in s.flows]
    return any(e.word is Word.DENY or e.outcome in SILENT for e in expected)
