"""
Services as nftables maps: ClusterIPs and node ports become pod addresses before routing.

Follows kube-proxy: https://kubernetes.io/docs/reference/networking/virtual-ips/
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from npol_lab.families import IPV4, Family, is_port, plain
from npol_lab.net.conntrack import Place
from npol_lab.net.nft import Chain, Ruleset, Set
from npol_lab.net.pods import Pod
from npol_lab.net.policy import name_of

Obj = dict[str, Any]

SERVE = "serve"
"""The chain that picks an endpoint, in prerouting and for the node's own packets."""
UNSERVED = "unserved"
"""The chain that rejects what asks for a Service without endpoints, or for a port it lacks."""
_REJECT = "refuse"
FROM_OUTSIDE = "0x4000"
"""The mark of a packet whose source becomes the node's address."""
_PROTOCOLS = ("TCP", "UDP", "SCTP")
_AFFINE = "ClientIP"


@dataclass(frozen=True, slots=True)
class Endpoint:
    address: str
    port: int
    node: str


@dataclass(frozen=True, slots=True)
class Exposed:
    """One port of one Service with those who answer it, in one family."""

    service: Obj
    port: Obj
    endpoints: tuple[Endpoint, ...]
    family: Family = IPV4

    @property
    def spec(self) -> Obj:
        spec: Obj = self.service["spec"]
        return spec

    @property
    def protocol(self) -> str:
        return (self.port.get("protocol") or "TCP").lower()

    @property
    def addresses(self) -> list[str]:
        """At which pods and nodes reach it."""
        return [*self._of_family(_cluster_ips(self.spec)), *self.external_addresses]

    @property
    def external_addresses(self) -> list[str]:
        """Those of them that are for clients outside."""
        given = (*(self.spec.get("externalIPs") or ()), *_balanced(self.service))
        return self._of_family(given)

    def _of_family(self, given: Iterable[str]) -> list[str]:
        return [found for text in given if (found := plain(text, self.family))]

    def local(self, node: str) -> tuple[Endpoint, ...]:
        return tuple(e for e in self.endpoints if e.node == node)


def exposed(services: Iterable[Obj], slices: Iterable[Obj], family: Family = IPV4) -> list[Exposed]:
    """Every port of every Service that has an address of its own in this family."""
    by_service: dict[tuple[str, str], list[Obj]] = {}
    for piece in slices:
        if piece.get("addressType", family.name) != family.name:
            continue
        owner = (piece["metadata"].get("labels") or {}).get("kubernetes.io/service-name", "")
        by_service.setdefault((piece["metadata"]["namespace"], owner), []).append(piece)
    return [
        Exposed(service, port, _endpoints(by_service.get(_key(service), []), port, family), family)
        for service in services
        if _has_address(service, family)
        for port in service["spec"].get("ports") or []
    ]


def udp_endpoints(ports: Iterable[Exposed], nodes: Sequence[str]) -> dict[Place, frozenset[Place]]:
    """Where UDP may be sent to, by the address and port that a client asks; `nodes`: theirs."""
    found: dict[Place, frozenset[Place]] = {}
    for port in ports:
        if port.protocol != "udp":
            continue
        endpoints = frozenset((e.address, e.port) for e in port.endpoints)
        asked = [(address, port.port["port"]) for address in port.addresses]
        if number := port.port.get("nodePort"):
            asked += [(node, number) for node in nodes if port.family.is_of(node)]
        found |= dict.fromkeys(asked, endpoints)
    return found


def _key(service: Obj) -> tuple[str, str]:
    return service["metadata"]["namespace"], service["metadata"]["name"]


def _has_address(service: Obj, family: Family) -> bool:
    spec = service["spec"]
    return spec.get("type") != "ExternalName" and any(map(family.is_of, _cluster_ips(spec)))


def _cluster_ips(spec: Obj) -> list[str]:
    given = spec.get("clusterIPs") or [spec.get("clusterIP")]
    return [address for address in given if address not in (None, "", "None")]


def _balanced(service: Obj) -> list[str]:
    """
    What a load balancer has given it; not where the nodes leave such packets to it (KEP-1860).
    """
    given = ((service.get("status") or {}).get("loadBalancer") or {}).get("ingress") or ()
    return [i["ip"] for i in given if i.get("ip") and i.get("ipMode") != "Proxy"]


def _endpoints(slices: Iterable[Obj], port: Obj, family: Family) -> tuple[Endpoint, ...]:
    """
    The ready ones; where there are none, those that still serve while they end.

    Whoever wrote a slice: what is no address or no port stands in no rule.
    """
    ready: dict[Endpoint, None] = {}
    ending: dict[Endpoint, None] = {}
    for piece in slices:
        numbers = [p.get("port") for p in piece.get("ports") or [] if _same(p, port)]
        for endpoint in piece.get("endpoints") or []:
            address = plain(endpoint["addresses"][0], family)
            conditions = endpoint.get("conditions") or {}
            chosen = ready if conditions.get("ready") is not False else ending
            if not address or (chosen is ending and not conditions.get("serving")):
                continue
            for number in filter(is_port, numbers):
                chosen[Endpoint(address, number, endpoint.get("nodeName") or "")] = None
    return tuple(ready or ending)


