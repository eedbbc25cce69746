"""How one rule of a NetworkPolicy fits, and the policies that stand in one layer with it."""

from __future__ import annotations

from dataclasses import dataclass

from npol.policy.evaluate.match import PeerAndPortFit
from npol.policy.objects.calico_types import CalicoPolicy
from npol.policy.objects.cilium_types import CiliumPolicy
from npol.policy.objects.netpol_types import Origin, PeerClause, Policy, PortClause, Rule
from npol.policy.objects.tier_types import RuleAction


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleFit(PeerAndPortFit):
    """How one rule fits a path, with its best peer and port (None: the rule restricts none)."""

    policy: Policy
    rule: Rule
    peer: PeerClause | None = None
    port: PortClause | None = None

    @property
    def origin(self) -> Origin:
        return self.rule.origin

    @property
    def action(self) -> RuleAction:
        """A NetworkPolicy's rules allow what they fit."""
        return RuleAction.ACCEPT


LayerPolicy = Policy | CiliumPolicy | CalicoPolicy
"""The policies of one layer: those of network plugins stand beside NetworkPolicies."""
