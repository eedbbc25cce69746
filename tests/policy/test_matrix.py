"""The matrix says of every pair of pods what the evaluator says of it alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from npol.policy.evaluate.evaluate import decide
from npol.policy.matrix.equivalence import Port
from npol.policy.matrix.matrix import matrix, takes_part
from npol.policy.objects.dialects import CALICO, CILIUM, SPEC
from npol.policy.objects.entities import Traffic
from npol.policy.state.apply_changes import build
from tests.differential.ciliums import cilium_policies
from tests.differential.tiered import tier_policies
from tests.examples import examples
from tests.policy.calico_cases import CALICO_CASES
from tests.policy.cilium_cases import ingress
from tests.policy.clusters import PORTS, PROTOCOLS, clusters, objects
from tests.policy.corner_cases import DENY_IN
from tests.policy.tier_cases import OPEN_X, TCP_80, TIER_CASES, cluster, rule, rules
from tests.policy.worlds import world_with

EVERY_PORT = [Port(number, protocol) for number in PORTS for protocol in PROTOCOLS]
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


@pytest.mark.parametrize("policies", [pytest.param(c[1], id=c[0]) for c in CALICO_CASES])
def test_matrix_agrees_with_the_evaluator_on_every_case_of_calicos_own_policies(policies):
    world = world_with(*policies)
    _compare(world, CALICO, [Port(80), Port(80, "UDP"), Port(3002)])


@pytest.mark.parametrize("dialect", [SPEC, CALICO, CILIUM], ids=lambda dialect: dialect.name)
@pytest.mark.parametrize("policies", [pytest.param(c[1], id=c[0]) for c in TIER_CASES])
def test_matrix_agrees_with_the_evaluator_on_every_case_in_tiers(policies, dialect):
    _compare(world_with(*policies), dialect, [Port(80), Port(80, "UDP"), Port(3001)])


@pytest.mark.parametrize("beside", [[], [DENY_IN], [OPEN_X]], ids=["alone", "closed", "open"])
@pytest.mark.parametrize("body", ["{fromEndpoints: [{}]}", "{fromEntities: [all]}", "{}"])
def test_matrix_agrees_with_the_evaluator_on_a_pass_behind_ciliums_own_policies(body, beside):
    last = cluster("last", "Baseline", ingress=rules(rule("Pass", more=TCP_80)))
    _compare(world_with(ingress(body), *beside, last), CILIUM, [Port(80), Port(81)])


def _compare(world, dialect, ports=EVERY_PORT):
    answers = matrix(world, dialect, ports=ports)
    pods = [pod for pod in world.pods if takes_part(pod)]
    for source in pods:
        for target in pods:
            for port in ports:
                traffic = Traffic(
                    source=source, target=target, port=port.number, protocol=port.transport
                )
                alone = decide(world, traffic, dialect).allowed
                assert answers.answer(source, target, port) is alone, str(traffic)
