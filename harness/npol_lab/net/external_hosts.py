"""Places outside the cluster: hosts behind the router, reached by their addresses only."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass

from npol_lab.isolation.namespaces import inside
from npol_lab.net.links import EVERYWHERE, POD_LINK, Links, without_ipv6


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A host in a network of its own; `names` are domains that mean it, and all below them."""

    name: str
    address: str
    gateway: str
    names: tuple[str, ...]


INTERNET = Place(
    name="internet",
    address="203.0.113.10",
    gateway="203.0.113.1",
    names=("example.test", "outside.test"),
)
BACKUP = Place(name="backup", address="192.168.5.10", gateway="192.168.5.1", names=("backup.test",))
PLACES = (INTERNET, BACKUP)


def attach(links: Links, place: Place, *, cable: str, netns: str) -> None:
    """Lay a cable from the router, whose links these are, to the place, and set up its end."""
    with inside(netns):
        without_ipv6()
        far = Links()
    links.cable(cable, netns)
    links.address(cable, place.gateway, 24)
    with contextlib.closing(far), inside(netns):
        far.up("lo")
        far.up(POD_LINK)
        far.address(POD_LINK, place.address, 24)
        far.route(EVERYWHERE, place.gateway)
