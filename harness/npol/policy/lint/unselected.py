"""Policies of other kinds that select no pod, as far as what is known says so."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from npol.policy.lint.context import Scope
from npol.policy.lint.findings import LintFinding, LintRule, finding_at
from npol.policy.objects.entities import Namespace
from npol.policy.objects.netpol_types import Origin


@dataclass(frozen=True, slots=True, kw_only=True)
class Unselected:
    """A policy, or a part of one, that acts on no pod that is known."""

    policy: object
    origin: Origin
    message: str
    fix: str
    pod_labels: Sequence[str]
    """The keys that it asks of pods."""
    values: Sequence[str] = ()
    """The values that these must have."""
    namespace_labels: Sequence[str]
    """The same of namespaces."""
    may_act_in: Callable[[Namespace], bool]
    """Whether it may select pods of a namespace, whatever labels they have."""


def unselected(scope: Scope, one: Unselected) -> Iterator[LintFinding]:
    """Nothing where manifests alone are known, and the cluster may have the namespace."""
    places = [n.name for n in scope.seen.all_namespaces if one.may_act_in(n)]
    if not scope.knows_cluster and not _is_known(scope, one, places):
        return
    sure = not places or scope.knows_bearers(one.pod_labels, one.values, places)
    found = finding_at(LintRule.SELECTS_NO_POD, one.message, one.fix, one.policy, one.origin)
    yield replace(found, harmless=not sure)


def _is_known(scope: Scope, one: Unselected, places: Sequence[str]) -> bool:
    """Whether pods are known where it may act, or namespaces are labelled as it asks."""
    if places:
        return scope.knows_pods(places)
    return bool(scope.labels_of_namespaces & set(one.namespace_labels))
