"""
`toPorts` and `icmps` of Cilium's policies.

Source: cilium/cilium v1.20.2 pkg/policy/api (l4.go, icmp.go, rule_validation.go). A port without
a protocol means TCP, UDP and SCTP; port 0 means all.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from npol.model.story import Protocol
from npol.policy.objects.cilium_types import CiliumPort
from npol.policy.objects.netpol_types import Direction, Origin
from npol.policy.parse.object_source import Path, mapping
from npol.policy.parse.validation_errors import Refusals

MOST_PORTS = 40
NEEDS_EXTENDED = "enable-extended-ip-protocols"
_NAME = re.compile(r"([a-zA-Z0-9]-?)*[a-zA-Z](-?[a-zA-Z0-9])*")
_TAKEN = re.compile(r"^[0-9]|[a-zA-Z](-?[a-zA-Z0-9])*$")
"""What the definition's pattern takes, which is anchored at one end only in each of its parts."""
_LONGEST_NAME = 15
_TRANSPORTS = {"TCP": Protocol.TCP, "UDP": Protocol.UDP, "SCTP": Protocol.SCTP}
_WITHOUT_PORTS = ("VRRP", "IGMP", "GRE", "IPIP", "IPV6", "ESP", "AH")
_LAYER_7 = ("http", "dns", "kafka", "l7")
_BEYOND = ("listener", "terminatingTLS", "originatingTLS", "serverNames")


class CiliumPortReader:
    """Entries of `toPorts` and `icmps`; `needs`: options of the agent that they depend on."""

    def __init__(self, refusals: Refusals, origin: Callable[[Path], Origin]) -> None:
        self._refusals = refusals
        self._wrong = refusals.wrong
        self._origin = origin
        self.needs: list[str] = []

    def group(
        self, value: Any, path: Path, direction: Direction, *, denies: bool
    ) -> Iterator[CiliumPort]:
        """One entry of `toPorts`."""
        entry = self._refusals.mapping_of(value, path)
        known = ("ports",) if denies else ("ports", "rules", *_BEYOND)
        self._refusals.fields(entry, path, known)
        ports = self._refusals.list_of(entry, "ports", path)
        if len(ports) > MOST_PORTS:
            message = f"may hold at most {MOST_PORTS}, not {len(ports)}"
            self._wrong((*path, "ports"), message, by_agent=denies)
        asks = self._asks(entry, path, direction)
        for number, port in enumerate(ports):
            yield self._port(port, (*path, "ports", number), asks)

    def _asks(self, entry: Mapping[str, Any], path: Path, direction: Direction) -> str:
        """The field that asks for more than the port: what L3/L4 does not show."""
        where = (*path, "rules")
        rules = self._refusals.mapping_of(entry.get("rules"), where)
        self._refusals.fields(rules, where, (*_LAYER_7, "l7proto"))
        asked = [key for key in _LAYER_7 if self._refusals.list_of(rules, key, where)]
        if len(asked) > 1:
            self._wrong(where, f"needs exactly one of {', '.join(_LAYER_7)}")
        if "dns" in asked and direction is Direction.INGRESS:
            self._wrong((*where, "dns"), "DNS rules are for egress only", by_agent=True)
        if "listener" in entry and (asked or direction is Direction.INGRESS):
            message = "is for egress, and without rules of L7, only"
            self._wrong((*path, "listener"), message, by_agent=True)
        if asked:
            return f"rules.{asked[0]}"
        return next((key for key in _BEYOND if entry.get(key)), "")

    def _port(self, value: Any, path: Path, asks: str) -> CiliumPort:
        entry = self._refusals.mapping_of(value, path)
        self._refusals.fields(entry, path, ("port", "endPort", "protocol"))
        word = str(entry.get("protocol") or "ANY")
        if word not in ("ANY", *_TRANSPORTS, *_WITHOUT_PORTS):
            known = ", ".join(("ANY", *_TRANSPORTS))
            self._wrong((*path, "protocol"), f"must be one of {known}, not {word!r}")
        if asks.startswith("rules.") and asks != "rules.dns" and word != "TCP":
            self._wrong(path, f"{asks} is for TCP only, not {word}", by_agent=True)
        if word in _WITHOUT_PORTS:
            self._without_ports(entry, path, word)
            return CiliumPort(origin=self._origin(path), other=word)
        return CiliumPort(
            origin=self._origin(path),
            protocol=_TRANSPORTS.get(word),
            port=self._number(entry.get("port"), (*path, "port")),
            end_port=self._end(entry.get("endPort"), (*path, "endPort")),
            asks=asks,
        )

    def _without_ports(self, entry: Mapping[str, Any], path: Path, word: str) -> None:
        if entry.get("port") is None:
            self.needs.append(NEEDS_EXTENDED)
        elif entry["port"] != "0":
            self._wrong((*path, "port"), f"{word} has no ports: none, or '0'", by_agent=True)

    def _number(self, value: Any, path: Path) -> int | str:
        if isinstance(value, int) and not isinstance(value, bool):
            self._wrong(path, f"must be a string, not {value!r}", "put it in quotes")
            return value
        text = str(value or "")
        if not text:
            self._wrong(path, "is required ('0' for all ports)", by_agent=value is None)
        elif _NAME.fullmatch(text) and len(text) <= _LONGEST_NAME:
            return text.lower()
        elif (number := _whole(text)) is not None:
            return number
        else:
            message = f"not a valid port: {text!r} (0 to 65535, or a name)"
            self._wrong(path, message, by_agent=bool(_TAKEN.search(text)))
        return 0

    def _end(self, value: Any, path: Path) -> int:
        if value is None:
            return 0
        if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= 65535:
            self._wrong(path, f"must be a number from 0 to 65535, not {value!r}")
            return 0
        return value

    def icmp(self, value: Any, path: Path) -> Iterator[CiliumPort]:
        """One entry of `icmps`: no flow here is of ICMP, and none fits it."""
        entry = self._refusals.mapping_of(value, path)
        self._refusals.fields(entry, path, ("fields",))
        for number, one in enumerate(self._refusals.list_of(entry, "fields", path)):
            where = (*path, "fields", number)
            known = self._refusals.mapping_of(one, where)
            self._refusals.fields(known, where, ("family", "type"))
            if known.get("type") is None:
                self._wrong((*where, "type"), "is required")
            word = f"ICMP {mapping(one).get('type')}"
            yield CiliumPort(origin=self._origin(where), other=word)


def _whole(text: str) -> int | None:
    """As Go reads a number whose base its prefix tells."""
    if not text.isdecimal():
        return None
    try:
        number = int(text, 8) if text[0] == "0" and len(text) > 1 else int(text)
    except ValueError:
        return None
    return number if number <= 65535 else None
