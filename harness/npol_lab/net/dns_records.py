"""
What names mean in a lab: the cluster's own zone, and places outside.

Follows the DNS specification of Kubernetes (kubernetes/dns, docs/specification.md) and
CoreDNS' kubernetes plugin where that leaves it open.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from npol_lab.families import SINGLE, Family
from npol_lab.net.external_hosts import Place
from npol_lab.store import Store

Obj = dict[str, Any]
ZONE = "cluster.local"
SLICES = "endpointslices.discovery.k8s.io"


@dataclass(frozen=True, slots=True)
class Server:
    """An SRV record: a name with an address, and a port of it."""

    target: str
    port: int
    address: str


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a name has, for every type of question; nothing at all is an empty answer."""

    addresses: tuple[str, ...] = ()
    """Of both families: A and AAAA records."""
    alias: str = ""
    servers: tuple[Server, ...] = ()
    pointers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Target:
    """One endpoint of a Service, with the ports of its slice."""

    label: str
    address: str
    ports: Sequence[Obj] = field(default_factory=tuple)


class Names:
    """Looks names up in the store, at the moment of the question."""

    def __init__(
        self, store: Store, places: Sequence[Place], families: Sequence[Family] = SINGLE
    ) -> None:
        self._store = store
        self._outside = {
            name: tuple(place.address(family) for family in families)
            for place in places
            for name in place.names
        }

    def look_up(self, name: str) -> Meaning | None:
        """The name in lower case without its last dot; None where there is no such name."""
        if name == ZONE or name.endswith(f".{ZONE}"):
            return self._in_cluster(name.removesuffix(ZONE).rstrip(".").split("."))
        if name.endswith(".arpa"):
            return self._reverse(name)
        for known, addresses in self._outside.items():
            if name == known or name.endswith(f".{known}"):
                return Meaning(addresses=addresses)
        return None

    def _in_cluster(self, labels: list[str]) -> Meaning | None:
        match labels:
            case [""] | ["svc" | "pod"]:
                return Meaning()
            case [namespace, "svc" | "pod"]:
                exists = self._store.get("namespaces", None, namespace) is not None
                return Meaning() if exists else None
            case [address, namespace, "pod"]:
                return self._pod(address, namespace)
            case [*parts, service, namespace, "svc"] if len(parts) <= 2:
                found = self._store.get("services", namespace, service)
                return None if found is None else self._service(found, parts)
        return None

    def _pod(self, dashed: str, namespace: str) -> Meaning | None:
        """CoreDNS does not look whether there is such a pod (`pods insecure`)."""
        try:
            address = str(ipaddress.ip_address(dashed.replace("-", _separator(dashed))))
        except ValueError:
            return None
        if self._store.get("namespaces", None, namespace) is None:
            return None
        return Meaning(addresses=(address,))

    def _service(self, service: Obj, parts: list[str]) -> Meaning | None:
        spec = service["spec"]
        if spec.get("type") == "ExternalName":
            return None if parts else Meaning(alias=spec["externalName"].rstrip(".").lower())
        targets = list(self._targets(service))
        if len(parts) == 2 and all(part.startswith("_") for part in parts):
            return self._servers(service, targets, parts[0][1:], parts[1][1:])
        if parts:
            targets = [t for t in targets if [t.label] == parts]
        if not targets:
            return None
        named = Meaning(addresses=tuple(dict.fromkeys(t.address for t in targets)))
        every = self._servers(service, targets, "", "")
        return Meaning(named.addresses, servers=every.servers if every else ())

    def _targets(self, service: Obj) -> Iterator[_Target]:
        """A Service's own addresses, or for a headless one the addresses behind it."""
        spec = service["spec"]
        if spec.get("clusterIP") not in (None, "", "None"):
            for address in spec.get("clusterIPs") or [spec["clusterIP"]]:
                yield _Target("", address, spec.get("ports") or ())
            return
        metadata = service["metadata"]
        for piece in self._store.list(SLICES, metadata["namespace"]):
            labels = piece["metadata"].get("labels") or {}
            if labels.get("kubernetes.io/service-name") != metadata["name"]:
                continue
            for endpoint in piece.get("endpoints") or []:
                if (endpoint.get("conditions") or {}).get("ready") is not False:
                    ip = endpoint["addresses"][0]
                    label = endpoint.get("hostname") or ip.replace(".", "-").replace(":", "-")
                    yield _Target(label, ip, piece.get("ports") or ())

    def _servers(
        self, service: Obj, targets: list[_Target], port: str, protocol: str
    ) -> Meaning | None:
        """Records of the ports with this name and protocol; empty: of every port."""
        metadata = service["metadata"]
        home = f"{metadata['name']}.{metadata['namespace']}.svc.{ZONE}"
        found = tuple(
            Server(".".join(p for p in (target.label, home) if p), entry["port"], target.address)
            for target in targets
            for entry in target.ports
            if port in ("", (entry.get("name") or "").lower())
            and protocol in ("", (entry.get("protocol") or "TCP").lower())
        )
        return Meaning(servers=found) if found else None

    def _reverse(self, name: str) -> Meaning | None:
        address = _address_of(name)
        for service in self._store.list("services"):
            metadata = service["metadata"]
            for target in self._targets(service):
                if target.address == address:
                    home = f"{metadata['name']}.{metadata['namespace']}.svc.{ZONE}"
                    return Meaning(pointers=(".".join(p for p in (target.label, home) if p),))
        return None


def _separator(dashed: str) -> str:
    """`10-244-1-2` is an IPv4 address; an IPv6 one has more than three dashes, or two in a row."""
    return "." if dashed.count("-") == 3 and "--" not in dashed else ":"


def _address_of(name: str) -> str:
    """The address that a name of a reverse zone stands for; "" for none."""
    backwards, _, zone = name.removesuffix(".arpa").rpartition(".")
    parts = backwards.split(".")[::-1]
    text = ".".join(parts)
    if zone == "ip6":
        text = ":".join("".join(parts[i : i + 4]) for i in range(0, len(parts), 4))
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return ""
