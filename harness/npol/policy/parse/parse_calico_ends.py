"""
What a rule of Calico's says of a packet's source and destination.

Source: projectcalico/calico libcalico-go/lib/validator/v3 (what is refused), and
libcalico-go/lib/backend/syncersv1/updateprocessors/rules.go (what selectors mean).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from npol.api_rules import addresses
from npol.policy.objects.calico_labels import of_accounts, of_namespaces
from npol.policy.objects.calico_selectors import (
    AllOf,
    CalicoSelector,
    Comparison,
    LabelValue,
    Negated,
    together,
)
from npol.policy.objects.calico_types import ACCOUNT, NAMESPACE, CalicoEnd, PortList
from npol.policy.objects.netpol_types import Network, Origin
from npol.policy.parse.object_source import Path
from npol.policy.parse.parse_calico_selectors import SelectorError, parse_calico_selector
from npol.policy.parse.validation_errors import Refusals

NOBODY = Negated(AllOf(()))
"""What a selector that cannot be read stands for."""
PORT_PROTOCOLS = (6, 17, 132)
_FIELDS = (
    "nets",
    "notNets",
    "selector",
    "notSelector",
    "namespaceSelector",
    "services",
    "ports",
    "notPorts",
    "serviceAccounts",
)
_NOT_BESIDE_SERVICES = ("nets", "notNets", "selector", "notSelector", "namespaceSelector")
_PORT_FIELDS = ("ports", "notPorts")
_MOST = {"nets": 256, "notNets": 256, "ports": 50, "notPorts": 50}


def read_calico_selector(
    refusals: Refusals, owner: Mapping[str, Any], key: str, path: Path, *, of_place: bool = False
) -> CalicoSelector | None:
    """
    A selector, or None where there is none or an empty one.

    `of_place`: a rule's of namespaces, where `global()` may stand alone.
    """
    text = owner.get(key)
    if text is None or text == "":
        return None
    if not isinstance(text, str):
        refusals.wrong((*path, key), f"must be a selector, not {text!r}")
        return NOBODY
    if "global(" in text and not (of_place and text.strip().replace(" ", "") == "global()"):
        why = "global() stands alone, and in the namespaceSelector of a rule only"
        refusals.wrong((*path, key), why)
    try:
        return parse_calico_selector(text)
    except SelectorError as error:
        where = (*path, key)
        refusals.wrong(where, f"not a selector: {error} (character {error.offset + 1})")
        return NOBODY


class CalicoEndReader:
    """Reads `source` and `destination`; `namespace` "" for a GlobalNetworkPolicy's."""

    def __init__(
        self, refusals: Refusals, origin: Callable[[Path], Origin], namespace: str
    ) -> None:
        self._refusals = refusals
        self._wrong = refusals.wrong
        self._origin = origin
        self._namespace = namespace

    def read(
        self, value: Any, path: Path, protocol: int | None, *, may_name_services: bool
    ) -> CalicoEnd:
        end = self._refusals.mapping_of(value, path)
        self._refusals.fields(end, path, _FIELDS)
        selector = self._selector(end, path)
        but_not = read_calico_selector(self._refusals, end, "notSelector", path)
        if selector is not None and but_not is not None:
            selector, but_not = together(selector, Negated(but_not)), None
        self._check_ports(end, path, protocol)
        return CalicoEnd(
            origin=self._origin(path),
            selector=selector,
            but_not=but_not,
            networks=tuple(self._networks(end, "nets", path)),
            not_networks=tuple(self._networks(end, "notNets", path)),
            ports=self._ports(end, "ports", path),
            not_ports=self._ports(end, "notPorts", path),
            service=self._service(end, path, allowed=may_name_services),
        )

    def _selector(self, end: Mapping[str, Any], path: Path) -> CalicoSelector | None:
        """A namespaced policy means its own namespace as soon as labels are spoken of."""
        refusals = self._refusals
        parts = [*self._accounts(end, path)]
        if (own := read_calico_selector(refusals, end, "selector", path)) is not None:
            parts.append(own)
        place = read_calico_selector(refusals, end, "namespaceSelector", path, of_place=True)
        if place is not None:
            parts.append(of_namespaces(place))
        elif self._namespace and (parts or end.get("notSelector")):
            parts.append(LabelValue(NAMESPACE, Comparison.IN, (self._namespace,)))
        return together(*parts) if parts else None

    def _accounts(self, end: Mapping[str, Any], path: Path) -> Iterator[CalicoSelector]:
        where = (*path, "serviceAccounts")
        accounts = self._refusals.mapping_of(end.get("serviceAccounts"), where)
        self._refusals.fields(accounts, where, ("names", "selector"))
        found = read_calico_selector(self._refusals, accounts, "selector", where)
        if found is not None:
            yield of_accounts(found)
        names = self._refusals.list_of(accounts, "names", where)
        if names:
            yield LabelValue(ACCOUNT, Comparison.IN, tuple(map(str, names)))

    def _networks(self, end: Mapping[str, Any], key: str, path: Path) -> Iterator[Network]:
        for index, text in enumerate(self._some(end, key, path)):
            where = (*path, key, index)
            network = addresses.network(str(text))
            if network is None:
                self._wrong(where, f"not a valid CIDR: {text!r}")
            elif key == "notNets" and network.prefixlen == 0:
                self._wrong(where, "nothing lies outside of it: the rule would fit nothing")
            else:
                yield network

    def _some(self, end: Mapping[str, Any], key: str, path: Path) -> list[Any]:
        listed = self._refusals.list_of(end, key, path)
        if len(listed) > _MOST[key]:
            self._wrong((*path, key), f"may hold at most {_MOST[key]} entries, not {len(listed)}")
        return listed

    def _ports(self, end: Mapping[str, Any], key: str, path: Path) -> PortList:
        ranges, names = [], []
        for index, value in enumerate(self._some(end, key, path)):
            span = span_of(value)
            if span is None:
                names.append(str(value))
            elif 1 <= span[0] <= span[1] <= 65535:
                ranges.append(span)
            else:
                self._wrong(
                    (*path, key, index), f"must be 1 to 65535, the lower one first, not {value!r}"
                )
        return PortList(tuple(ranges), tuple(names))

    def _check_ports(self, end: Mapping[str, Any], path: Path, protocol: int | None) -> None:
        """Numbers need a protocol that has ports; names bring their own."""
        for key in _PORT_FIELDS:
            listed = self._refusals.list_of(end, key, path)
            numbered = any(span_of(port) is not None for port in listed)
            wanting = numbered if protocol is None else protocol not in PORT_PROTOCOLS
            if listed and wanting:
                self._wrong((*path, key), "needs the protocol TCP, UDP or SCTP in its rule")

    def _service(
        self, end: Mapping[str, Any], path: Path, *, allowed: bool
    ) -> tuple[str, str] | None:
        if end.get("services") is None:
            return None
        where = (*path, "services")
        service = self._refusals.mapping_of(end["services"], where)
        self._refusals.fields(service, where, ("name", "namespace"))
        if not allowed:
            self._wrong(where, "only in the source of ingress, or the destination of egress")
        name, namespace = service.get("name"), service.get("namespace") or self._namespace
        for key, given in (("name", name), ("namespace", namespace)):
            if not given:
                self._wrong((*where, key), "is required")
        clashing = [key for key in _NOT_BESIDE_SERVICES if end.get(key)]
        clashing += ["serviceAccounts"] if "serviceAccounts" in end else []
        if path[-1] == "destination":
            clashing += [key for key in _PORT_FIELDS if end.get(key)]
        for key in clashing:
            self._wrong((*path, key), "not beside services")
        return str(namespace), str(name)


def span_of(port: Any) -> tuple[int, int] | None:
    """First and last port of `80` or `8000:9000`; None for a name."""
    first, colon, last = str(port).partition(":")
    if first.isdecimal() and (last.isdecimal() or not colon):
        return int(first), int(last or first)
    return None
