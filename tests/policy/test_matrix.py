"""The matrix says of every pair of pods what the evaluator says of it alone."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from npol.policy.evaluate.evaluate import decide
from npol.policy.matrix.equivalence import Port
from npol.policy.matrix.matrix import matrix
from npol.policy.objects.dialects import CALICO, CILIUM, SPEC
from npol.policy.objects.entities import Traffic
from npol.policy.state.apply_changes import build
from tests.differential.ciliums import cilium_policies
from tests.differential.tiered import tier_policies
from tests.examples import examples
from tests.policy.clusters import PORTS, PROTOCOLS, clusters, objects

OF_ANOTHER_KIND = {
    "apiVersion": "crd.antrea.io/v1beta1",
    "kind": "NetworkPolicy",
    "metadata": {"name": "other", "namespace": "x"},
}

ASKS_FOR_MORE = {
    "apiVersion": "cilium.io/v2",
    "kind": "CiliumNetworkPolicy",
    "metadata": {"name": "more", "namespace": "x"},
    "spec": {
        "endpointSelector": {"matchLabels": {"app": "a"}},
        "ingress": [{"fromEndpoints": [{}], "authentication": {"mode": "required"}}],
        "egress": [{"toNodes": [{}]}],
    },
}


@examples(20)
@given(cluster=clusters(), dialect=st.sampled_from([SPEC, CALICO, CILIUM]), other=st.booleans())
def test_matrix_agrees_with_the_evaluator(cluster, dialect, other):
    world = build([*objects(cluster), *([OF_ANOTHER_KIND] if other else [])])
    _compare(world, dialect)


@examples(15)
@given(
    cluster=clusters(),
    tiers=tier_policies(ties=True),
    dialect=st.sampled_from([SPEC, CALICO, CILIUM]),
)
def test_matrix_agrees_with_the_evaluator_in_tiers(cluster, tiers, dialect):
    _compare(build([*objects(cluster), *tiers]), dialect)


@examples(5)
@given(
    cluster=clusters(),
    own=cilium_policies(),
    tiers=st.one_of(st.just([]), tier_policies()),
    beyond=st.booleans(),
)
def test_matrix_agrees_with_the_evaluator_beside_ciliums_own_policies(cluster, own, tiers, beyond):
    world = build([*objects(cluster), *own, *tiers, *([ASKS_FOR_MORE] if beyond else [])])
    assert not world.refused

    _compare(world, CILIUM)


def _compare(world, dialect):
    ports = [Port(number, protocol) for number in PORTS for protocol in PROTOCOLS]
    answers = matrix(world, dialect, ports=ports)
    for source in world.pods:
        for target in world.pods:
            for port in ports:
                traffic = Traffic(
                    source=source, target=target, port=port.number, protocol=port.transport
                )
                alone = decide(world, traffic, dialect).allowed
                assert answers.answer(source, target, port) is alone, str(traffic)
