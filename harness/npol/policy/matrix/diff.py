"""What two worlds let through differently: flows that open, flows that close, by groups of pods."""

from __future__ import annotations

import ipaddress
from collections.abc import Collection, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from npol.policy.evaluate.evaluate import decide
from npol.policy.evaluate.tier_match import tier_policies_for
from npol.policy.matrix.bitsets import ones
from npol.policy.matrix.equivalence import PodGroup, Port, blocks_of, pod_groups, ports_of
from npol.policy.matrix.matrix import all_policies, matrix, takes_part
from npol.policy.objects.dialects import SPEC, Dialect
from npol.policy.objects.entities import ExternalEndpoint, Pod, Traffic
from npol.policy.objects.netpol_types import Address, Direction, IpBlock
from npol.policy.state.cluster_state import ClusterState
from npol.policy.state.families import pod_families

OUTSIDE: Mapping[int, Address] = {
    4: ipaddress.ip_address("192.0.0.8"),
    6: ipaddress.ip_address("100::1"),
}
"""By family: an address that nobody has (RFC 7600, RFC 6666), for all that no policy names."""
ELSE = "anywhere else outside"

EVERY_PORT = ("every port",)
End = PodGroup | ExternalEndpoint


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """From some ends to one end; `ports` as text (`80/tcp`, `every other port/tcp`)."""

    opens: bool
    sources: tuple[End, ...]
    target: End
    ports: tuple[str, ...]
    example: Traffic
    """One flow of it, in the later world."""
    numbers: tuple[Port, ...] = ()
    """The ports as numbers; one stands for all that no policy names."""
    family: int = 0
    """The IP family that it is about, where another one of its ends does not change alike."""

    def __str__(self) -> str:
        word = "opens" if self.opens else "closes"
        sources = ", ".join(map(str, self.sources))
        over = f" over IPv{self.family}" if self.family else ""
        return f"{word}: {sources} -> {self.target} {', '.join(self.ports)}{over}"

    @property
    def line(self) -> Hashable:
        """What it says, whatever it is about."""
        return self.opens, tuple(map(str, self.sources)), str(self.target), self.ports


@dataclass(slots=True)
class _Found:
    """Single differences, before they are put together."""

    all_ports: int
    family: int
    ends: dict[tuple[bool, str, str], tuple[End, End]] = field(default_factory=dict)
    ports: dict[tuple[bool, str, str], dict[str, Port]] = field(default_factory=dict)
    examples: dict[tuple[bool, str, str], Traffic] = field(default_factory=dict)

    def add(self, opens: bool, ends: tuple[End, End], spelled: str, port: Port) -> None:
        key = (opens, str(ends[0]), str(ends[1]))
        self.ends[key] = ends
        self.ports.setdefault(key, {})[spelled] = port
        if key not in self.examples or not _listens(self.examples[key]):
            self.examples[key] = _example(ends, port, self.family)

    def joined(self) -> tuple[Difference, ...]:
        """Sources that share target and ports share a line."""
        lines: dict[tuple[bool, str, tuple[str, ...]], list[tuple[bool, str, str]]] = {}
        for key, ports in self.ports.items():
            spelled = EVERY_PORT if len(ports) == self.all_ports else tuple(ports)
            lines.setdefault((key[0], key[2], spelled), []).append(key)
        return tuple(
            Difference(
                opens=opens,
                sources=tuple(self.ends[key][0] for key in keys),
                target=self.ends[keys[0]][1],
                ports=ports,
                example=self.examples[keys[0]],
                numbers=tuple(self.ports[keys[0]].values()),
            )
            for (opens, _, ports), keys in lines.items()
        )


def _listens(traffic: Traffic) -> bool:
    """Whether the target declares the port; a place may listen anywhere."""
    if not isinstance(traffic.target, Pod):
        return True
    ports = {(p.number, p.protocol) for p in traffic.target.ports}
    return (traffic.port, traffic.protocol) in ports