def _same(a: Obj, b: Obj) -> bool:
    names = (a.get("name") or "") == (b.get("name") or "")
    return names and (a.get("protocol") or "TCP") == (b.get("protocol") or "TCP")


def rules_for(
    node: str, ports: Iterable[Exposed], pods: Iterable[Pod] = (), family: Family = IPV4
) -> Ruleset:
    """The chains SERVE and UNSERVED with their maps, and what leads to `hostPort`s."""
    ruleset = Ruleset()
    _add_host_ports([pod for pod in pods if pod.node == node], ruleset)
    by_address: dict[str, str] = {}
    by_node_port: dict[str, str] = {}
    empty: dict[str, str] = {}
    addresses: dict[str, str] = {}
    for port in ports:
        keys = [f"{a} . {port.protocol} . {port.port['port']}" for a in port.addresses]
        addresses |= dict.fromkeys(port.addresses, "")
        if not port.endpoints:
            empty |= dict.fromkeys(keys, f"goto {_REJECT}")
            continue
        by_address |= dict.fromkeys(keys, f"goto {_inside(port, node, ruleset)}")
        number, external = port.port.get("nodePort"), port.external_addresses
        outside = f"goto {_outside(port, node, ruleset)}" if number or external else ""
        asked = f"{port.protocol} . {port.port['port']}"
        by_address |= {f"{address} . {asked}": outside for address in external}
        if number:
            by_node_port[f"{port.protocol} . {number}"] = outside
    ruleset.sets |= {
        "services": Set(f"{family.element} . inet_proto . inet_service : verdict", by_address),
        "node_ports": Set("inet_proto . inet_service : verdict", by_node_port),
        "empty_services": Set(f"{family.element} . inet_proto . inet_service : verdict", empty),
        "service_addresses": Set(family.element, addresses),
    }
    ruleset.chains |= dict(_fixed_chains(family.ip))
    return ruleset


def _add_host_ports(pods: Iterable[Pod], ruleset: Ruleset) -> None:
    """As the portmap plugin does it: the client's address stays."""
    verdicts = {}
    for pod in pods:
        for protocol, outside, inside in pod.host_ports:
            rule = f"meta l4proto {protocol.lower()} dnat to {_socket_address(pod.ip, inside)}"
            chain = _translation(rule, ruleset)
            verdicts[f"{protocol.lower()} . {outside}"] = f"goto {chain}"
    ruleset.sets["host_ports"] = Set("inet_proto . inet_service : verdict", verdicts)


def _socket_address(address: str, port: int) -> str:
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def _fixed_chains(ip: str) -> Iterator[tuple[str, Chain]]:
    yield (
        SERVE,
        Chain(
            (
                f"{ip} daddr . meta l4proto . th dport vmap @services",
                "fib daddr type local meta l4proto . th dport vmap @host_ports",
                "fib daddr type local meta l4proto . th dport vmap @node_ports",
            )
        ),
    )
    yield (
        UNSERVED,
        Chain(
            (
                f"{ip} daddr . meta l4proto . th dport vmap @empty_services",
                f"{ip} daddr @service_addresses reject",
            )
        ),
    )
    yield _REJECT, Chain(("meta l4proto tcp reject with tcp reset", "reject"))


def _inside(port: Exposed, node: str, ruleset: Ruleset) -> str:
    """The chain for what comes to the ClusterIP."""
    local_only = port.spec.get("internalTrafficPolicy") == "Local"
    return _balance(port, port.local(node) if local_only else port.endpoints, ruleset)


def _outside(port: Exposed, node: str, ruleset: Ruleset) -> str:
    """
    The chain for what comes to a node's own address, or to another one for clients outside.

    Source: kube-proxy's chain KUBE-EXT (KEP-1669 for what comes from inside the cluster).
    """
    anywhere = _balance(port, port.endpoints, ruleset)
    marked = f"meta mark set {FROM_OUTSIDE}"
    rules: tuple[str, ...] = (marked, f"goto {anywhere}")
    if port.spec.get("externalTrafficPolicy") == "Local":
        rules = (
            f"{port.family.ip} saddr {port.family.pods} goto {anywhere}",
            f"fib saddr type local {marked} goto {anywhere}",
            f"goto {_balance(port, port.local(node), ruleset)}",
        )
    name = name_of("outside", rules)
    ruleset.chains[name] = Chain(rules)
    return name


def _balance(port: Exposed, endpoints: tuple[Endpoint, ...], ruleset: Ruleset) -> str:
    """A chain that picks one endpoint: at random, or always the same one for a client."""
    affine = port.spec.get("sessionAffinity") == _AFFINE
    ip = port.family.ip
    pick = f"jhash {ip} saddr mod" if affine else "numgen random mod"
    targets = sorted((e.address, e.port) for e in endpoints)
    if not targets:
        rule = "drop"
    elif len(targets) == 1:
        rule = f"meta l4proto {port.protocol} dnat to {_socket_address(*targets[0])}"
    else:
        choices = ", ".join(f"{i} : {a} . {p}" for i, (a, p) in enumerate(targets))
        choose = f"{pick} {len(targets)} map {{ {choices} }}"
        rule = f"meta l4proto {port.protocol} dnat {ip} to {choose}"
    return _translation(rule, ruleset)


def _translation(rule: str, ruleset: Ruleset) -> str:
    name = name_of("balance", rule)
    ruleset.chains[name] = Chain((rule,))
    return name
