"""What the lint's rules look at: one policy with its file, and the world around it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property

from npol.model.story import Protocol
from npol.policy.lint.findings import CertainFix, LintFinding, LintRule
from npol.policy.lint.platform_objects import PlatformObjects
from npol.policy.objects.dialects import SPEC, Dialect
from npol.policy.objects.entities import Pod
from npol.policy.objects.netpol_types import Direction, Origin, Policy, Rule
from npol.policy.parse.object_source import Path, Source, spell_path
from npol.policy.parse.parse_policies import ParsedPolicy
from npol.policy.state.cluster_state import ClusterState
from npol.policy.state.selected_pods import selected_pods
from npol.selectors import Selector, keys_of


@dataclass(frozen=True, slots=True)
class Checked:
    """One policy as it stands in its file."""

    source: Source
    reading: ParsedPolicy

    @property
    def policy(self) -> Policy:
        return self.reading.policy

    def finding(
        self,
        rule: LintRule,
        path: Path,
        message: str,
        fix: str = "",
        *,
        at_key: bool = False,
        certain: CertainFix | None = None,
    ) -> LintFinding:
        """A finding at a place of this policy; `at_key`: at the key, not at its value."""
        return LintFinding(
            rule=rule,
            message=message,
            fix=fix,
            subject=str(self.policy),
            path=spell_path(path),
            at=self.source.key_at(*path) if at_key else self.source.at(*path),
            certain=certain,
        )

    def finding_at(
        self,
        rule: LintRule,
        origin: Origin,
        message: str,
        fix: str = "",
        *,
        harmless: bool = False,
        certain: CertainFix | None = None,
    ) -> LintFinding:
        """A finding at a clause."""
        return LintFinding(
            rule=rule,
            message=message,
            fix=fix,
            subject=str(self.policy),
            path=origin.path,
            at=origin.at,
            harmless=harmless,
            certain=certain,
        )


@dataclass(frozen=True)
class Scope:
    """The world, and what of it is known well enough to say that something is not there."""

    world: ClusterState
    """With the DNS that every cluster has."""
    seen: ClusterState
    """Without it, unless it was seen."""
    dialect: Dialect = SPEC
    """Whose reading the policies are in."""
    platform: PlatformObjects = field(default_factory=PlatformObjects)
    """What is given beside the policies."""
    applied: ClusterState = field(default_factory=ClusterState)
    """The cluster as it is before the policies are applied."""

    def knows_pods(self, namespaces: Iterable[str]) -> bool:
        """Whether any pod of these namespaces was seen."""
        return any(self.seen.pods_in(name) for name in namespaces)

    @property
    def knows_namespaces(self) -> bool:
        return any(n.declared for n in self.seen.namespaces.values())

    @property
    def knows_cluster(self) -> bool:
        """Whether a cluster was looked at; manifests alone show a part of one."""
        return any(n.declared for n in self.applied.namespaces.values())

    def may_be_mistyped(self, selector: Selector, namespaces: Iterable[str]) -> bool:
        """Whether a selector that selects no pod there is surely about those that are seen."""
        if self.knows_cluster:
            return True
        names = set(namespaces)
        values = set((selector.get("matchLabels") or {}).values())
        if any(space in names and name in values for space, name in self.platform.custom):
            return False  # an operator names the pods that it makes after the object
        keys = set(keys_of(selector))
        return any(keys & set(pod.labels) for name in names for pod in self.seen.pods_in(name))

    def selected(self, policy: Policy) -> tuple[Pod, ...]:
        return self.seen.select(policy.namespace, policy.selector)

    @cached_property
    def resolves(self) -> dict[tuple[str, str, Protocol], bool | None]:
        """Whether pods of a namespace with these labels may ask DNS, as far as was asked."""
        return {}

    @cached_property
    def labels_of_pods(self) -> frozenset[str]:
        """The keys that any pod carries."""
        return frozenset(key for pod in self.seen.pods for key in pod.labels)

    @cached_property
    def addresses(self) -> dict[int, list[tuple[int, Pod]]]:
        """Family -> the pods by the numbers of their addresses, in order."""
        found: dict[int, list[tuple[int, Pod]]] = {4: [], 6: []}
        for pod in self.seen.pods:
            if not pod.host_network:
                for address in pod.addresses:
                    found[address.version].append((int(address), pod))
        return {f: sorted(pods, key=lambda entry: entry[0]) for f, pods in found.items()}

    def destinations(self, policy: Policy, rule: Rule) -> tuple[Pod, ...]:
        """The pods on whose ports a rule acts; addresses name no pods."""
        if rule.direction is Direction.INGRESS:
            return self.selected(policy)
        if not rule.peers:
            return self.seen.pods
        found = (
            pod
            for peer in rule.peers
            if not peer.ip_block
            for pod in selected_pods(self.seen, policy.namespace, peer)
        )
        return tuple({id(pod): pod for pod in found}.values())
