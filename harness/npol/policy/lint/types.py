"""Rules about policyTypes, and about what is empty and what is missing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from npol.policy.lint.certain import added
from npol.policy.lint.context import Checked, Scope
from npol.policy.lint.findings import LintFinding, LintRule
from npol.policy.objects.dialects import ENGINES, Dialect
from npol.policy.objects.netpol_types import Direction
from npol.policy.parse.object_source import items, mapping


def policy_types(checked: Checked, dialect: Dialect) -> Iterator[LintFinding]:
    spec = checked.source.spec
    if items(spec.get("policyTypes")):
        yield from _contradictions(checked, dialect)
        return
    effective = ", ".join(d.value for d in Direction if d in checked.policy.directions)
    has = {d for d in Direction if items(spec.get(d.field))}
    if "egress" in spec and Direction.EGRESS not in has:
        message = "an empty egress without policyTypes isolates nothing: Egress is not in force"
        fix = "write policyTypes: [Ingress, Egress]"
        yield checked.finding(
            LintRule.TYPES_CONTRADICT, ("spec", "egress"), message, fix, at_key=True
        )
    elif has == {Direction.EGRESS} and "ingress" not in spec:
        message = "without policyTypes it isolates Ingress as well, and allows none"
        yield checked.finding(
            LintRule.ISOLATES_MORE, ("spec",), message, "write policyTypes: [Egress]"
        )
    else:
        message = f"policyTypes is missing; it means [{effective}]"
        fix = f"write policyTypes: [{effective}]"
        names = tuple(d.value for d in Direction if d in checked.policy.directions)
        certain = added(checked.source, ("spec", "policyTypes"), names)
        yield checked.finding(LintRule.TYPES_MISSING, ("spec",), message, fix, certain=certain)


def _contradictions(checked: Checked, dialect: Dialect) -> Iterator[LintFinding]:
    spec = checked.source.spec
    stated = items(spec.get("policyTypes"))
    for direction in Direction:
        if items(spec.get(direction.field)) and direction.value not in stated:
            message = f"{_effect(dialect)}: policyTypes does not name {direction.value}"
            fix = f"add {direction.value} to policyTypes, or take the rules away"
            path = ("spec", direction.field)
            yield checked.finding(LintRule.TYPES_CONTRADICT, path, message, fix, at_key=True)


def live_types(scope: Scope, checked: Checked) -> Iterator[LintFinding]:
    """Where a manifest has no policyTypes, `kubectl apply` and helm leave those that are there."""
    policy = checked.policy
    live = scope.applied.policy(policy.namespace, policy.name)
    if live is None or items(checked.source.spec.get("policyTypes")):
        return
    if live.directions != policy.directions:
        has, means = (
            ", ".join(d.value for d in Direction if d in one.directions) for one in (live, policy)
        )
        message = f"the applied policy has policyTypes [{has}], and keeps them without any here"
        names = tuple(d.value for d in Direction if d in policy.directions)
        certain = added(checked.source, ("spec", "policyTypes"), names)
        fix = f"write policyTypes: [{means}]"
        yield checked.finding(LintRule.LIVE_TYPES, ("spec",), message, fix, certain=certain)


def _effect(dialect: Dialect) -> str:
    if dialect.rules_outrank_types:
        return f"{dialect.name} isolates by these rules, and other engines ignore them"
    others = ", ".join(e.name for e in ENGINES if e.rules_outrank_types)
    return f"these rules do nothing (on {others} they isolate)"


def empty_rules(checked: Checked) -> Iterator[LintFinding]:
    """`{}` is one rule that restricts nothing; `[]` in a rule is no restriction either."""
    for direction in Direction:
        rules = items(checked.source.spec.get(direction.field))
        for index, rule in enumerate(rules):
            path = ("spec", direction.field, index)
            yield from _empty_rule(checked, direction, mapping(rule), path)


def _empty_rule(
    checked: Checked, direction: Direction, rule: Mapping[str, object], path: tuple[str | int, ...]
) -> Iterator[LintFinding]:
    if not rule:
        way = "from" if direction is Direction.INGRESS else "to"
        message = f"this rule allows all {direction.field}, {way} the outside as well"
        fix = f"to allow none write `{direction.field}: []`"
        yield checked.finding(LintRule.ALLOWS_EVERYTHING, path, message, fix)
    for key in (direction.peers_field, "ports"):
        if key in rule and not items(rule.get(key)):
            what = "port" if key == "ports" else "peer"
            message = f"an empty `{key}` allows every {what}"
            fix = f"take `{key}` away if that is meant, or the rule if none is"
            yield checked.finding(LintRule.EMPTY_LIST, (*path, key), message, fix, at_key=True)
