"""
What L3/L4 cannot decide of Cilium's rules, before the Baseline tier: unknown where the answer hangs
on it, and only there.

The reference settles the doubt both ways, by a rule in its place that every end fits, or none.
"""

from __future__ import annotations

import functools
import itertools

import pytest

from npol.model.doubt import DoubtCode
from npol.policy.evaluate.evaluate import decide
from npol.policy.matrix.equivalence import Port
from npol.policy.matrix.matrix import matrix
from npol.policy.objects.dialects import CILIUM
from npol.policy.state.apply_changes import apply, delete
from tests.policy.cilium_cases import cnp, on_a
from tests.policy.tier_cases import cluster, rule, rules
from tests.policy.worlds import traffic, world_with

OUT, INSIDE = "x/a -> outside:80", "x/a -> x/b:80"
GROUPS = "toGroups: [{aws: {region: eu}}]"
OTHER_CLUSTER = "toEndpoints: [{matchLabels: {io.cilium.k8s.policy.cluster: other}}]"
HTTP = "toEntities: [all], toPorts: [{ports: [{port: '80', protocol: TCP}], rules: {http: [{}]}}]"
ALLOWS, DENIES = ("egress", "toEntities: [all]"), ("egressDeny", "toEntities: [all]")
NEITHER = ("egress", "toEntities: [none]")
EVERYBODY = "{networks: [0.0.0.0/0]}, {namespaces: {}}"
HTTP_PORT = Port(80)
CODES = {DoubtCode.DOMAINS, DoubtCode.IDENTITY, DoubtCode.BEYOND_PACKETS}


@functools.cache
def world_of(rules_beside, closes, behind):
    """x/a under these rules of Cilium's, and a Baseline policy of that action behind them."""
    closing = f"enableDefaultDeny: {{egress: {str(closes).lower()}}}, "
    own = [cnp(f"p{n}", on_a(closing + f"{s}: [{{{e}}}]")) for n, (s, e) in enumerate(rules_beside)]
    last = rules(rule(behind, EVERYBODY, to=True)) if behind else None
    return world_with(*own, *([cluster("b", "Baseline", egress=last)] if last else []))


@pytest.mark.parametrize("closes", [True, False], ids=["isolating", "isolating-nobody"])
@pytest.mark.parametrize(
    ("doubtful", "flow", "settled"),
    [
        (("egress", "toFQDNs: [{matchName: example.com}]"), OUT, (ALLOWS, NEITHER)),
        (("egress", GROUPS), OUT, (ALLOWS, NEITHER)),
        (("egressDeny", GROUPS), OUT, (DENIES, NEITHER)),
        (("egress", OTHER_CLUSTER), INSIDE, (ALLOWS, NEITHER)),
        (("egressDeny", OTHER_CLUSTER), INSIDE, (DENIES, NEITHER)),
        (("egress", HTTP), INSIDE, (ALLOWS, DENIES)),
    ],
    ids=["fqdn", "groups", "groups-denied", "cluster", "cluster-denied", "http"],
)
def test_the_answer_is_unknown_where_it_hangs_on_what_packets_do_not_show(
    doubtful, flow, settled, closes
):
    besides = [(), (ALLOWS,), (DENIES,)]
    for beside, behind in itertools.product(besides, [None, "Accept", "Deny"]):
        worlds = [world_of((one, *beside), closes, behind) for one in settled]
        answers = {decide(world, traffic(world, flow), CILIUM).allowed for world in worlds}
        world = world_of((doubtful, *beside), closes, behind)
        decision = decide(world, traffic(world, flow), CILIUM)

        assert None not in answers
        assert decision.allowed is (answers.pop() if len(answers) == 1 else None), (beside, behind)
        if decision.allowed is None:
            assert decision.why_unknown.code in CODES
        if flow == INSIDE:
            ends = world.pod("x", "a"), world.pod("x", "b")
            found = matrix(world, CILIUM, ports=[HTTP_PORT])
            assert found.answer(*ends, HTTP_PORT) is decision.allowed


NAMES = {"name": "p", "namespace": "x"}
KINDS = [
    pytest.param(
        "cilium.io/v2",
        "CiliumNetworkPolicy",
        NAMES,
        {"endpointSelector": {}, "ingress": [{}]},
        id="cilium",
    ),
    pytest.param(
        "policy.networking.k8s.io/v1alpha2",
        "ClusterNetworkPolicy",
        {"name": "p"},
        {"tier": "Admin", "priority": 1, "subject": {"namespaces": {}}},
        id="tiers",
    ),
    pytest.param(
        "projectcalico.org/v3",
        "NetworkPolicy",
        NAMES,
        {"ingress": [{"action": "Allow"}]},
        id="calico",
    ),
]


@pytest.mark.parametrize(("api_version", "kind", "names", "good"), KINDS)
@pytest.mark.parametrize("change", [apply, delete])
def test_a_policy_of_the_cluster_that_cannot_be_read_is_so_until_a_story_changes_it(
    api_version, kind, names, good, change
):
    stamp = {"apiVersion": api_version, "kind": kind}
    bad = {**stamp, "metadata": {**names, "uid": "1"}, "spec": {**good, "notAField": 1}}
    world = world_with(bad)
    assert [other.name for other in world.others] == ["p"]

    changed = change(world, [{**stamp, "metadata": names, "spec": good}])

    assert not changed.others
    held = (*changed.cilium_policies, *changed.tier_policies, *changed.calico_policies)
    assert len(held) == (1 if change is apply else 0)
