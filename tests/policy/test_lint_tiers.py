"""What the lint says of policies in the tiers around NetworkPolicies."""

from __future__ import annotations

import pytest

from npol.policy.lint import lint
from tests.policy.corner_cases import DENY_IN
from tests.policy.tier_cases import BLUE, DENY_ALL, cluster, rule, rules
from tests.policy.worlds import CLUSTER

NOBODY = "{namespaces: {matchLabels: {team: green}}}"
ACCEPT_ALL = rules(rule("Accept"))


def found(*policies):
    ours = ("NP001", "NP003", "NP010", "NP06")
    return [
        (f.rule.id, f.subject)
        for f in lint([*CLUSTER, *policies])
        if f.rule.id.startswith(ours) and f.subject.startswith("ClusterNetworkPolicy")
    ]


@pytest.mark.parametrize(
    ("policies", "expected"),
    [
        pytest.param([cluster("a", ingress=DENY_ALL)], [], id="fine"),
        pytest.param(
            [cluster("a", ingress=DENY_ALL), cluster("b", ingress=ACCEPT_ALL)],
            [("NP060", "ClusterNetworkPolicy b")],
            id="tie",
        ),
        pytest.param(
            [cluster("a", ingress=DENY_ALL), cluster("b", ingress=DENY_ALL)], [], id="tie-alike"
        ),
        pytest.param(
            [cluster("a", ingress=DENY_ALL), cluster("b", priority=11, ingress=ACCEPT_ALL)],
            [],
            id="no-tie",
        ),
        pytest.param(
            [cluster("a", ingress=DENY_ALL), cluster("b", subject=BLUE, ingress=ACCEPT_ALL)],
            [],
            id="tie-of-other-pods",
        ),
        pytest.param(
            [cluster("a", ingress=rules(rule("Deny"), rule("Accept")))],
            [("NP061", "ClusterNetworkPolicy a")],
            id="shadowed",
        ),
        pytest.param(
            [cluster("a", ingress=rules(rule("Accept", BLUE), rule("Deny")))], [], id="in-order"
        ),
        pytest.param(
            [cluster("a", subject=NOBODY, ingress=DENY_ALL)],
            [("NP010", "ClusterNetworkPolicy a")],
            id="selects-nothing",
        ),
        pytest.param(
            [DENY_IN, cluster("b", "Baseline", ingress=DENY_ALL)],
            [("NP062", "ClusterNetworkPolicy b")],
            id="never-asked",
        ),
        pytest.param([cluster("b", "Baseline", ingress=DENY_ALL)], [], id="asked"),
        pytest.param(
            [cluster("a", "Middle", ingress=DENY_ALL)],
            [("NP001", "ClusterNetworkPolicy a")],
            id="refused",
        ),
    ],
)
def test_policies_in_tiers(policies, expected):
    assert found(*policies) == expected