def _example(ends: tuple[End, End], port: Port, family: int) -> Traffic:
    """Within a group, from one pod of it to another."""
    source, target = (e.first if isinstance(e, PodGroup) else e for e in ends)
    if ends[0] is ends[1] and isinstance(ends[1], PodGroup):
        target = ends[1].pods[-1]
    outside = (e.addresses[0].version for e in ends if isinstance(e, ExternalEndpoint))
    family = next(outside, family)
    return Traffic(
        source=source, target=target, port=port.number, protocol=port.transport, family=family
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pair:
    """Two worlds and what is compared: groups of pods (by what they are in each), and ports."""

    worlds: tuple[ClusterState, ClusterState]
    groups: tuple[tuple[PodGroup, ...], tuple[PodGroup, ...]]
    ports: tuple[Port, ...]
    others: frozenset[Port]
    """Ports that stand for all that are not listed."""

    def spell(self, port: Port) -> str:
        return f"every other port/{port.protocol.lower()}" if port in self.others else str(port)


def difference(
    before: ClusterState, after: ClusterState, dialect: Dialect = SPEC
) -> tuple[Difference, ...]:
    """
    The flows between pods of both worlds, and with the outside, that open or close.

    The outside is asked at an address of each block that a policy names, and at one of none.
    Where one world is unsure, a flow counts as closed there.
    """
    before, after = before.as_read(dialect), after.as_read(dialect)
    families = pod_families(p for p in after.pods if takes_part(p, 4) or takes_part(p, 6))
    by_family = {f: _over(f, before, after, dialect, families) for f in families}
    return _merged(by_family)


def _over(
    family: int,
    before: ClusterState,
    after: ClusterState,
    dialect: Dialect,
    families: Collection[int],
) -> tuple[Difference, ...]:
    """The differences of one family; what has an address outside of none that pods have, too."""
    pair = _pair(before, after, family)
    found = _Found(len(pair.ports), family)
    _between_pods(pair, found, dialect, family)
    for place in _places(family, before, after):
        version = place.addresses[0].version
        if version == family or (version not in families and family == min(families)):
            _with_place(pair, place, found, dialect)
    return found.joined()


def _merged(by_family: Mapping[int, Sequence[Difference]]) -> tuple[Difference, ...]:
    """What changes alike in every family is one difference."""
    lines = [{d.line for d in found} for found in by_family.values()]
    alike = set.intersection(*lines)
    first, *others = by_family
    return (
        *(d if d.line in alike else _named(d, first, others) for d in by_family[first]),
        *(_named(d, f, [first]) for f in others for d in by_family[f] if d.line not in alike),
    )


def _named(one: Difference, family: int, others: Collection[int]) -> Difference:
    """With its family, where packets go between its ends over another one, too."""
    elsewhere = (
        all((_speaks(one.target, other), any(_speaks(s, other) for s in one.sources)))
        for other in others
    )
    return replace(one, family=family) if any(elsewhere) else one


def _speaks(end: End, family: int) -> bool:
    """A place that a policy names says its family by its address."""
    return end.name == ELSE if isinstance(end, ExternalEndpoint) else takes_part(end.first, family)


def _pair(before: ClusterState, after: ClusterState, family: int) -> _Pair:
    earlier = {str(p): p for p in before.pods if takes_part(p, family)}
    common = [p for p in after.pods if str(p) in earlier and takes_part(p, family)]
    policies = (*all_policies(before), *all_policies(after))
    named = ports_of(common, policies)
    others = frozenset(_unnamed(named, protocol) for protocol in ("TCP", "UDP"))
    groups = pod_groups(common, policies, earlier)
    return _Pair(
        worlds=(before, after),
        groups=(
            tuple(PodGroup(g.name, tuple(earlier[str(p)] for p in g.pods)) for g in groups),
            tuple(groups),
        ),
        ports=(*named, *sorted(others)),
        others=others,
    )


def _unnamed(named: Sequence[Port], protocol: str) -> Port:
    taken = {p.number for p in named}
    return Port(next(n for n in range(40000, 65536) if n not in taken), protocol)


def _between_pods(pair: _Pair, found: _Found, dialect: Dialect, family: int) -> None:
    earlier, later = (
        matrix(world, dialect, ports=pair.ports, groups=groups, family=family).sure
        for world, groups in zip(pair.worlds, pair.groups, strict=True)
    )
    groups = pair.groups[1]
    for port in pair.ports:
        for source, (old, new) in enumerate(zip(earlier[port], later[port], strict=True)):
            for target in ones(old ^ new):
                if source != target or len(groups[source].pods) > 1:
                    ends = (groups[source], groups[target])
                    found.add(bool(new >> target & 1), ends, pair.spell(port), port)


def _with_place(pair: _Pair, place: ExternalEndpoint, found: _Found, dialect: Dialect) -> None:
    """Both ways between each group and a place, where the group's policies changed at all."""
    for old, new in zip(*pair.groups, strict=True):
        for direction in Direction:
            was_by, now_by = (
                (
                    world.isolating(pod, direction),
                    tier_policies_for(world, pod),
                    (world.cilium_policies_in(pod.namespace), world.cidr_groups),
                    (world.calico_policies_in(pod.namespace), world.network_sets),
                    world.calico_tiers,
                )
                for world, pod in zip(pair.worlds, (old.first, new.first), strict=True)
            )
            if was_by == now_by:
                continue
            for port in pair.ports:
                was = _passes(pair.worlds[0], old.first, place, direction, port, dialect)
                now = _passes(pair.worlds[1], new.first, place, direction, port, dialect)
                if was is not now:
                    ends = (new, place) if direction is Direction.EGRESS else (place, new)
                    found.add(now, ends, pair.spell(port), port)


def _passes(
    world: ClusterState,
    pod: Pod,
    place: ExternalEndpoint,
    direction: Direction,
    port: Port,
    dialect: Dialect,
) -> bool:
    source, target = (pod, place) if direction is Direction.EGRESS else (place, pod)
    traffic = Traffic(
        source=source,
        target=target,
        port=port.number,
        protocol=port.transport,
        family=place.addresses[0].version,
    )
    return decide(world, traffic, dialect).allowed is True


def _places(family: int, *worlds: ClusterState) -> Iterator[ExternalEndpoint]:
    """One for each block and exception that a policy names, and one of a family for the rest."""
    yield ExternalEndpoint(name=ELSE, addresses=(OUTSIDE[family],))
    seen = set(OUTSIDE.values())
    for block in (b for world in worlds for b in _blocks(world)):
        for network in (block.cidr, *block.excepts):
            address = network[0] if network.num_addresses == 1 else network[1]
            if network.prefixlen and address not in seen and worlds[-1].owner(address) is None:
                seen.add(address)
                yield ExternalEndpoint(name=f"{address} (of {network})", addresses=(address,))


def _blocks(world: ClusterState) -> Iterator[IpBlock]:
    """What policies name, and the groups of networks that they may name."""
    yield from blocks_of(all_policies(world))
    groups = world.cidr_groups.values() if world.cilium_policies else ()
    yield from (IpBlock(network) for group in groups for network in group.networks)
