"""The evaluator and a naive reading of the specification agree on clusters nobody thought of."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from npol.model.story import Protocol
from npol.policy.evaluate.evaluate import decide
from npol.policy.objects.dialects import CALICO, CILIUM, SPEC
from npol.policy.objects.entities import Traffic
from npol.policy.state.apply_changes import build
from tests.examples import examples
from tests.policy.clusters import PORTS, PROTOCOLS, clusters, objects
from tests.policy.naive import flow_is_allowed


def _every_flow(cluster, port, protocol):
    world = build(objects(cluster))
    by_name = {(p.namespace, p.name): p for p in world.pods}
    assert not world.refused
    for source in cluster["pods"]:
        for target in cluster["pods"]:
            ends = (
                by_name[p["metadata"]["namespace"], p["metadata"]["name"]] for p in (source, target)
            )
            a, b = ends
            traffic = Traffic(
                source=a, target=b, port=port, protocol=Protocol.__members__[protocol]
            )
            yield world, traffic, source, target


@pytest.mark.parametrize(
    ("dialect", "blocks"), [(CALICO, True), (CILIUM, False)], ids=["calico", "cilium"]
)
@examples(25)
@given(cluster=clusters(), port=st.sampled_from(PORTS), protocol=st.sampled_from(PROTOCOLS))
def test_evaluator_agrees_with_the_naive_reading(dialect, blocks, cluster, port, protocol):
    for world, traffic, source, target in _every_flow(cluster, port, protocol):
        expected = flow_is_allowed(
            cluster,
            source,
            target,
            port,
            protocol,
            blocks_select_pods=blocks,
            rules_outrank_types=dialect is CILIUM,
        )
        assert decide(world, traffic, dialect).allowed is expected, str(traffic)


@pytest.mark.nightly
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("part", range(10))
@pytest.mark.parametrize(
    ("dialect", "blocks"), [(CALICO, True), (CILIUM, False)], ids=["calico", "cilium"]
)
@settings(max_examples=500, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    cluster=clusters(max_policies=8),
    port=st.sampled_from(PORTS),
    protocol=st.sampled_from(PROTOCOLS),
)
def test_evaluator_agrees_with_the_naive_reading_on_thousands(
    dialect, blocks, part, cluster, port, protocol
):
    """In parts: hypothesis remembers every choice of a test until it ends, here a GB."""
    for world, traffic, source, target in _every_flow(cluster, port, protocol):
        expected = flow_is_allowed(
            cluster,
            source,
            target,
            port,
            protocol,
            blocks_select_pods=blocks,
            rules_outrank_types=dialect is CILIUM,
        )
        assert decide(world, traffic, dialect).allowed is expected, str(traffic)


@examples(20)
@given(cluster=clusters(), port=st.sampled_from(PORTS), protocol=st.sampled_from(PROTOCOLS))
def test_specification_alone_never_contradicts_a_reading_it_permits(cluster, port, protocol):
    """Where the specification leaves room the answer is None, else it is every engine's."""
    for world, traffic, source, target in _every_flow(cluster, port, protocol):
        readings = {
            flow_is_allowed(cluster, source, target, port, protocol, blocks_select_pods=blocks)
            for blocks in (True, False)
        }
        allowed = decide(world, traffic, SPEC).allowed
        assert allowed is None or readings == {allowed}, str(traffic)
        assert allowed is not None or len(readings) == 2, str(traffic)
