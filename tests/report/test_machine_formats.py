"""What other programs read: JUnit, code quality, SARIF, TAP, Prometheus, and drawings."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from xml.etree import ElementTree

from npol.errors import Position
from npol.model.expectation import Verdict
from npol.model.result import RestoreResult
from npol.report.findings import to_gitlab, to_sarif
from npol.report.graph import to_dot, to_mermaid
from npol.report.junit import to_junit
from npol.report.map_layout import MOST_EDGES, step_map
from npol.report.map_svg import to_svg
from npol.report.prometheus import to_prometheus
from npol.report.tap import to_tap
from npol.report.timeline import step_axis


def test_junit_has_each_flow_with_its_own_time(report):
    (suite,) = ElementTree.fromstring(to_junit([report]))
    cases = {c.get("name"): c for c in suite.iter("testcase")}

    assert {k: suite.get(k) for k in ("tests", "failures", "errors", "skipped")} == {
        "tests": "10",
        "failures": "1",
        "errors": "1",
        "skipped": "1",
    }
    failed = cases["frontend loses the database"]
    assert (failed.get("classname"), failed.get("time")) == ("shop.npol.yaml.deny all", "30.200")
    assert (failed.get("file"), failed.get("line")) == ("shop.npol.yaml", "31")
    assert failed.find("failure").get("message") == "manifests/deny.yaml:7: too open, seen open"
    assert "evidence   name db.shop" in failed.find("failure").text
    assert cases["stranger -> web:80/tcp"].find("error") is not None
    assert cases["frontend -> web:80/tcp"].get("time") == "0.000"


def test_junit_knows_of_what_is_no_flow(report):
    left = RestoreResult(complete=False, problems=("pod a/b is still there",))
    broken = replace(report.steps[0], error="403: no\nrights", flows=(), checks=())
    suite = ElementTree.fromstring(to_junit([replace(report, steps=(broken,), restore=left)]))[0]

    assert [e.get("message") for e in suite.iter("error")] == [
        "403: no",
        "restore INCOMPLETE: pod a/b is still there",
    ]


def test_code_quality_blames_the_line_and_knows_it_again(report):
    first, second = json.loads(to_gitlab([report]))

    assert first["location"] == {"path": "manifests/deny.yaml", "lines": {"begin": 7}}
    assert first["description"].startswith("TOO OPEN: frontend loses the database. shop/deny")
    assert (first["check_name"], first["severity"]) == ("npol/too-open", "critical")
    assert second["location"]["path"] == "shop.npol.yaml"
    assert first["fingerprint"] != second["fingerprint"]
    assert json.loads(to_gitlab([replace(report, run_id="b")]))[0] == first


def test_sarif_has_one_result_for_a_cause(report, failure):
    another = replace(failure, name="another", at=Position("my shop.npol.yaml", 40, 1))
    many = replace(report.steps[1], flows=(failure, another))
    (run,) = json.loads(to_sarif([replace(report, steps=(many,))]))["runs"]
    (result,) = run["results"]

    assert result["ruleId"] in {rule["id"] for rule in run["tool"]["driver"]["rules"]}
    place = result["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == "manifests/deny.yaml"
    assert place["region"] == {"startLine": 7, "startColumn": 5}
    assert [r["message"]["text"] for r in result["relatedLocations"]] == [
        "frontend loses the database",
        "another",
    ]
    second = result["relatedLocations"][1]["physicalLocation"]
    assert second["artifactLocation"]["uri"] == "my%20shop.npol.yaml"


def test_tap_has_a_plan_a_point_each_and_the_reason(report):
    lines = to_tap([report]).splitlines()

    assert lines[:3] == [
        "TAP version 14",
        "1..10",
        "ok 1 - shop: before policies: endpoints shop/db",
    ]
    at = lines.index("not ok 5 - shop: deny all: frontend loses the database")
    assert lines[at + 1 : at + 7] == [
        "  ---",
        "  verdict: 'too open'",
        "  message: 'expected deny, seen open'",
        "  at: 'shop.npol.yaml:31'",
        "  cause: 'manifests/deny.yaml:7'",
        "  ...",
    ]
    assert any(" # SKIP there is no place called internet here" in line for line in lines)
    assert "\\# SKIP" in to_tap([replace(report, story="a # SKIP b")])


def test_prometheus_gets_verdicts_times_and_the_restore(report):
    text = to_prometheus([report])
    sample = re.compile(r'^[a-z_]+\{([a-z]+="(\\.|[^"\\])*",?)+\} [0-9.]+$')
    labels = 'story="shop",file="shop.npol.yaml",cluster="kind-dev"'

    assert [x for x in text.splitlines() if not x.startswith("#") and not sample.match(x)] == []
    assert f"npol_run_exit_code{{{labels}}} 1\n" in text
    assert f"npol_restore_complete{{{labels}}} 1\n" in text
    assert 'target="db:5432/tcp",expected="deny",verdict="too open"} 0\n' in text
    assert 'source="frontend",target="web:80/tcp"} 0.2\n' in text
    assert 'story="a\\"b"' in to_prometheus([replace(report, story='a"b')])


def test_prometheus_gets_no_sample_twice(report):
    """A collector refuses the whole file then. Two stories may have one name."""
    text = to_prometheus([report, replace(report, path="other/shop.npol.yaml")])
    samples = [line.rpartition(" ")[0] for line in text.splitlines() if line[0] != "#"]

    assert len(samples) == len(set(samples))


def test_drawings_have_every_step_and_what_failed(report):
    assert to_mermaid(report).count("subgraph") == 2
    assert 'n3 -->|"5432"| n4\n  linkStyle 2 stroke:#cf222e' in to_mermaid(report)
    assert '[label="5432", color="#cf222e", style=solid]' in to_dot(report)
    svg = ElementTree.fromstring(to_svg(report))
    titles = [e.text for e in svg.iter("{http://www.w3.org/2000/svg}title")]
    assert "frontend to db:5432/tcp: expected deny, seen open" in titles
    assert "frontend to web:80/tcp: timeout, changed by this step" in titles


def test_a_map_has_boxes_of_namespaces_and_leaves_out_what_is_too_much(flow, failure):
    (source, target) = step_map([failure]).boxes
    many = [flow(source=f"s{i}", target=f"t{i}:80/tcp") for i in range(MOST_EDGES)]
    crowded = step_map([*many, failure])

    assert (source.namespace, target.namespace) == ("shop", "shop")
    assert [link.flows for link in crowded.links] == [(failure,)]
    assert crowded.hidden == MOST_EDGES
    assert step_map([flow(target="db.shop")]) is None


def test_a_peer_stands_in_its_namespace_if_any_flow_found_its_pods(flow, failure):
    """A flow that could not be asked knows of no pods, whichever flow comes first."""
    lost = flow(name="lost", seen="", verdict=Verdict.UNKNOWN)

    for flows in ([failure, lost], [lost, failure]):
        assert [box.namespace for box in step_map(flows).boxes] == ["shop", "shop"]


def test_a_time_axis_shows_budgets_and_when_flows_turned(report, flow):
    step = replace(report.steps[1], flows=(flow(enforced_after=2.0, budget=5.0),))

    drawn = step_axis(step)

    assert "budget 5.0 s" in drawn
    assert "<title>frontend -&gt; db:5432: 2.0 s</title>" in drawn
    assert step_axis(report.steps[0]) == ""
