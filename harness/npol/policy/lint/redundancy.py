"""Rules about rules that say nothing new."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from npol.policy.lint.context import Checked
from npol.policy.lint.findings import LintFinding, LintRule
from npol.policy.lint.subsumption import covers_peers, covers_ports, peer_keys, requirements
from npol.policy.objects.netpol_types import Direction, Policy, Rule


@dataclass(frozen=True, slots=True)
class _Mine:
    """A policy with what its selector requires, and its place in the files."""

    checked: Checked
    number: int
    requires: frozenset[str]

    @property
    def policy(self) -> Policy:
        return self.checked.policy


@dataclass(slots=True)
class _NamespacePolicies:
    """The policies of one namespace, by what they require and by what their rules' peers are."""

    policies: dict[frozenset[str], list[_Mine]] = field(default_factory=dict)
    rules: dict[tuple[Direction, str], list[tuple[_Mine, Rule]]] = field(default_factory=dict)

    def add(self, mine: _Mine) -> None:
        self.policies.setdefault(mine.requires, []).append(mine)
        for rule in mine.policy.all_rules:
            for key in {peer_keys(p)[0] for p in rule.peers} or {"any"}:
                self.rules.setdefault((rule.direction, key), []).append((mine, rule))

    def isolating(self, mine: _Mine, direction: Direction) -> Iterator[_Mine]:
        """Other policies that isolate every pod that this one does."""
        for requires, found in self.policies.items():
            if requires <= mine.requires:
                yield from (o for o in found if direction in o.policy.directions and o is not mine)

    def wider(self, mine: _Mine, rule: Rule) -> Iterator[tuple[_Mine, Rule]]:
        """Rules that allow all that this one allows, to all pods that it allows it to."""
        keys = ["any", *peer_keys(rule.peers[0])] if rule.peers else ["any"]
        for key in keys:
            for other, candidate in self.rules.get((rule.direction, key), ()):
                if (
                    candidate is not rule
                    and other.requires <= mine.requires
                    and covers_ports(candidate, rule)
                    and covers_peers(candidate, rule)
                ):
                    yield other, candidate


def superfluous(policies: Sequence[Checked]) -> Iterator[LintFinding]:
    """
    Policies without effect, and rules in the shadow of wider ones.

    Of policies with the same name the last one is meant: it replaces the others.
    """
    policies = list({str(c.policy): c for c in policies}.values())
    spaces: dict[tuple[str, str], _NamespacePolicies] = {}
    numbered = [_Mine(c, n, requirements(c.policy.selector)) for n, c in enumerate(policies)]
    for mine in numbered:
        spaces.setdefault(_space(mine), _NamespacePolicies()).add(mine)
    gone: set[int] = set()
    for mine in reversed(numbered):
        space = spaces[_space(mine)]
        if not mine.policy.all_rules:
            continue  # a default that denies all: others add to it, and it stays if they go
        if _without_effect(mine, space, gone):
            gone.add(mine.number)
            message = "it changes nothing: the same pods are isolated, and the same is allowed, by "
            message += _others(mine, space, gone)
            fix = "take it away, or keep it as a safety net"
            yield mine.checked.finding(LintRule.WITHOUT_EFFECT, (), message, fix)
        else:
            yield from _shadowed(mine, space, gone)


def _space(mine: _Mine) -> tuple[str, str]:
    """
    Its namespace, and its directory where it names none.

    Such policies land where their directory is applied, each in another namespace perhaps.
    """
    unplaced = not mine.checked.source.metadata.get("namespace")
    return mine.policy.namespace, mine.policy.origin.directory if unplaced else ""


def _others(mine: _Mine, space: _NamespacePolicies, gone: set[int]) -> str:
    """The policies that do what this one does: one for each of its rules, and its isolation."""
    found = [
        next(o for o, _ in space.wider(mine, rule) if o is not mine and o.number not in gone)
        for rule in mine.policy.all_rules
    ]
    names = dict.fromkeys(f"{other.policy} ({other.policy.origin})" for other in found)
    return " and ".join(names)


def _without_effect(mine: _Mine, space: _NamespacePolicies, gone: set[int]) -> bool:
    """Whether the policies that stay do without it."""
    for direction in mine.policy.directions:
        if all(other.number in gone for other in space.isolating(mine, direction)):
            return False
    return all(
        any(other is not mine and other.number not in gone for other, _ in space.wider(mine, rule))
        for rule in mine.policy.all_rules
    )


def _shadowed(mine: _Mine, space: _NamespacePolicies, gone: set[int]) -> Iterator[LintFinding]:
    for rule in mine.policy.all_rules:
        for other, wider in space.wider(mine, rule):
            if other.number in gone or _is_twin_before(mine, rule, other, wider):
                continue
            message = f"{other.policy} ({wider.origin}) allows all that this rule allows"
            fix = "take this rule away, or narrow the other one"
            yield mine.checked.finding_at(LintRule.SHADOWED, rule.origin, message, fix)
            break


def _is_twin_before(mine: _Mine, rule: Rule, other: _Mine, wider: Rule) -> bool:
    """Of two rules that cover each other the later one is the superfluous one."""
    if not (mine.requires <= other.requires):
        return False
    if not (covers_peers(rule, wider) and covers_ports(rule, wider)):
        return False
    return (mine.number, rule.origin.path) < (other.number, wider.origin.path)
