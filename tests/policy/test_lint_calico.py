"""What the lint says of Calico's own policies."""

from __future__ import annotations

import pytest

from npol.policy.lint import lint
from tests.policy.calico_cases import at, calico, gnp, ingress, np, tier
from tests.policy.worlds import CLUSTER

DENYING = "{selector: app == 'a', ingress: [{action: Deny, protocol: UDP}]}"
NEAR = "{action: Allow, source: {selector: app == 'b'}}"

STORED = "crd.projectcalico.org/v1"
ASTRAY = (
    "{selector: app == 'a', types: [Ingress], "
    "ingress: [{action: Allow, destination: {services: {name: b, namespace: x}}}]}"
)


def found(*policies):
    return [
        (f.rule.id, f.subject.rpartition(" ")[2])
        for f in lint([*CLUSTER, *policies])
        if f.rule.id.startswith(("NP001", "NP010", "NP06"))
        and f.subject.startswith(("Calico", "GlobalNetworkPolicy"))
    ]


@pytest.mark.parametrize(
    ("policies", "expected"),
    [
        pytest.param([ingress(NEAR)], [], id="fine"),
        pytest.param([ingress(f"{NEAR}, {NEAR}")], [("NP061", "p")], id="the-same-again"),
        pytest.param([ingress(f"{{action: Deny}}, {NEAR}")], [("NP061", "p")], id="behind-all"),
        pytest.param([ingress(f"{{action: Log}}, {NEAR}")], [], id="log-hides-nothing"),
        pytest.param(
            [ingress(f"{{action: Deny, protocol: UDP}}, {NEAR}")], [], id="another-protocol"
        ),
        pytest.param([gnp("{selector: app == 'nobody'}")], [("NP010", "p")], id="selects-nothing"),
        pytest.param(
            [tier("t", 5), at(1, "Deny", "first", gnp, "t"), at(1, "Allow", "late")],
            [("NP061", "x/late")],
            id="shadowed-by-a-tier-before",
        ),
        pytest.param(
            [tier("t", 5), at(1, "Pass", "first", gnp, "t"), at(1, "Allow", "late")],
            [],
            id="what-passes-shadows-nothing",
        ),
        pytest.param([at(2, "Allow", "b"), at(1, "Deny", "a")], [("NP061", "x/b")], id="by-order"),
        pytest.param([np("{selector: 'app ='}")], [("NP001", "x/p")], id="refused"),
        pytest.param([np(ASTRAY)], [("NP001", "x/p")], id="services-at-the-own-end"),
        pytest.param(
            [calico("NetworkPolicy", "name: p, namespace: x", ASTRAY, STORED)],
            [],
            id="stored-as-it-is-without-the-validator",
        ),
        pytest.param(
            [np(f"{{order: 1, selector: app == 'a', ingress: [{NEAR}]}}", "a"), at(1, "Deny", "b")],
            [("NP060", "x/b")],
            id="tie",
        ),
        pytest.param(
            [np(f"{{selector: app == 'a', ingress: [{NEAR}]}}", "a"), np(DENYING, "b")],
            [("NP060", "x/b")],
            id="tie-without-order",
        ),
        pytest.param([at(1, "Allow", "a"), at(1, "Allow", "b")], [("NP061", "x/b")], id="alike"),
        pytest.param(
            [np(f"{{selector: app == 'b', ingress: [{NEAR}]}}", "a"), np(DENYING, "b")],
            [],
            id="tie-of-other-pods",
        ),
        pytest.param(
            [tier("t", 5), at(1, "Allow", "a", gnp, "t"), at(1, "Deny", "b")],
            [("NP061", "x/b")],
            id="no-tie-between-tiers",
        ),
        pytest.param(
            [tier("t", 5), at(1, "Pass", "a", gnp, "t")], [("NP064", "a")], id="pass-to-nothing"
        ),
        pytest.param(
            [
                tier("t", 5),
                gnp(f"{{tier: t, selector: app == 'a', ingress: [{NEAR}]}}"),
                np("{selector: app == 'a', ingress: [{action: Deny, protocol: UDP}]}", "late"),
            ],
            [("NP061", "x/late")],
            id="behind-a-tier-that-denies-the-rest",
        ),
    ],
)
def test_lint_of_calicos_own_policies(policies, expected):
    assert found(*policies) == expected
