"""
Policies of other kinds: named, and never evaluated.

They rule beside NetworkPolicies or above them (tiers, priorities, explicit denies), so where
one may select an end of a flow, there is no prediction. Staged kinds are not enforced.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from npol.model.policy_kinds import other_policy_kind
from npol.policy.objects.entities import Namespace, Pod
from npol.policy.parse.object_source import Source, mapping
from npol.selectors import Selector, matches


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherPolicy:
    """`namespace` "" for cluster-wide kinds; `subject` as in the AdminNetworkPolicy family."""

    kind: str
    group: str
    name: str
    namespace: str = ""
    subject: Mapping[str, Any] | None = None

    def __str__(self) -> str:
        place = f"{self.namespace}/" if self.namespace else ""
        return f"{self.kind}.{self.group} {place}{self.name}"

    def may_select(self, pod: Pod, namespace: Namespace) -> bool:
        """False only where it surely does not select the pod."""
        if self.namespace and self.namespace != pod.namespace:
            return False
        return self.subject is None or _subject_selects(self.subject, pod, namespace)


def unread_kind(kind: str, group: str, namespace: str) -> OtherPolicy:
    """Whatever policies there are of a kind that may not be read: they may select any pod."""
    return OtherPolicy(kind=kind, group=group, name="(may not be read)", namespace=namespace)


def is_other(source: Source) -> bool:
    return other_policy_kind(source.group, source.kind) is not None


def read_other(source: Source, default_namespace: str) -> OtherPolicy:
    known = other_policy_kind(source.group, source.kind)
    scoped = known is not None and known.namespaced
    subject = source.spec.get("subject")
    return OtherPolicy(
        kind=source.kind,
        group=source.group,
        name=source.name,
        namespace=source.namespace(default_namespace) if scoped else "",
        subject=subject if isinstance(subject, Mapping) else None,
    )


def _subject_selects(subject: Mapping[str, Any], pod: Pod, namespace: Namespace) -> bool:
    """`subject` holds `namespaces: SELECTOR` or `pods: {namespaceSelector, podSelector}`."""
    if "pods" in subject:
        both = mapping(subject["pods"])
        return _may_match(both.get("namespaceSelector"), namespace.labels) and _may_match(
            both.get("podSelector"), pod.labels
        )
    return _may_match(subject.get("namespaces"), namespace.labels)


def _may_match(selector: Selector | None, labels: Mapping[str, str]) -> bool:
    try:
        return matches(selector or {}, labels)
    except (ValueError, KeyError):  # a selector that we cannot read may select anything
        return True
