"""Whom the ends of Calico's rules mean among groups of pods, and on which targets its ports are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce
from operator import and_, or_

from npol.policy.evaluate.calico_match import EPHEMERAL, EndReader, fits_family
from npol.policy.evaluate.match import Path
from npol.policy.matrix.bitsets import GroupBits, MeantGroups
from npol.policy.matrix.equivalence import PodGroup, Port
from npol.policy.objects.calico_labels import asks_accounts
from npol.policy.objects.calico_selectors import (
    AllOf,
    AnyOf,
    CalicoSelector,
    Comparison,
    HasLabel,
    LabelValue,
    Negated,
)
from npol.policy.objects.calico_types import PROTOCOL_NUMBERS, CalicoEnd, CalicoRule, PortList
from npol.policy.objects.netpol_types import Network
from npol.policy.state.cluster_state import ClusterState


class EndBits:
    """Groups are of pods with addresses of their own: every one is an endpoint of Calico's."""

    def __init__(
        self, world: ClusterState, groups: Sequence[PodGroup], family: int, bits: GroupBits
    ) -> None:
        self._world = world
        self._groups = groups
        self._family = family
        self._bits = bits
        self._everyone = MeantGroups(bits.all)
        self._by_label: dict[str, dict[str, int]] = {}
        self._strange = 0
        self._selected: dict[CalicoSelector, MeantGroups] = {}
        self._within: dict[tuple[Network, ...], MeantGroups] = {}
        self._index()

    def _index(self) -> None:
        for number, group in enumerate(self._groups):
            bit, pod = 1 << number, group.first
            for key, value in self._world.calico_labels_of(pod).items():
                values = self._by_label.setdefault(key, {})
                values[value] = values.get(value, 0) | bit
            if not self._world.knows_account_of(pod):
                self._strange |= bit

    def selected(self, selector: CalicoSelector) -> MeantGroups:
        """The groups that a selector means by their labels."""
        if selector not in self._selected:
            strange = self._strange if asks_accounts(selector) else 0
            mask = self._mask(selector) & self._bits.all & ~strange
            self._selected[selector] = MeantGroups(mask, strange)
        return self._selected[selector]

    def _mask(self, selector: CalicoSelector) -> int:
        if isinstance(selector, HasLabel):
            return reduce(or_, self._by_label.get(selector.key, {}).values(), 0)
        if isinstance(selector, LabelValue):
            return self._compared(selector)
        if isinstance(selector, Negated):
            return ~self._mask(selector.inner)
        if isinstance(selector, AllOf | AnyOf):
            every = isinstance(selector, AllOf)
            masks = map(self._mask, selector.parts)
            return reduce(and_, masks, -1) if every else reduce(or_, masks, 0)
        return -1

    def _compared(self, selector: LabelValue) -> int:
        values = self._by_label.get(selector.key, {})
        if selector.comparison is Comparison.IN:
            return reduce(or_, (values.get(operand, 0) for operand in selector.operands), 0)
        fitting = (m for value, m in values.items() if selector.holds_for(value))
        return reduce(or_, fitting, 0)

    def is_of_family(self, rule: CalicoRule) -> bool:
        return fits_family(rule, self._family)

    def meant(self, end: CalicoEnd) -> MeantGroups:
        """The groups that an end of a rule means, but for its ports."""
        found = self._everyone
        if end.selector is not None:
            found = found & self._chosen(end.selector)
        if end.but_not is not None:
            found = found & self._not(self._chosen(end.but_not))
        if end.networks:
            found = found & self._inside(end.networks)
        if end.not_networks:
            found = found & self._not(self._inside(end.not_networks))
        return found & self._behind(end) if end.service else found

    def _chosen(self, selector: CalicoSelector) -> MeantGroups:
        """By labels, or by an address in a network set."""
        own = self.selected(selector)
        networks = self._world.networks_of(selector)
        if not networks:
            return own
        held = self._inside(networks)
        sure = own.sure | held.sure
        return MeantGroups(sure, (own.unsure | held.unsure) & ~sure)

    def _not(self, groups: MeantGroups) -> MeantGroups:
        return MeantGroups(self._bits.all & ~groups.either, groups.unsure)

    def _inside(self, networks: tuple[Network, ...]) -> MeantGroups:
        if networks not in self._within:
            own = [n for n in networks if n.version == self._family]
            sure = unsure = 0
            for number, group in enumerate(self._groups):
                address = group.first.address(self._family)
                if any(n.prefixlen == 0 for n in own):
                    sure |= 1 << number
                elif own and address is None:
                    unsure |= 1 << number
                elif address is not None and any(address in n for n in own):
                    sure |= 1 << number
            self._within[networks] = MeantGroups(sure, unsure)
        return self._within[networks]

    def _behind(self, end: CalicoEnd) -> MeantGroups:
        """Of a destination at any port: `ports_of` looks at the ports."""
        sure = unsure = 0
        for number, group in enumerate(self._groups):
            pod = group.first
            path = Path(source=pod, target=pod, port=0, family=self._family)
            holds = EndReader(self._world, path, own=True).peer(end).holds
            sure |= (holds is True) << number
            unsure |= (holds is None) << number
        return MeantGroups(sure, unsure)

    def source_ports(self, rule: CalicoRule) -> MeantGroups:
        """The groups whose clients' ports a rule means."""
        listed, denied = rule.source.ports, rule.source.not_ports
        found = self._as_client(listed) if listed else self._everyone
        return found & self._not(self._as_client(denied)) if denied else found

    def _as_client(self, listed: PortList) -> MeantGroups:
        first, last = EPHEMERAL
        if any(low <= first and last <= high for low, high in listed.ranges):
            return self._everyone
        if any(low <= last and first <= high for low, high in listed.ranges):
            return MeantGroups(0, self._bits.all)
        return MeantGroups()

    def ports_of(self, rule: CalicoRule) -> Callable[[Port], MeantGroups]:
        """On which target groups a rule is about a port."""

        def on(port: Port) -> MeantGroups:
            number = PROTOCOL_NUMBERS[port.transport]
            if rule.protocol not in (None, number) or rule.not_protocol == number:
                return MeantGroups()
            end = rule.destination
            mask = self._listed(end.ports, port) if end.ports else self._bits.all
            mask &= ~self._listed(end.not_ports, port)
            if end.service:
                mask &= self._served(end, port)
            return MeantGroups(0, mask) if rule.asks or rule.unsettled else MeantGroups(mask)

        return on

    def _listed(self, listed: PortList, port: Port) -> int:
        if port.number in listed:
            return self._bits.all
        return reduce(or_, (self._bits.named_port(name, port) for name in listed.names), 0)

    def _served(self, end: CalicoEnd, port: Port) -> int:
        found = 0
        for number, group in enumerate(self._groups):
            pod = group.first
            path = Path(
                source=pod,
                target=pod,
                port=port.number,
                protocol=port.transport,
                family=self._family,
            )
            holds = EndReader(self._world, path, own=False).peer(end).holds
            found |= (holds is not False) << number
        return found
