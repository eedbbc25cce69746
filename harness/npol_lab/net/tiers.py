"""
Tiers as chains of nftables: policies of ClusterNetworkPolicy's family, NetworkPolicies, Calico's.

A pod's address leads to a chain that tries the rules of the first tier whose policies select the
pod. What they hand on, and what a tier that does not deny lets through, goes to the chain of the
next one; behind the last one the packet is as free as without policies. NetworkPolicies stand in
the default tier. Where nothing else does, the chain of the pods' NetworkPolicies is that tier.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from npol_lab.net.calico_policy import DEFAULT_TIER, CalicoPolicy
from npol_lab.net.calico_rules import CalicoRules
from npol_lab.net.calico_world import Tier
from npol_lab.net.flow_log import DENIED
from npol_lab.net.nflog import statement
from npol_lab.net.nft import Chain, Ruleset
from npol_lab.net.policy import ALLOWED, Direction, Policy, name_of
from npol_lab.net.tier_policy import TierLine, TierPolicy

Tiered = TierPolicy | CalicoPolicy
OF_NETWORK_POLICIES = 1000.0
"""The order that they have in the default tier."""


class Tiers:
    """Of one node: what it makes comes into `ruleset`."""

    def __init__(
        self, tiers: Mapping[str, Tier], calico: CalicoRules | None, ruleset: Ruleset, *, told: bool
    ) -> None:
        self._tiers = tiers
        self._calico = calico
        self._ruleset = ruleset
        self._told = told

    def verdict(
        self,
        direction: Direction,
        policies: Sequence[Tiered],
        isolating: Sequence[Policy],
        isolated: str,
    ) -> str:
        """
        The verdict for the pods that these policies select; "" where there is nothing to judge.

        Args:
            isolating: the pods' NetworkPolicies, and `isolated` the chain of them; "" for none.
        """
        by_tier: dict[str, list[Tiered]] = defaultdict(list)
        for policy in policies:
            if _is_in_force(policy, direction) and policy.tier in self._tiers:
                by_tier[policy.tier].append(policy)
        tiers = sorted((self._tiers[name] for name in by_tier), key=lambda tier: tier.place)
        end = rest = "return"
        if isolated and DEFAULT_TIER not in by_tier:
            end = rest = f"goto {isolated}"
            tiers = [tier for tier in tiers if tier.place < self._tiers[DEFAULT_TIER].place]
        for tier in reversed(tiers):
            own = isolating if tier.name == DEFAULT_TIER else ()
            rest = f"goto {self._chain(direction, tier, by_tier[tier.name], own, rest)}"
        if rest == end:
            return f"goto {isolated}" if isolated else ""
        return rest.replace("goto", "jump", 1)

    def _chain(
        self,
        direction: Direction,
        tier: Tier,
        policies: Sequence[Tiered],
        isolating: Sequence[Policy],
        rest: str,
    ) -> str:
        """One tier's; `rest`: where it goes on."""
        found = {policy.place: list(self._rules(policy, direction, rest)) for policy in policies}
        found |= {_place(policy): [f"jump {policy.chains[direction]}"] for policy in isolating}
        rules = [rule for place in sorted(found) for rule in found[place]]
        log = f"{statement(DENIED[direction])} " if self._told else ""
        rules.append(f"{log}drop" if tier.denies else rest)
        name = name_of(f"tier_{direction}", rules)
        self._ruleset.chains[name] = Chain(tuple(rules))
        return name

    def _rules(self, policy: Tiered, direction: Direction, rest: str) -> Iterator[str]:
        verdicts = {"accept": ALLOWED[direction], "deny": "drop"}
        for line in self._lines(policy, direction):
            if line.action == "pass":
                yield f"{line.match} {rest}".strip()
                continue
            name = policy.log_name(direction, line.action)
            log = f"{statement(name)} " if self._told else ""
            yield f"{line.match} {log}{verdicts[line.action]}".strip()

    def _lines(self, policy: Tiered, direction: Direction) -> Sequence[TierLine]:
        if isinstance(policy, TierPolicy):
            return policy.lines[direction]
        assert self._calico is not None, "there are such policies"
        return self._calico.lines_of(policy, direction, self._ruleset)


def _is_in_force(policy: Tiered, direction: Direction) -> bool:
    """A policy of Calico's is without rules, too: its tier may deny."""
    if isinstance(policy, TierPolicy):
        return bool(policy.lines[direction])
    return direction in policy.rules


def _place(policy: Policy) -> tuple[float, str]:
    return OF_NETWORK_POLICIES, f"{policy.name}/{policy.namespace}/KubernetesNetworkPolicy"
