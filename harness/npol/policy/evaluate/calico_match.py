"""
Whether one rule of Calico's own policies fits a path: both of its ends, each in every part.

Source: projectcalico/calico felix/rules/policy.go, felix/calc/rule_scanner.go (which parts of a
rule are one set of addresses) and the field descriptions of api/pkg/apis/projectcalico/v3.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from npol.model.doubt import DoubtCode
from npol.model.mismatch import Mismatch, MismatchCode
from npol.policy.evaluate.match import YES, Fit, Path, PeerAndPortFit, both, doubtful, unlike
from npol.policy.objects.calico_labels import OF_NAMESPACE, asks_accounts, of_namespace
from npol.policy.objects.calico_selectors import CalicoSelector, keys_in, may_select
from npol.policy.objects.calico_types import (
    NAMESPACE,
    PROTOCOL_NUMBERS,
    CalicoEnd,
    CalicoPolicy,
    CalicoRule,
    PortList,
)
from npol.policy.objects.entities import End, ExternalEndpoint, Namespace, Pod
from npol.policy.objects.netpol_types import Address, Network, Origin
from npol.policy.objects.tier_types import RuleAction
from npol.policy.state.cluster_state import ClusterState
from npol.policy.state.service_backends import backends_of

EPHEMERAL = (32_768, 60_999)
"""The ports that clients get unless they ask for one (Linux, ip_local_port_range)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CalicoRuleFit(PeerAndPortFit):
    """How one rule fits a path: `peer_fit` is that of both ends, `port_fit` that of ports."""

    policy: CalicoPolicy
    rule: CalicoRule
    peer: None = None
    """Rules of Calico's have no clauses: what does not fit is told of the rule."""
    port: None = None

    @property
    def origin(self) -> Origin:
        return self.rule.origin

    @property
    def action(self) -> RuleAction:
        return self.rule.action


def acts_on(world: ClusterState, policy: CalicoPolicy, pod: Pod) -> bool | None:
    """Whether a policy selects a pod: never one on its node's network, which is no endpoint."""
    if pod.host_network or policy.namespace not in ("", pod.namespace):
        return False
    return selects_pod(world, policy.selector, pod)


def may_act_in(policy: CalicoPolicy, namespace: Namespace) -> bool:
    """Whether a policy may select pods of a namespace, whatever labels they have."""
    labels = {**of_namespace(namespace), NAMESPACE: namespace.name}
    return may_select(policy.selector, labels, OF_NAMESPACE)


def selects_pod(world: ClusterState, selector: CalicoSelector, pod: Pod) -> bool | None:
    """None: it asks for labels of a service account that nobody has seen."""
    if not world.knows_account_of(pod) and asks_accounts(selector):
        return None
    return selector.selects(world.calico_labels_of(pod))


def fit_calico_rule(
    world: ClusterState, policy: CalicoPolicy, rule: CalicoRule, path: Path
) -> CalicoRuleFit:
    protocol = _fit_protocol(rule, path)
    ends = (EndReader(world, path, own=True), EndReader(world, path, own=False))
    said = (rule.source, rule.destination)
    peers = [reader.peer(end) for reader, end in zip(ends, said, strict=True)]
    ports = [protocol, *(reader.ports(end, rule) for reader, end in zip(ends, said, strict=True))]
    peer_fit, port_fit = _all([_fit_family(rule, path), *peers]), _all(ports)
    if both([peer_fit.holds, port_fit.holds]) and (asks := rule.asks or rule.unsettled):
        code = DoubtCode.BEYOND_PACKETS if rule.asks else DoubtCode.UNSETTLED_FIELD
        port_fit = doubtful(code, asks, f"{policy} ({rule.origin})")
    return CalicoRuleFit(
        policy=policy,
        rule=rule,
        holds=both([peer_fit.holds, port_fit.holds]),
        peer_fit=peer_fit,
        port_fit=port_fit,
    )


def _all(fits: Iterable[Fit]) -> Fit:
    """What must hold together."""
    found = [*fits]
    holds = both(fit.holds for fit in found)
    mismatches = tuple(m for fit in found for m in fit.mismatches)
    doubt = next((fit.doubt for fit in found if fit.doubt), None)
    return YES if holds else Fit(holds, mismatches, None if holds is False else doubt)


