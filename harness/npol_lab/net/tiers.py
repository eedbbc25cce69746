"""
The tiers around NetworkPolicies as chains of nftables.

A pod's address leads to a chain that tries the rules of the Admin tier. What they hand on goes
to the chain of the pod's NetworkPolicies; where none isolates the pod, to the rules of the
Baseline tier, behind which the packet is as free as without policies.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from npol_lab.net.nflog import statement
from npol_lab.net.nft import Chain, Ruleset
from npol_lab.net.policy import ALLOWED, Direction, name_of
from npol_lab.net.tier_policy import TierPolicy


def in_order(policies: Sequence[TierPolicy]) -> list[TierPolicy]:
    """By priority, then by name: of two that share one, any may come first."""
    return sorted(policies, key=lambda policy: (policy.priority, policy.name))


def tiered(
    direction: Direction,
    policies: Sequence[TierPolicy],
    isolated: str,
    ruleset: Ruleset,
    *,
    told: bool,
) -> str:
    """
    The verdict for the pods that these policies select; "" where there is nothing to judge.

    Args:
        isolated: the chain of the pods' NetworkPolicies; "" where none isolates them.
    """
    rest = f"goto {isolated}" if isolated else ""
    if not isolated:
        baseline = [p for p in policies if not p.admin]
        rest = _chain(direction, baseline, "return", ruleset, told)
    admin = [p for p in policies if p.admin]
    return _chain(direction, admin, rest or "return", ruleset, told) or rest


def _chain(
    direction: Direction, policies: Sequence[TierPolicy], rest: str, ruleset: Ruleset, told: bool
) -> str:
    """How to get to the rules of one tier; `rest`: where it goes on. "" for no rules."""
    rules = [
        rule for policy in in_order(policies) for rule in _rules(policy, direction, rest, told)
    ]
    if not rules:
        return ""
    name = name_of(f"tier_{direction}", [*rules, rest])
    ruleset.chains[name] = Chain((*rules, rest))
    return f"jump {name}"


def _rules(policy: TierPolicy, direction: Direction, rest: str, told: bool) -> Iterator[str]:
    verdicts: Mapping[str, str] = {"accept": ALLOWED[direction], "deny": "drop"}
    for line in policy.lines[direction]:
        if line.action == "pass":
            yield f"{line.match} {rest.replace('jump', 'goto', 1)}"
            continue
        log = f"{statement(policy.log_name(direction, line.action))} " if told else ""
        yield f"{line.match} {log}{verdicts[line.action]}"
