"""
The IP families that a lab may have, and the networks that its addresses come from.

A pod has the same number in the networks of both families, as have nodes.
"""

from __future__ import annotations

import errno
import functools
import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeGuard

from npol.api_rules import addresses
from npol.api_rules.addresses import Network


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """`node` and `pods_of` are templates with the node's number."""

    name: str
    """As the API spells it."""
    version: int
    ip: str
    """nftables' word for its tables and headers."""
    everywhere: str
    wire: int
    """Prefix length of the nodes' network, and of those of places outside."""
    router: str
    """The wire's own address: the nodes' default route, and the control plane's address."""
    node: str
    pods: str
    """All pods' network."""
    pods_of: str
    services: str
    gateway: str
    """What every pod takes for its router; no interface carries it, as with Calico."""
    host: int
    """Prefix length of one address."""

    @property
    def element(self) -> str:
        """nftables' type of an address."""
        return f"ipv{self.version}_addr"

    def is_of(self, address: str) -> bool:
        return (":" in address) == (self.version == 6)

    def node_address(self, number: int) -> str:
        return self.node.format(10 + number)

    def pod_range(self, number: int) -> Network:
        """The addresses of one node's pods."""
        return ipaddress.ip_network(self.pods_of.format(number))


IPV4 = Family(
    name="IPv4",
    version=4,
    ip="ip",
    everywhere="0.0.0.0/0",
    wire=24,
    router="10.98.1.1",
    node="10.98.1.{}",
    pods="10.244.0.0/16",
    pods_of="10.244.{}.0/24",
    services="10.96.0.0/16",
    gateway="169.254.1.1",
    host=32,
)
IPV6 = Family(
    name="IPv6",
    version=6,
    ip="ip6",
    everywhere="::/0",
    wire=64,
    router="fd00:10:98:1::1",
    node="fd00:10:98:1::{}",
    pods="fd00:10:244::/48",
    pods_of="fd00:10:244:{}::/64",
    services="fd00:10:96::/112",
    gateway="fe80::ecee:eeff:feee:eeee",
    host=128,
)
BY_NAME = {family.name: family for family in (IPV4, IPV6)}
SINGLE: tuple[Family, ...] = (IPV4,)


def named(names: Iterable[str]) -> tuple[Family, ...]:
    """
    Raises:
        ValueError: no families that a lab can have.
    """
    wanted = tuple(names)
    if wanted not in (("IPv4",), ("IPv4", "IPv6")):
        raise ValueError(f"a lab has IPv4, or IPv4,IPv6, not {','.join(wanted) or 'none'}")
    return tuple(BY_NAME[name] for name in wanted)


def family_of(address: str) -> Family:
    return IPV6 if ":" in address else IPV4


@functools.lru_cache(maxsize=4096)
def plain(text: str, family: Family) -> str:
    """An address as nftables reads it; "" for one of another family, or what is none."""
    found = addresses.address(text)
    return str(found) if found is not None and found.version == family.version else ""


def is_port(number: int | None) -> TypeGuard[int]:
    return number is not None and 1 <= number <= 65535


def numeric(host: str) -> str:
    """
    The address that a pod's manifest or a client of its names.

    The machine's resolver is asked for nothing: it is not the cluster's, and tells the world.

    Raises:
        OSError: it is a name other than localhost.
    """
    found = addresses.address("127.0.0.1" if host == "localhost" else host)
    if found is None:
        raise OSError(errno.EADDRNOTAVAIL, f"lookup {host}: no such host")
    return str(found)
