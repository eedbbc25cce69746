"""Policies of other kinds than NetworkPolicy: changed, locked, journalled and put back as those."""

import pytest

from npol.changes.apply.change_session import ChangedByOthers
from npol.changes.dry_run.dry_run import plan_changes
from npol.changes.journal_types import Key
from npol.changes.recover.recovery import recover
from npol.errors import LockHeld, Refused
from npol.story import load_story
from tests.changes.cluster import CLUSTER_POLICIES, STATE, kept
from tests.changes.other_policies import global_policy

API = "policy.networking.k8s.io/v1alpha2"
GUARD = Key(API, "ClusterNetworkPolicy", "", "guard")
DENY = [{"action": "Deny", "from": [{"namespaces": {}}]}]


def guard(ingress=DENY, **labels):
    metadata = {"name": "guard", **({"labels": labels} if labels else {})}
    spec = {
        "tier": "Admin",
        "priority": 10,
        "subject": {"namespaces": {"matchLabels": {"kubernetes.io/metadata.name": "shop"}}},
        "ingress": ingress,
    }
    return {
        "apiVersion": API,
        "kind": "ClusterNetworkPolicy",
        "metadata": metadata,
        "spec": spec,
    }


@pytest.fixture
def begun(defined, begin):
    def begun(**settings):
        return begin("shop", other_policies=(GUARD,), **settings)

    return begun


def live(cluster):
    return cluster.get(CLUSTER_POLICIES, None, "guard")


def test_a_policy_of_the_whole_cluster_is_made_and_taken_back(defined, begun):
    before = defined.state()
    transaction = begun()

    assert transaction.apply(guard()) == "created"
    assert transaction.apply(guard()) == "unchanged"
    assert transaction.changed_by_others() == []
    result = transaction.restore()
    transaction.close()

    assert result.complete, result.problems
    assert result.actions == ("deleted ClusterNetworkPolicy guard",)
    assert live(defined) is None
    assert defined.state() == before


def test_a_restore_reads_a_policy_of_the_cluster_with_its_two_snapshots_only(defined, begun):
    transaction = begun()
    transaction.apply(guard())
    asked = transaction._session.connection.requests
    read = "get clusternetworkpolicies.policy.networking.k8s.io"
    before = asked[read]

    transaction.restore()

    assert asked[read] == before + 2


def test_a_replaced_policy_of_the_cluster_comes_back_whole(defined, begun):
    there = defined.edit("create", CLUSTER_POLICIES, guard(team="shop"), manager="kubectl")
    transaction = begun(replace=True)

    assert transaction.apply(guard([])) == "replaced"
    assert transaction.restore().complete
    transaction.close()

    assert kept(live(defined)) == kept(there)
    assert live(defined)["metadata"]["uid"] == there["metadata"]["uid"]


def test_a_deleted_policy_of_the_cluster_comes_back(defined, begun):
    there = defined.edit("create", CLUSTER_POLICIES, guard(team="shop"), manager="kubectl")
    transaction = begun()

    assert transaction.delete(guard()) == "deleted"
    assert transaction.restore().complete
    transaction.close()

    assert kept(live(defined)) == kept(there)


def test_what_others_did_to_it_meanwhile_is_told_and_left(defined, begun):
    transaction = begun()
    transaction.apply(guard())
    defined.change(CLUSTER_POLICIES, None, "guard", lambda o: o["spec"].update(priority=11))

    (told,) = transaction.changed_by_others()
    result = transaction.restore()

    assert "ClusterNetworkPolicy guard was changed by others" in told
    assert not result.complete
    assert live(defined)["spec"]["priority"] == 11


def test_it_is_not_changed_over_what_others_did_first(defined, begun):
    transaction = begun(replace=True)
    transaction.apply(guard())
    defined.change(CLUSTER_POLICIES, None, "guard", lambda o: o["spec"].update(priority=11))

    with pytest.raises(ChangedByOthers):
        transaction.apply(guard([]))


def test_two_runs_do_not_change_policies_of_the_cluster_at_once(defined, begun):
    begun()

    with pytest.raises(LockHeld, match="the policies of the whole cluster are held by run"):
        begun()


def test_a_run_that_changes_none_of_them_need_not_wait(defined, begun, begin):
    begun()

    begin("bank", STATE)


def test_without_the_clusters_lock_no_policy_of_it_is_changed(defined, begin):
    transaction = begin("shop")

    with pytest.raises((LockHeld, Refused)):
        transaction.apply(guard())

    assert live(defined) is None


def test_a_dead_run_is_recovered_with_the_policies_of_the_cluster(defined, begun, tmp_path):
    there = defined.edit("create", CLUSTER_POLICIES, guard(team="shop"), manager="kubectl")
    transaction = begun(replace=True, run_id="dead")
    transaction.apply(guard([]))
    transaction._lock.stop()

    done = recover(
        defined.connect(), run_id="dead", known_dead=True, state_directory=tmp_path / "state"
    )

    assert all(each.result and each.result.complete for each in done)
    assert kept(live(defined)) == kept(there)
    assert defined.state()["leases"] == []


def test_a_tier_is_there_before_its_policies_and_goes_behind_them(defined, begin):
    """Calico's API server refuses a policy without its tier, and keeps a tier with policies."""
    api = "projectcalico.org/v3"
    inside = {**global_policy("guard"), "spec": {"tier": "platform"}}
    tier = {"apiVersion": api, "kind": "Tier", "metadata": {"name": "platform"}, "spec": {}}
    keys = [Key(api, "GlobalNetworkPolicy", "", "guard"), Key(api, "Tier", "", "platform")]
    before = defined.state()
    transaction = begin("shop", other_policies=keys)

    assert transaction.apply_all([inside, tier]) == ["created", "created"]
    assert transaction.delete_all([tier, inside]) == ["deleted", "deleted"]
    transaction.apply_all([inside, tier])
    assert transaction.restore().complete
    transaction.close()

    assert defined.state() == before
    assert defined.get("tiers.projectcalico.org", None, "platform") is None


POLICIES_OF_A_TIER = """
apiVersion: projectcalico.org/v3
kind: GlobalNetworkPolicy
metadata: {name: guard}
spec: {tier: platform, namespaceSelector: kubernetes.io/metadata.name == 'shop'}
---
apiVersion: projectcalico.org/v3
kind: Tier
metadata: {name: platform}
spec: {order: 5}
"""
STORY_OF_A_TIER = """
version: 1
name: tiered
steps:
  - name: guard
    apply: [policies.yaml]
"""


def test_a_dry_run_imagines_the_tiers_that_the_story_makes(defined, tmp_path):
    (tmp_path / "policies.yaml").write_text(POLICIES_OF_A_TIER)
    (tmp_path / "tiered.npol.yaml").write_text(STORY_OF_A_TIER)
    story = load_story(str(tmp_path / "tiered.npol.yaml"), root=str(tmp_path))

    plan = plan_changes(defined.connect(), story)

    assert plan.problems == ()
    assert list(map(str, plan.steps[0].previews)) == [
        "create Tier platform",
        "create GlobalNetworkPolicy guard",
    ]