def _not(fit: Fit, code: MismatchCode, subject: str, wanted: str) -> Fit:
    """What must not hold."""
    if fit.holds:
        return unlike(code, subject=subject, wanted=wanted)
    return YES if fit.holds is False else fit


def _fit_protocol(rule: CalicoRule, path: Path) -> Fit:
    number = PROTOCOL_NUMBERS[path.protocol]
    if rule.protocol not in (None, number):
        wanted = _spell_protocol(rule.protocol or 0)
        return unlike(MismatchCode.OTHER_PROTOCOL, wanted=wanted, has=path.protocol.name)
    if rule.not_protocol == number:
        wanted = f"anything but {path.protocol.name}"
        return unlike(MismatchCode.OTHER_PROTOCOL, wanted=wanted, has=path.protocol.name)
    return YES


def _spell_protocol(number: int) -> str:
    named = {known: protocol.name for protocol, known in PROTOCOL_NUMBERS.items()}
    return named.get(number, {1: "ICMP", 58: "ICMPv6"}.get(number, f"protocol {number}"))


def _fit_family(rule: CalicoRule, path: Path) -> Fit:
    """A rule is none of a family where a list of its networks has none of it."""
    if rule.family not in (None, path.family):
        wanted = f"ipVersion {rule.family}"
        return unlike(MismatchCode.OTHER_FAMILY, wanted=wanted, number=path.family)
    for listed in _network_lists(rule):
        if not any(n.version == path.family for n in listed):
            wanted = _spell(listed)
            return unlike(MismatchCode.OTHER_FAMILY, wanted=wanted, number=path.family)
    return YES


def fits_family(rule: CalicoRule, family: int) -> bool:
    """Whether packets of a family may fit a rule at all."""
    lists = [*_network_lists(rule)]
    return rule.family in (None, family) and all(
        any(n.version == family for n in listed) for listed in lists
    )


def _network_lists(rule: CalicoRule) -> Iterator[tuple[Network, ...]]:
    for end in (rule.source, rule.destination):
        yield from filter(None, (end.networks, end.not_networks))


def _spell(networks: Iterable[Network]) -> str:
    return ", ".join(map(str, networks))


