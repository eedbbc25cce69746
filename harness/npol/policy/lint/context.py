"""What the lint's rules look at: one policy with its file, and the world around it."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from functools import cached_property

from npol.model.story import Protocol
from npol.policy.lint.findings import CertainFix, LintFinding, LintRule
from npol.policy.lint.platform_objects import PlatformObjects
from npol.policy.objects.dialects import SPEC, Dialect
from npol.policy.objects.entities import NAME_LABEL, Pod
from npol.policy.objects.netpol_types import Direction, Origin, Policy, Rule
from npol.policy.objects.tier_types import RuleAction
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

    @cached_property
    def labels_of_namespaces(self) -> frozenset[str]:
        """The keys that namespaces are given, beside the one that all have."""
        return frozenset(k for n in self.seen.namespaces.values() for k in n.labels) - {NAME_LABEL}

    def knows_pods(self, namespaces: Iterable[str]) -> bool:
        """Whether any pod of these namespaces was seen."""
        return any(self.seen.pods_in(name) for name in namespaces)

    def knows_pods_of(self, checked: Checked) -> bool:
        """
        Whether any pod of a policy's namespace was seen.

        One that names none lands where its directory is applied: pods of others say nothing.
        """
        pods = self.seen.pods_in(checked.policy.namespace)
        if self.knows_cluster or checked.source.metadata.get("namespace"):
            return bool(pods)
        place = checked.policy.origin.directory
        return any(not pod.at or pod.at.file.rpartition("/")[0] == place for pod in pods)

    def selects_none(self, checked: Checked) -> bool:
        """Whether pods of its namespace were seen, and a policy selects none of them."""
        policy = checked.policy
        known = bool(policy.selector) and self.knows_pods_of(checked)
        return known and not self.selected(policy)

    @property
    def knows_namespaces(self) -> bool:
        return any(n.declared for n in self.seen.namespaces.values())

    @property
    def knows_cluster(self) -> bool:
        """Whether a cluster was looked at; manifests alone show a part of one."""
        return any(n.declared for n in self.applied.namespaces.values())

    def may_be_mistyped(self, selector: Selector, namespaces: Iterable[str]) -> bool:
        """Whether a selector that selects no pod there is surely about those that are seen."""
        values = (selector.get("matchLabels") or {}).values()
        return self.knows_bearers(keys_of(selector), values, set(namespaces))

    def knows_bearers(
        self, keys: Iterable[str], values: Iterable[str], namespaces: Collection[str]
    ) -> bool:
        """Whether who has these labels there is surely known: others with such keys are seen."""
        if self.knows_cluster or self.platform.incomplete:
            return self.knows_cluster
        if self.platform.operated(namespaces, values):
            return False
        wanted = set(keys)
        return any(
            wanted & pod.labels.keys() for name in namespaces for pod in self.seen.pods_in(name)
        )

    def ruled_beside(self, pod: Pod) -> bool:
        """Whether policies of other kinds may act on a pod and allow what it lacks."""
        others = self.seen.without_cilium.without_calico
        if not others.tier_policies:
            return bool(others.others_for(pod))
        from npol.policy.evaluate.tier_match import tier_policies_for  # few files hold them

        rules = (r for p in tier_policies_for(others, pod) for r in (*p.ingress, *p.egress))
        return bool(others.others_for(pod)) or any(r.action is RuleAction.ACCEPT for r in rules)

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
