"""One change of one policy."""

from __future__ import annotations

from dataclasses import dataclass

from npol.policy.objects.calico_types import CalicoPolicy
from npol.policy.objects.cilium_types import CiliumPolicy
from npol.policy.objects.netpol_types import Origin, Policy
from npol.policy.objects.tier_types import TierPolicy
from npol.policy.state.cluster_state import ClusterState

MutablePolicy = Policy | TierPolicy | CiliumPolicy | CalicoPolicy


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """`becomes` None: the policy is gone; else it is of the policy's own kind."""

    policy: MutablePolicy
    becomes: MutablePolicy | None
    what: str
    """`rule removed`, `podSelector of a peer dropped`, `action Deny became Pass`, ..."""
    origin: Origin

    def __str__(self) -> str:
        return f"{self.policy} ({self.origin}): {self.what}"


def in_force(mutant: Mutant, world: ClusterState) -> bool:
    """Whether a world has the policy that is changed, in this very version."""
    if isinstance(mutant.policy, TierPolicy):
        return mutant.policy in world.tier_policies
    if isinstance(mutant.policy, CiliumPolicy):
        return mutant.policy in world.cilium_policies
    if isinstance(mutant.policy, CalicoPolicy):
        return mutant.policy in world.calico_policies
    return mutant.policy in world.policies
