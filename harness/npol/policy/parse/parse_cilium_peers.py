"""
The `from...` and `to...` lists of Cilium's policies.

Source: cilium/cilium v1.20.2 pkg/policy/api (ingress.go, egress.go, entity.go, cidr.go, service.go,
rule_validation.go) and pkg/policy/utils/parserules.go: a list of endpoints, nodes, entities or
networks that is there and empty means nobody.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from npol.policy.objects.cilium_types import CidrGroupRef, CiliumPeer, ServiceRef
from npol.policy.objects.netpol_types import Direction, IpBlock, Network, Origin
from npol.policy.parse.object_source import Path
from npol.policy.parse.parse_cilium_selectors import as_peer, read_sourced
from npol.policy.parse.validation_errors import Refusals
from npol.selectors import Selector

ENTITIES = (
    "all",
    "world",
    "cluster",
    "cluster-mesh",
    "host",
    "init",
    "ingress",
    "unmanaged",
    "remote-node",
    "health",
    "none",
    "kube-apiserver",
)
NEEDS_NODE_LABELS = "enable-node-selector-labels"
_EMPTY_MEANS_NOBODY = ("Endpoints", "Nodes", "Entities", "CIDR", "CIDRSet")
_BOTH_WAYS = (*_EMPTY_MEANS_NOBODY, "Groups")
_OUT_ONLY = ("Services",)


def peer_lists(direction: Direction, *, denies: bool) -> tuple[str, ...]:
    """The lists that a rule may have, of which one may hold something."""
    word = direction.peers_field
    more: tuple[str, ...] = ()
    if direction is Direction.EGRESS:
        more = _OUT_ONLY if denies else (*_OUT_ONLY, "FQDNs")
    return tuple(f"{word}{what}" for what in (*_BOTH_WAYS, *more))


class CiliumPeerReader:
    """The peers of one section's rules; `needs`: options of the agent that they depend on."""

    def __init__(
        self,
        refusals: Refusals,
        origin: Callable[[Path], Origin],
        namespace: str,
        subject: Selector,
    ) -> None:
        self._refusals = refusals
        self._wrong = refusals.wrong
        self._origin = origin
        self._namespace = namespace
        self._subject = subject
        self.needs: list[str] = []

    def read(
        self, rule: Mapping[str, Any], path: Path, direction: Direction, *, denies: bool
    ) -> tuple[CiliumPeer, ...] | None:
        """None: no list limits the peers."""
        lists = peer_lists(direction, denies=denies)
        held = [key for key in lists if self._refusals.list_of(rule, key, path)]
        if len(held) > 1:
            message = f"Cilium does not combine {' and '.join(held)}: one rule for each"
            self._wrong(path, message, by_agent=True)
        nobody = [key for key in lists if rule.get(key) == [] and _means_nobody(key)]
        if nobody:
            return ()
        if not held:
            return None
        return tuple(
            peer
            for number, value in enumerate(rule[held[0]])
            for peer in self._entry(held[0], value, (*path, held[0], number))
        )

    def _entry(self, key: str, value: Any, path: Path) -> Iterator[CiliumPeer]:
        origin, what = self._origin(path), key.removeprefix("from").removeprefix("to")
        if what == "Endpoints":
            selector = read_sourced(self._refusals, value, path)
            meant = as_peer(selector, self._namespace, self._subject)
            yield CiliumPeer(origin=origin, endpoints=meant)
        elif what == "Nodes":
            self.needs.append(NEEDS_NODE_LABELS)
            yield CiliumPeer(origin=origin, nodes=read_sourced(self._refusals, value, path))
        elif what == "Entities":
            if value not in ENTITIES:
                self._wrong(path, f"must be one of {', '.join(ENTITIES)}, not {value!r}")
            yield CiliumPeer(origin=origin, entity=str(value))
        elif what == "CIDR":
            if network := self._network(value, path):
                yield CiliumPeer(origin=origin, block=IpBlock(network))
        elif what == "CIDRSet":
            yield from self._set(value, path)
        elif what == "Services":
            yield CiliumPeer(origin=origin, service=self._service(value, path))
        else:
            yield CiliumPeer(origin=origin, named=(self._named(what, value),))

    def _network(self, value: Any, path: Path) -> Network | None:
        try:
            if "/" not in str(value):
                raise ValueError(value)
            return ipaddress.ip_network(str(value), strict=False)
        except ValueError:
            self._wrong(path, f"not a valid CIDR: {value!r} (such as 10.0.0.0/8)")
            return None

    def _set(self, value: Any, path: Path) -> Iterator[CiliumPeer]:
        entry = self._refusals.mapping_of(value, path)
        sorts = ("cidr", "cidrGroupRef", "cidrGroupSelector")
        self._refusals.fields(entry, path, (*sorts, "except"))
        chosen = [key for key in sorts if entry.get(key) is not None]
        if len(chosen) != 1:
            self._wrong(path, f"needs exactly one of {', '.join(sorts)}")
            return
        excepts = self._excepts(entry, path)
        origin, where = self._origin(path), (*path, chosen[0])
        if chosen[0] == "cidr":
            if network := self._network(entry["cidr"], where):
                self._check_within(network, excepts, path)
                yield CiliumPeer(origin=origin, block=IpBlock(network, excepts))
            return
        if chosen[0] == "cidrGroupRef":
            group = CidrGroupRef(name=str(entry["cidrGroupRef"]), excepts=excepts)
        else:
            selector = read_sourced(self._refusals, entry["cidrGroupSelector"], where, "cidrgroup")
            group = CidrGroupRef(selector=selector, excepts=excepts)
        yield CiliumPeer(origin=origin, group=group)

    def _excepts(self, entry: Mapping[str, Any], path: Path) -> tuple[Network, ...]:
        texts = enumerate(self._refusals.list_of(entry, "except", path))
        found = (self._network(text, (*path, "except", number)) for number, text in texts)
        return tuple(network for network in found if network)

    def _check_within(self, network: Network, excepts: tuple[Network, ...], path: Path) -> None:
        for number, one in enumerate(excepts):
            same = one.version == network.version
            if not same or one.prefixlen < network.prefixlen or one[0] not in network:
                where = (*path, "except", number)
                self._wrong(where, f"{one} is not within {network}", by_agent=True)

    def _service(self, value: Any, path: Path) -> ServiceRef:
        sorts = ("k8sService", "k8sServiceSelector")
        entry = self._refusals.mapping_of(value, path)
        self._refusals.fields(entry, path, sorts)
        by_labels = self._refusals.mapping_of(entry.get(sorts[1]), (*path, sorts[1]))
        if by_labels:
            where = (*path, sorts[1])
            self._refusals.fields(by_labels, where, ("selector", "namespace"))
            selector = read_sourced(self._refusals, by_labels.get("selector"), (*where, "selector"))
            return ServiceRef(namespace=str(by_labels.get("namespace") or ""), selector=selector)
        by_name = self._refusals.mapping_of(entry.get(sorts[0]), (*path, sorts[0]))
        self._refusals.fields(by_name, (*path, sorts[0]), ("serviceName", "namespace"))
        return ServiceRef(
            namespace=str(by_name.get("namespace") or ""),
            name=str(by_name.get("serviceName") or ""),
        )

    def _named(self, what: str, value: Any) -> str:
        """What is meant by an entry of `toFQDNs`, `fromGroups` or `toGroups`."""
        if isinstance(value, Mapping) and what == "FQDNs":
            return str(value.get("matchName") or value.get("matchPattern") or "")
        return "a cloud's groups"


def _means_nobody(key: str) -> bool:
    return key.removeprefix("from").removeprefix("to") in _EMPTY_MEANS_NOBODY
