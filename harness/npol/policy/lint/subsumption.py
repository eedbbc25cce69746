"""
Whether one clause selects everything that another one does, whatever the cluster holds.

Sound and not complete: it compares what is written, and never says yes wrongly.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from npol.policy.objects.netpol_types import IpBlock, PeerClause, PortClause, Rule
from npol.selectors import Selector, spell


def covers_selector(wide: Selector, narrow: Selector) -> bool:
    """Fewer requirements select more."""
    return requirements(wide) <= requirements(narrow)


def requirements(selector: Selector) -> frozenset[str]:
    """What all must hold, each spelled out."""
    labels = [f"{k}={v}" for k, v in (selector.get("matchLabels") or {}).items()]
    expressions = selector.get("matchExpressions") or []
    return frozenset([*labels, *(spell({"matchExpressions": [e]}) for e in expressions)])


def covers_peers(wide: Rule, narrow: Rule) -> bool:
    return _covers_all(wide.peers, narrow.peers, covers_peer)


_Clause = TypeVar("_Clause", PeerClause, PortClause)


def _covers_all(
    wide: Sequence[_Clause],
    narrow: Sequence[_Clause],
    covers: Callable[[_Clause, _Clause], bool],
) -> bool:
    """Each clause by another one; a rule without clauses restricts nothing."""
    if not wide:
        return True
    return bool(narrow) and all(any(covers(w, n) for w in wide) for n in narrow)


def covers_peer(wide: PeerClause, narrow: PeerClause) -> bool:
    """Both in policies of the same namespace."""
    if wide.ip_block or narrow.ip_block:
        return bool(wide.ip_block and narrow.ip_block) and _covers_block(
            wide.ip_block, narrow.ip_block
        )
    if wide.namespace_selector is None:
        if narrow.namespace_selector is not None:
            return False
    elif wide.namespace_selector and (
        narrow.namespace_selector is None
        or not covers_selector(wide.namespace_selector, narrow.namespace_selector)
    ):
        return False
    return covers_selector(wide.pod_selector or {}, narrow.pod_selector or {})


def _covers_block(wide: IpBlock | None, narrow: IpBlock | None) -> bool:
    """The excepts of the wide one must lie outside the narrow one, or be excepted there."""
    if wide is None or narrow is None or wide.cidr.version != narrow.cidr.version:
        return False
    if not _inside(narrow, wide):
        return False
    return all(
        not e.overlaps(narrow.cidr) or any(_net_inside(e, n) for n in narrow.excepts)
        for e in wide.excepts
    )


def _inside(narrow: IpBlock, wide: IpBlock) -> bool:
    return _net_inside(narrow.cidr, wide.cidr)


def _net_inside(inner: object, outer: object) -> bool:
    low, high = inner.network_address, inner.broadcast_address  # type: ignore[attr-defined]
    return low in outer and high in outer  # type: ignore[operator]


def covers_ports(wide: Rule, narrow: Rule) -> bool:
    return _covers_all(wide.ports, narrow.ports, _covers_port)


def _covers_port(wide: PortClause, narrow: PortClause) -> bool:
    if wide.protocol is not narrow.protocol:
        return False
    if wide.port is None:
        return True
    if isinstance(wide.port, str) or isinstance(narrow.port, str) or narrow.port is None:
        return wide.port == narrow.port
    low, high = narrow.port, narrow.end_port or narrow.port
    return wide.port <= low and high <= (wide.end_port or wide.port)


def peer_keys(peer: PeerClause) -> list[str]:
    """
    The peer's own key, then the keys of peers that may cover it.

    Peers that differ in the requirements of one selector are not found by these keys.
    """
    if peer.ip_block is not None:
        return ["blocks"]
    place = None if peer.namespace_selector is None else spell(peer.namespace_selector)
    who = spell(peer.pod_selector or {})
    everyone, everywhere = spell({}), spell({})
    pairs = [(place, who), (place, everyone), (everywhere, who), (everywhere, everyone)]
    return list(dict.fromkeys(f"{p}|{w}" for p, w in pairs))
