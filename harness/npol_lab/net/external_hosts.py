"""Places outside the cluster: hosts behind the router, reached by their addresses only."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from npol_lab.families import Family
from npol_lab.isolation.namespaces import inside
from npol_lab.net.links import POD_LINK, Links, prepare


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A host in a network of its own; `names` are domains that mean it, and all below them."""

    name: str
    network: Mapping[str, str]
    """By family: what its address and its gateway's begin with."""
    names: tuple[str, ...]

    def address(self, family: Family) -> str:
        return f"{self.network[family.name]}10"

    def gateway(self, family: Family) -> str:
        return f"{self.network[family.name]}1"


INTERNET = Place(
    name="internet",
    network={"IPv4": "203.0.113.", "IPv6": "2001:db8:113::"},
    names=("example.test", "outside.test"),
)
BACKUP = Place(
    name="backup",
    network={"IPv4": "192.168.5.", "IPv6": "fd00:192:168:5::"},
    names=("backup.test",),
)
PLACES = (INTERNET, BACKUP)


def attach(
    links: Links, place: Place, families: Sequence[Family], *, cable: str, netns: str
) -> None:
    """Lay a cable from the router, whose links these are, to the place, and set up its end."""
    with inside(netns):
        prepare(families)
        far = Links()
    links.cable(cable, netns)
    for family in families:
        links.address(cable, place.gateway(family), family.wire)
    with contextlib.closing(far), inside(netns):
        far.up("lo")
        far.up(POD_LINK)
        for family in families:
            far.address(POD_LINK, place.address(family), family.wire)
            far.route(family.everywhere, place.gateway(family))
