"""What a story has applied, before and after the cluster is given back."""

from __future__ import annotations

from npol.changes.state.snapshot import key_of
from npol.cni.other_policy_kinds import ForeignPolicies
from npol.model.inventory import Inventory
from npol.run import applied_policies
from npol.run.applied_policies import AppliedPolicies
from tests.policy.stories import manifests, step, story
from tests.policy.tier_cases import cluster
from tests.policy.worlds import policy

OURS = policy("p", "{podSelector: {matchLabels: {app: ours}}, policyTypes: [Ingress]}")
BEFORE = policy("p", "{podSelector: {matchLabels: {app: before}}, policyTypes: [Ingress]}")
TIER = cluster("guard")


def test_after_the_restore_nothing_of_the_story_stands_for_what_is_there(monkeypatch):
    """Else the prediction contradicts the packets, and flows that are as before are unknown."""
    monkeypatch.setattr(applied_policies, "foreign_policies", lambda *_: ForeignPolicies())
    monkeypatch.setattr(applied_policies, "served_groups", lambda _: ())
    told = story(step("s", apply=[OURS, TIER]))
    applied = AppliedPolicies(others=(TIER,))
    applied.manifests.update({key_of(m.body): m for m in manifests(OURS, TIER)})

    def seen():
        state = applied.state(Inventory(policies=(BEFORE,)), told, ())
        return [p.selector["matchLabels"]["app"] for p in state.policies], len(state.tier_policies)

    assert seen() == (["ours"], 1)
    applied.given_back(None, told)
    assert seen() == (["before"], 0)
