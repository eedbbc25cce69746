"""What the lint says of policies in the tiers around NetworkPolicies."""

from __future__ import annotations

import pytest

from npol.policy.lint import lint
from npol.policy.objects.dialects import CALICO, CILIUM, SPEC
from tests.policy.calico_cases import np
from tests.policy.cilium_cases import cnp, on_all
from tests.policy.corner_cases import DENY_IN, DENY_OUT
from tests.policy.tier_cases import BLUE, DENY_ALL, cluster, rule, rules
from tests.policy.worlds import CLUSTER

NOBODY = "{namespaces: {matchLabels: {team: green}}}"
ACCEPT_ALL = rules(rule("Accept"))


def found(*policies, dialect=SPEC):
    ours = ("NP001", "NP003", "NP007", "NP010", "NP06")
    return [
        (f.rule.id, f.subject)
        for f in lint([*CLUSTER, *policies], dialect=dialect)
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
            [cluster("a", ingress=DENY_ALL), cluster("a", ingress=ACCEPT_ALL)],
            [("NP007", "ClusterNetworkPolicy a")],
            id="one-object-written-twice-is-no-tie",
        ),
        pytest.param(
            [cluster("a", ingress=rules(rule("Deny", BLUE), rule("Pass", BLUE)))],
            [("NP061", "ClusterNetworkPolicy a")],
            id="a-pass-that-is-never-reached",
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
            [cluster("b", "Baseline", ingress=rules(rule("Pass")))],
            [("NP064", "ClusterNetworkPolicy b")],
            id="pass-in-the-last-tier",
        ),
        pytest.param(
            [cluster("a", ingress=rules(rule("Pass", BLUE), rule("Deny")))],
            [("NP064", "ClusterNetworkPolicy a")],
            id="pass-to-nothing",
        ),
        pytest.param(
            [DENY_IN, cluster("a", ingress=rules(rule("Pass", BLUE), rule("Deny")))],
            [],
            id="pass-to-a-network-policy",
        ),
        pytest.param(
            [DENY_OUT, cluster("a", ingress=rules(rule("Pass", BLUE), rule("Deny")))],
            [("NP064", "ClusterNetworkPolicy a")],
            id="pass-to-one-of-the-other-direction",
        ),
        pytest.param(
            [
                cluster("a", ingress=rules(rule("Pass", BLUE), rule("Deny"))),
                cluster("b", "Baseline", ingress=DENY_ALL),
            ],
            [],
            id="pass-to-baseline",
        ),
        pytest.param(
            [cluster("a", "Middle", ingress=DENY_ALL)],
            [("NP001", "ClusterNetworkPolicy a")],
            id="refused",
        ),
    ],
)
def test_policies_in_tiers(policies, expected):
    assert found(*policies) == expected


@pytest.mark.parametrize(
    ("action", "dialect", "expected"),
    [
        ("Deny", CILIUM, [("NP062", "ClusterNetworkPolicy b")]),
        ("Accept", CILIUM, []),
        ("Accept", SPEC, [("NP062", "ClusterNetworkPolicy b")]),
    ],
    ids=["deny-on-cilium", "accept-on-cilium", "accept-as-specified"],
)
def test_baseline_is_asked_where_the_plugin_asks_it(action, dialect, expected):
    baseline = cluster("b", "Baseline", ingress=rules(rule(action)))

    assert found(DENY_IN, baseline, dialect=dialect) == expected


@pytest.mark.parametrize(
    ("before", "dialect"),
    [
        (cnp("p", on_all("ingress: [{}]")), CILIUM),
        (np("{selector: all()}"), CALICO),
    ],
    ids=["cilium", "calico"],
)
def test_the_plugins_own_policies_leave_baseline_unasked(before, dialect):
    baseline = cluster("b", "Baseline", ingress=DENY_ALL)

    assert found(before, baseline, dialect=dialect) == [("NP062", "ClusterNetworkPolicy b")]
    assert found(before, baseline) == []
