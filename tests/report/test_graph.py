"""The flows of a step as drawings."""

from __future__ import annotations

import pytest

from npol.model.expectation import Verdict
from npol.model.reason import Reason, ReasonCode
from npol.report.graph import edges_of, mermaid
from npol.report.symbols import Tone


def test_ports_of_one_result_share_an_edge(flow):
    flows = [
        flow(target="db:80/tcp"),
        flow(target="db:53/udp"),
        flow(target="db:22/tcp", expected="deny", seen="timeout"),
        flow(target="db.shop"),
        flow(
            target="web:1/tcp",
            verdict=Verdict.UNKNOWN,
            skipped=Reason(code=ReasonCode.KIND_NOT_SERVED, said="no"),
        ),
    ]

    assert mermaid(edges_of(flows)) == (
        'flowchart LR\n  n0["frontend"]\n  n1["db"]\n  n0 -->|"80, 53/udp"| n1\n  n0 -.-x|"22"| n1'
    )


@pytest.mark.parametrize("status", [502, 503, 504])
def test_what_a_proxy_says_of_a_cut_behind_it_is_no_way_through(flow, status):
    asked = flow(target="db:80/tcp", expected=f"http {status}", seen=f"http {status}")

    (edge,) = edges_of([asked])

    assert (edge.closed, edge.tone) == (True, Tone.CLOSED)


def test_flows_that_differ_are_drawn_in_another_colour(report):
    text = mermaid(edges_of(report.steps[1].flows))

    assert "  linkStyle 0 stroke:#cf222e,stroke-width:3px" in text
    assert "  linkStyle 2 stroke:#9a6700,stroke-width:3px" in text


def test_mermaid_that_would_not_be_drawn_is_left_out(flow):
    flows = [flow(source=f"source-{i}", target=f"target-{i}:80/tcp") for i in range(200)]

    assert mermaid(edges_of(flows)) == ""
    assert mermaid([]) == ""


def test_names_cannot_break_out_of_mermaid(flow):
    text = mermaid(edges_of([flow(source='a"]; click n0 "javascript:x" %%\n')]))

    assert text.split("\n")[1] == (
        '  n0["a#34;#93;#59; click n0 #34;javascript:x#34; #37;#37;#92;n"]'
    )
