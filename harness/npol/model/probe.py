"""What is asked of the network, from where, and what it answered."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field

from npol.model.expectation import Outcome
from npol.model.story import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class PodRef:
    """One pod as it was when it was looked up; `uid` tells it from a successor of that name."""

    namespace: str
    name: str
    uid: str
    ip: str
    node: str = ""
    container: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    ready: bool = False
    host_network: bool = False
    other_ips: tuple[str, ...] = ()
    """Its addresses of another family."""

    @property
    def ips(self) -> tuple[str, ...]:
        """All its addresses, the cluster's first family first; none while it has none."""
        return (self.ip, *self.other_ips) if self.ip else ()

    def ip_towards(self, address: str) -> str:
        """The address that it asks another one from; its first one where that is not known."""
        return next((ip for ip in self.ips if family_of(ip) == family_of(address)), self.ip)

    def ip_over(self, family: int) -> str:
        """Its address of an IP family; "" for none."""
        return next((ip for ip in self.ips if family_of(ip) == family), "")

    def family_towards(self, address: str) -> int:
        """The family it asks an address over; "" is its own name server, of the cluster's first."""
        return family_of(address or self.ip)

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


def family_of(address: str) -> int:
    """4 or 6."""
    return 6 if ":" in address else 4


def socket_address(ip: str, port: int) -> str:
    """`10.0.0.1:80`, `[fd00::1]:80`."""
    return f"[{ip}]:{port}" if family_of(ip) == 6 else f"{ip}:{port}"


class ProbeKind(enum.Enum):
    """How a probe asks."""

    CONNECT = "connect"
    HTTP = "http"
    DNS = "dns"
    PING = "ping"  # reported, never judged: NetworkPolicy does not speak of ICMP


class Role(enum.Enum):
    """What a probe is asked for."""

    NAME = "name"  # does the Service's name resolve
    SERVICE = "service"  # does its ClusterIP answer
    POD = "pod"  # does a pod behind it answer by its own address
    HOST = "host"  # a place, an address or a site
    SELF = "self"  # control: the source reaches its own address
    ALIVE = "alive"  # control: the target answers itself, or another source
    SENDS = "sends"  # control: what the source sends arrives somewhere
    BESIDE = "beside"  # control: so does what another pod on its node sends


ADDRESSES = (Role.SERVICE, Role.POD, Role.HOST)
"""The roles that ask a flow's own addresses; a Service's before those behind it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """
    One question to the network, asked from one source over a new socket.

    `address` is an IP address: a probe resolves nothing by itself. For DNS it is the
    server, "" for the servers of the source's own resolv.conf, and `name` is looked up.
    """

    key: str
    kind: ProbeKind
    address: str
    port: int = 0
    protocol: Protocol = Protocol.TCP
    name: str = ""
    """DNS: the name to look up. HTTP: the Host header and, with `tls`, the server name."""
    server_name: str = ""
    """HTTP with `tls`: the name in the handshake, where it is another one than the Host header."""
    family: int = 0
    """DNS: 4 or 6 for A or AAAA records alone; 0: A, or AAAA where there are none."""
    path: str = "/"
    tls: bool = False
    payload: str = ""
    """UDP: what to send; any answer counts."""
    timeout: float = 2.0
    role: Role = Role.HOST
    subject: str = ""
    """What is asked, for people: `ClusterIP 10.96.1.2:80`, `pod backend-1 10.244.1.7:3001`."""
    held: bool = False
    """Whether it asks what a connection does that is held open (`key`), instead of a new one."""
    doubt: str = ""
    """Of such a one: why its silence would be no cut."""

    def __post_init__(self) -> None:
        if not 0 <= self.port <= 65535:
            raise ValueError(f"port must be 0-65535, got {self.port}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What one probe saw, with the evidence for it."""

    key: str
    outcome: Outcome
    seconds: float = 0.0
    tool: str = ""
    """The program that asked (`curl`, `nc`, ...)."""
    detail: str = ""
    """The tool's own words, or why the probe did not run; at most one line."""
    starved: bool = False
    """Whether it is an error for want of CPU time in the source: asked slower, it may not be."""
    late: float = 0.0
    """Seconds for which the source may have been too busy to hear an answer."""
    status: int = 0
    """HTTP status; 0 for none."""
    body: str = ""
    """The beginning of the HTTP body."""
    body_cut_off: bool = False
    """Whether there is more of it."""
    addresses: tuple[str, ...] = ()
    """What a name resolved to."""
    command: str = ""
    """A command that asks the same by hand, inside the source."""
    source_port: int | None = None
    """The port it was asked from, where npol chose it: what the data plane knows a probe by."""
    ended_early: bool = False
    """Whether its silence was not waited for: it is known otherwise that nothing will come."""
