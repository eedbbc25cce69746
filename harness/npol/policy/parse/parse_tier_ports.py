"""What a rule of a tiered policy says of protocols and ports, in both spellings of the API."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from npol.model.story import Protocol
from npol.policy.objects.netpol_types import Origin
from npol.policy.objects.tier_types import TierPort
from npol.policy.parse.object_source import Path
from npol.policy.parse.validation_errors import Refusals

_TRANSPORTS = {"tcp": Protocol.TCP, "udp": Protocol.UDP, "sctp": Protocol.SCTP}
_NOBODY = "."
"""A name that no port can have: what a wrong entry stands for."""


class TierPortReader:
    """Entries of `protocols` (ClusterNetworkPolicy) and of `ports` (the kinds before it)."""

    def __init__(self, refusals: Refusals, origin: Callable[[Path], Origin]) -> None:
        self._refusals = refusals
        self._wrong = refusals.wrong
        self._origin = origin

    def protocol(self, value: Any, path: Path) -> TierPort:
        """One entry of ClusterNetworkPolicy's `protocols`."""
        known = (*_TRANSPORTS, "destinationNamedPort")
        entry = self._refusals.one_of(value, path, known)
        chosen = next((key for key in known if key in entry), "")
        if not chosen:
            return TierPort(origin=self._origin(path), name=_NOBODY)
        if chosen not in _TRANSPORTS:
            return TierPort(origin=self._origin(path), name=str(entry[chosen]))
        where = (*path, chosen)
        inner = self._refusals.mapping_of(entry[chosen], where)
        self._refusals.fields(inner, where, ("destinationPort",))
        where = (*where, "destinationPort")
        port = self._refusals.one_of(inner.get("destinationPort"), where, ("number", "range"))
        first, last = self._span(port, where)
        return TierPort(
            origin=self._origin(path), protocol=_TRANSPORTS[chosen], first=first, last=last
        )

    def _span(self, port: Mapping[str, Any], path: Path) -> tuple[int, int]:
        if "range" not in port:
            number = self._number(port, "number", path)
            return number, number
        where = (*path, "range")
        span = self._refusals.mapping_of(port["range"], where)
        self._refusals.fields(span, where, ("start", "end"))
        first, last = self._number(span, "start", where), self._number(span, "end", where)
        if first >= last > 0:
            self._wrong(where, "start must be less than end")
        return first, last

    def port(self, value: Any, path: Path) -> TierPort:
        """One entry of `ports` in the older kinds."""
        known = ("portNumber", "portRange", "namedPort")
        entry = self._refusals.one_of(value, path, known)
        chosen = next((key for key in known if key in entry), "")
        if not chosen:
            return TierPort(origin=self._origin(path), name=_NOBODY)
        if chosen == "namedPort":
            return TierPort(origin=self._origin(path), name=str(entry[chosen]))
        where = (*path, chosen)
        inner = self._refusals.mapping_of(entry[chosen], where)
        ends = ("port", "port") if chosen == "portNumber" else ("start", "end")
        self._refusals.fields(inner, where, ("protocol", *ends))
        word = inner.get("protocol", "TCP")
        if word not in Protocol.__members__:
            self._wrong((*where, "protocol"), f"{word!r} is not one of TCP, UDP, SCTP")
        first, last = (self._number(inner, key, where) for key in ends)
        return TierPort(
            origin=self._origin(path),
            protocol=Protocol.__members__.get(str(word), Protocol.TCP),
            first=first,
            last=last,
        )

    def _number(self, owner: Mapping[str, Any], key: str, path: Path) -> int:
        value = owner.get(key)
        if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 65535:
            self._wrong((*path, key), f"must be a number from 1 to 65535, not {value!r}")
            return 0
        return value