class EndReader:
    """One end of a path, as a rule speaks of it; `own`: the source, else the destination."""

    def __init__(self, world: ClusterState, path: Path, *, own: bool) -> None:
        self._world = world
        self._path = path
        self._is_source = own
        self._end: End = path.client if own else path.target

    def peer(self, said: CalicoEnd) -> Fit:
        return _all(self._parts(said))

    def _parts(self, said: CalicoEnd) -> Iterator[Fit]:
        if said.selector is not None:
            yield self._selected(said.selector)
        if said.but_not is not None:
            fit = self._selected(said.but_not)
            yield _not(fit, MismatchCode.EXCLUDED, str(self._end), str(said.but_not))
        if said.networks:
            yield self._within(said.networks)
        if said.not_networks:
            fit, wanted = self._within(said.not_networks), _spell(said.not_networks)
            yield _not(fit, MismatchCode.EXCLUDED, str(self._end), wanted)
        if said.service:
            yield self._behind(*said.service)

    def _selected(self, selector: CalicoSelector) -> Fit:
        """By its labels if it is an endpoint of Calico's, or by a network set that holds it."""
        end = self._end
        endpoint = isinstance(end, Pod) and not end.host_network
        by_labels: bool | None = False
        if isinstance(end, Pod) and endpoint:
            by_labels = selects_pod(self._world, selector, end)
        if by_labels:
            return YES
        sets = self._world.networks_of(selector)
        held = self._within(sets) if sets else Fit(False)
        if held.holds:
            return YES
        if by_labels is None and isinstance(end, Pod):
            account = f"{end.namespace}/{end.service_account}"
            return doubtful(DoubtCode.ACCOUNT_NOT_SEEN, account, str(selector))
        return held if held.holds is None else Fit(False, (self._unlike(selector),))

    def _unlike(self, selector: CalicoSelector) -> Mismatch:
        end = self._end
        if not isinstance(end, Pod) or end.host_network:
            return Mismatch(MismatchCode.NO_ENDPOINT, str(end), str(selector))
        labels = self._world.calico_labels_of(end)
        asked = [key for key in dict.fromkeys(keys_in(selector)) if key in labels]
        has = ",".join(f"{key}={labels[key]}" for key in asked)
        return Mismatch(MismatchCode.POD_LABELS, str(end), str(selector), has)

    def _within(self, networks: Sequence[Network]) -> Fit:
        family = self._path.family
        own = [n for n in networks if n.version == family]
        if any(n.prefixlen == 0 for n in own):
            return YES
        addresses = _addresses(self._end, family)
        inside = {any(a in n for n in own) for a in addresses}
        if not own or inside == {False}:
            has = ", ".join(map(str, addresses))
            code = MismatchCode.OUTSIDE_BLOCK
            return unlike(code, subject=str(self._end), wanted=_spell(networks), has=has)
        if inside == {True}:
            return YES
        return doubtful(DoubtCode.ADDRESS, str(self._end), _spell(own))

    def _behind(self, namespace: str, name: str) -> Fit:
        """The addresses behind a Service; of a destination with the ports that they serve at."""
        wanted = f"Service {namespace}/{name}"
        service = self._world.service(namespace, name)
        listed = self._world.endpoints_of(namespace, name)
        if service is None and not listed:
            return doubtful(DoubtCode.SERVICE_NOT_SEEN, wanted)
        pairs: list[tuple[Address | End, set[tuple[str, int]]]] = []
        served = {p.name: p.protocol.name for p in service.ports} if service else {}
        for endpoint in listed:
            at = {(served.get(key, "TCP"), number) for key, number in endpoint.ports.items()}
            pairs.append((endpoint.address, at))
        if not listed and service is not None:
            pairs += _promised(self._world, namespace, name)
        mine = _addresses(self._end, self._path.family)
        asked = (self._path.protocol.name, self._path.port)
        for who, at in pairs:
            if (who is self._end or who in mine) and (self._is_source or asked in at):
                return YES
        if not mine:
            return doubtful(DoubtCode.ADDRESS, str(self._end), wanted)
        return unlike(MismatchCode.NO_SERVICE, wanted=wanted)

    def ports(self, said: CalicoEnd, rule: CalicoRule) -> Fit:
        fits = [self._port(said.ports)] if said.ports else []
        if said.not_ports:
            fit = self._port(said.not_ports)
            wanted = f"all but {said.not_ports}"
            fits.append(_not(fit, MismatchCode.OTHER_TIER_PORT, str(self._end), wanted))
        return _all(fits)

    def _port(self, listed: PortList) -> Fit:
        if self._is_source:
            return self._source_port(listed)
        number = self._path.port
        if number in listed or number in self._named(listed):
            return YES
        return unlike(MismatchCode.OTHER_TIER_PORT, wanted=str(listed), number=number)

    def _source_port(self, listed: PortList) -> Fit:
        """A client's port is any of those that clients get."""
        first, last = EPHEMERAL
        spans = [*listed.ranges, *((n, n) for n in self._named(listed))]
        if any(low <= first and last <= high for low, high in spans):
            return YES
        if any(low <= last and first <= high for low, high in spans):
            return doubtful(DoubtCode.SOURCE_PORT, str(listed))
        return unlike(MismatchCode.SOURCE_PORT, wanted=str(listed))

    def _named(self, listed: PortList) -> set[int]:
        """The numbers behind names: of endpoints of Calico's alone."""
        end = self._end
        if not isinstance(end, Pod) or end.host_network:
            return set()
        protocol = self._path.protocol
        return {number for name in listed.names for number in end.ports_named(name, protocol)}


def _promised(
    world: ClusterState, namespace: str, name: str
) -> Iterator[tuple[Address | End, set[tuple[str, int]]]]:
    """
    What the endpoints controller will write for a Service's selector: addresses, which a node
    shares with the pods on its network. A pod that a template promises has none yet.
    """
    service = world.service(namespace, name)
    for pod in backends_of(world, service) if service else ():
        at: set[tuple[str, int]] = set()
        for port in service.ports if service else ():
            target = port.target
            numbers = (
                (target,) if isinstance(target, int) else pod.ports_named(target, port.protocol)[:1]
            )
            at |= {(port.protocol.name, number) for number in numbers}
        yield from ((who, at) for who in (pod, *pod.addresses))


def _addresses(end: End, family: int) -> tuple[Address, ...]:
    """Those that it may have on the path; a pod has one of a family."""
    own = tuple(a for a in end.addresses if a.version == family)
    return own if isinstance(end, ExternalEndpoint) else own[:1]
