"""Peers that select namespaces by label: what is written, and what of it is wrong."""

from __future__ import annotations

import pytest

from npol.model.pairing import Pairing

TEXT = """\
version: 1
peers:
  tenants: {{namespaces: {namespaces}, labels: {{app: web}}{more}}}
  web: {{namespace: shop, labels: {{app: web}}}}
steps:
- name: one
  flows:
  - {{{flow}, port: 80, expect: deny}}
"""
BY_LABEL = '{matchLabels: {tenant: "true"}}'


def text(flow="from: each of tenants, to: the others of tenants", namespaces=BY_LABEL, more=""):
    return TEXT.format(flow=flow, namespaces=namespaces, more=more)


def test_a_peer_and_its_flow_are_kept_as_written(story):
    told = story(text())

    (flow,) = told.steps[0].flows
    assert told.peers["tenants"].namespaces == {
        "matchLabels": {"tenant": "true"},
        "matchExpressions": [],
    }
    assert (flow.source, flow.target, flow.pairing) == ("tenants", "tenants", Pairing.OTHERS)
    assert flow.name == "each of tenants -> the others of tenants:80"


def test_a_matrix_pairs_as_flows_do(story):
    told = story(
        text()
        + """
- name: two
  matrix: |
    | from \\ to | every pod of the same of tenants:80 |
    | each of tenants | allow |
"""
    )

    (flow,) = told.steps[1].flows
    assert (flow.source, flow.target, flow.pairing) == ("tenants", "tenants", Pairing.SAME)
    assert flow.every_pod


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        pytest.param(
            text("from: tenants, to: web"),
            "8:12: peer 'tenants' selects namespaces - write `each of tenants`",
            id="not-each",
        ),
        pytest.param(
            text("from: each of web, to: web"),
            "8:12: peer 'web' is one peer: it selects no namespaces - "
            "write web alone, or give it `namespaces: {matchLabels: ...}`",
            id="each-of-one",
        ),
        pytest.param(
            text("from: the others of tenants, to: web"),
            "8:12: `the others of` is for `to:` - write `each of tenants`",
            id="others-as-source",
        ),
        pytest.param(
            text("from: web, to: the others of tenants"),
            "8:21: `the others of tenants` needs a source in each namespace - "
            "write `from: each of PEER`, or `to: each of tenants`",
            id="others-of-nobody",
        ),
        pytest.param(
            text("from: new, to: each of tenants").replace(
                "  web:", "  new: {namespace: shop, labels: {}, fresh: true}\n  web:"
            ),
            "9:12: a fresh pod asks, and is asked by, one peer, not each of many",
            id="fresh",
        ),
        pytest.param(
            text("from: '@node', to: each of tenants"),
            "8:25: @node is the node of one target - name one of the namespaces",
            id="node",
        ),
        pytest.param(
            text("from: each of tenant, to: web"),
            "8:12: no peer is called 'tenant' - did you mean 'tenants'?",
            id="typing-mistake",
        ),
        pytest.param(
            text(namespaces="{}"),
            "3:13: `namespaces` would select every namespace - "
            "give it matchLabels or matchExpressions",
            id="empty-selector",
        ),
        pytest.param(
            text(namespaces="{matchExpressions: [{key: a, operator: In}]}"),
            "3:45: In needs `values`",
            id="in-without-values",
        ),
        pytest.param(
            text(more=", namespace: shop"),
            "3:78: `namespace` and `namespaces` exclude each other",
            id="one-and-many",
        ),
    ],
)
def test_what_is_wrong_is_told_at_its_place(mistakes, wrong, told):
    assert mistakes(wrong) == [f"s.npol.yaml:{told}"]
