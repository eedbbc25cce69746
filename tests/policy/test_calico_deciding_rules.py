"""The rule that is named as the one that decides does decide: turned round, the answer is, too."""

from __future__ import annotations

import copy
import itertools
import re

import pytest
from hypothesis import given

from npol.model.story import Protocol
from npol.policy.evaluate.evaluate import decide
from npol.policy.objects.dialects import LAB
from npol.policy.objects.entities import Traffic
from npol.policy.state.apply_changes import build
from tests.differential.calico import calico_clusters
from tests.differential.roster import objects
from tests.examples import thorough

OPPOSITES = {"Allow": "Deny", "Deny": "Allow", "Accept": "Deny"}
OPPOSITES_IN_TIERS = {**OPPOSITES, "Deny": "Accept"}
KINDS = {"CalicoNetworkPolicy": "NetworkPolicy"}
PLACE = re.compile(r"spec\.(ingress|egress)\[(\d+)\]")
MOST = 6
"""Rules that are turned round in one cluster."""


def directions(world, source, target, port, protocol):
    """What is decided at either end of one flow between pods, by their names."""
    pods = {pod.name: pod for pod in world.pods}
    asked = Traffic(source=pods[source], target=pods[target], port=port, protocol=protocol)
    (path,) = decide(world, asked, LAB).paths
    return {"egress": path.egress, "ingress": path.ingress}


def turned_round(cluster, fit):
    """The cluster with the other action in this rule, and with one that decides nothing."""
    changed = copy.deepcopy({"tiers": cluster["tiers"], "calico": cluster["calico"]})
    kind = KINDS.get(fit.origin.kind, fit.origin.kind)
    namespace, _, name = fit.origin.policy.rpartition("/")
    (policy,) = (
        obj
        for obj in (*changed["tiers"], *changed["calico"])
        if (obj["kind"], obj["metadata"].get("namespace", ""), obj["metadata"]["name"])
        == (kind, namespace, name)
    )
    direction, index = PLACE.match(fit.origin.path).groups()
    rule = policy["spec"][direction][int(index)]
    of_calico = policy["apiVersion"].startswith("projectcalico.org")
    opposites = OPPOSITES if of_calico or kind != "ClusterNetworkPolicy" else OPPOSITES_IN_TIERS
    rule["action"] = opposites[rule["action"]]
    return {**cluster, **changed}


def counterexamples(cluster):
    """Rules that are named and do not decide; None for each that does."""
    names = [pod["metadata"]["name"] for pod in cluster["pods"]]
    flows = [
        (source, target, port, Protocol[protocol])
        for source, target in itertools.permutations(names, 2)
        for port, protocol in cluster["asked"]
    ]
    world = build(objects(cluster))
    named = {}
    for flow in flows:
        for direction, found in directions(world, *flow).items():
            if (fit := found.tier_rule) is not None:
                named.setdefault((direction, fit.origin), (flow, found.allowed, fit))
    for (direction, origin), (flow, allowed, fit) in [*named.items()][:MOST]:
        after = directions(build(objects(turned_round(cluster, fit))), *flow)[direction]
        same = after.tier_rule is not None and after.tier_rule.origin == origin
        decides = same and after.allowed is not allowed
        yield None if decides else f"{flow} {direction}: {origin}"


@thorough(10)
@given(cluster=calico_clusters())
def test_a_named_rule_turned_round_turns_the_answer_round(cluster):
    wrong = [text for text in counterexamples(cluster) if text]
    assert not wrong, "\n".join(wrong)


@pytest.mark.nightly
@pytest.mark.timeout(1800)
@thorough(500)
@given(cluster=calico_clusters())
def test_a_named_rule_turned_round_turns_the_answer_round_in_hundreds(cluster):
    wrong = [text for text in counterexamples(cluster) if text]
    assert not wrong, "\n".join(wrong)
