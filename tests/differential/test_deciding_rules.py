"""
What `explain` names is what decides: without it, and without what would decide alike in its place,
the answer is another, with it alone the answer is back; and packets do the same.
"""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from npol.policy.evaluate.evaluate import decide
from npol.policy.explain.causes import causes
from npol.policy.objects.dialects import LAB
from npol.policy.state.apply_changes import build
from tests.differential.calico import calico_clusters
from tests.differential.deciding import until_it_changes
from tests.differential.roster import lab_clusters, objects
from tests.differential.test_lab import Lab, every_flow
from tests.differential.tiered import tiered_clusters
from tests.examples import thorough

pytestmark = [pytest.mark.lab, pytest.mark.timeout(3600)]

KINDS = ("policies", "tiers", "calico")


@pytest.fixture(scope="module")
def lab():
    made = Lab()
    yield made
    counted = dict(made.counted)
    print(counted)
    made.packets.close()
    assert counted["changed"] > counted["clusters"] / 10, counted


def _differences(lab, cluster, data):
    """Of an open and of a closed flow: as packets, without what decides it, and with it again."""
    for flow in _one_of_each(cluster, data):
        fewer = _fewer(cluster, flow)
        lab.counted["changed" if fewer.changed else "open all the same"] += 1
        for policies in (fewer.policies, fewer.put_back):
            yield from lab.differences({**_bare(cluster), **_by_list(cluster, policies)})


def _one_of_each(cluster, data):
    """An open flow, and a closed one, where there are such."""
    flows = _decided(cluster)
    for answer in (True, False):
        if alike := [flow for flow, allowed in flows if allowed is answer]:
            yield data.draw(st.sampled_from(alike))


def _decided(cluster):
    world = build(objects(cluster))
    return [(flow, decide(world, flow, LAB).allowed) for flow in every_flow(world, cluster)]


def _fewer(cluster, flow):
    def predict(policies):
        world = build([*objects(_bare(cluster)), *policies])
        decision = decide(world, flow, LAB)
        told = causes(world.as_read(LAB), decision)
        return replace(decision.prediction, causes=tuple(told))

    return until_it_changes([p for kind in KINDS for p in cluster.get(kind, ())], predict)


def _bare(cluster):
    return {**cluster, **dict.fromkeys(KINDS, ())}


def _by_list(cluster, policies):
    for_kind = {kind: [_name(p) for p in cluster.get(kind, ())] for kind in KINDS}
    return {kind: [p for p in policies if _name(p) in names] for kind, names in for_kind.items()}


def _name(policy):
    metadata = policy["metadata"]
    return policy["kind"], metadata.get("namespace"), metadata["name"]


CLUSTERS = {
    "network-policies": lab_clusters(),
    "tiers": tiered_clusters(),
    "calico": calico_clusters(),
}


@pytest.mark.parametrize("kinds", CLUSTERS)
@thorough(8)
@given(data=st.data())
def test_what_is_named_decides(kinds, data):
    cluster = data.draw(CLUSTERS[kinds])
    for flow in _one_of_each(cluster, data):
        _fewer(cluster, flow)  # raises where what is named does not decide


@pytest.mark.nightly
@pytest.mark.parametrize("kinds", CLUSTERS)
@thorough(60)
@given(data=st.data())
def test_what_is_named_decides_as_packets(lab, kinds, data):
    found = [*_differences(lab, data.draw(CLUSTERS[kinds]), data)]
    assert not found, "\n".join(found)


@pytest.mark.nightly
@pytest.mark.parametrize("kinds", CLUSTERS)
@thorough(10)
@given(data=st.data())
def test_what_is_named_decides_in_every_flow(kinds, data):
    cluster = data.draw(CLUSTERS[kinds])
    for flow, allowed in _decided(cluster):
        if allowed is not None:
            _fewer(cluster, flow)
