"""The story that `npol init` writes for a rendered chart: read back, and held by prediction."""

from __future__ import annotations

import re

import pytest

from npol.cli.app import app
from npol.errors import ExitCode
from npol.kube.api_errors import ApiError
from npol.mutation.score import mutate
from npol.policy.simulate.forecast import forecast
from npol.policy.simulate.simulated_steps import scenes
from npol.story import read_story
from tests.charts.altered import altered
from tests.charts.corpus import CHARTS, NAMESPACE, path_of

NOTHING_TO_ASK = {
    "legacy": "it selects no pod",
    "metrics-api": "only hostNetwork pods",
    "node-agent": "only hostNetwork pods",
    "refused": "it selects no pod",
    "tunnel": "nothing is known to listen",
}
"""Charts without a flow, and the reason that the file gives."""
NOT_TAKEN = {
    "refused": ("chart.yaml:8:24: NP001 error", "mend chart.yaml:26:7: spec.accessModes: "),
    "unknown-field": ("chart.yaml:7:3: NP003 error", "mend chart.yaml:7:3: spec.replica: unknown"),
}
"""
Charts with objects that no server makes: what a check says of them first, and the guilty line that
a run names. It ends with 4: nothing was asked, so no verdict can differ.
"""


def written(chart, capsys):
    arguments = ["init", "--from-manifests", str(path_of(chart)), "-n", NAMESPACE]
    code = app(arguments, standalone_mode=False)
    return code, capsys.readouterr().out


def read(text):
    return read_story(text.encode(), "first.npol.yaml")


@pytest.mark.parametrize("chart", CHARTS)
def test_a_first_story_holds_by_prediction_and_holds_a_deny(chart, capsys):
    code, text = written(chart, capsys)
    steps = forecast(scenes(read(text)), "npol-lab")

    assert code == 0
    assert not [f for step in steps for f in (*step.failing, *step.not_foretold)]
    if chart in NOTHING_TO_ASK:
        assert NOTHING_TO_ASK[chart] in text
    else:
        assert "deny" in text


@pytest.mark.parametrize("chart", CHARTS)
def test_a_rule_that_is_removed_fails_a_flow_or_stands_in_a_doubt(chart, capsys):
    _, text = written(chart, capsys)
    doubts = [line for line in text.splitlines() if line.startswith("# doubt: ")]

    for result in mutate(read(text)).results:
        if result.mutant.what == "rule removed" and not result.noticed_by:
            rule, policy = f"{result.mutant.origin}:", f"{result.mutant.policy.origin}:"
            assert any(rule in doubt or policy in doubt for doubt in doubts), result.mutant


@pytest.mark.parametrize("chart", CHARTS)
def test_a_first_story_asks_from_namespaces_that_are_there_and_counts_its_doubts(chart, capsys):
    _, text = written(chart, capsys)
    story = read(text)
    sources = {story.peers[f.source].namespace for s in story.steps for f in s.flows}
    lines = text.splitlines()
    left_out, doubts = (sum(x.startswith(f"# {w}: ") for x in lines) for w in ("left out", "doubt"))

    made = {m.name if m.kind == "Namespace" else m.namespace for m in story.given}
    assert sources <= made | {"default"}
    assert "kube-system" not in sources
    assert not any("&id" in line or "*id" in line for line in lines)
    assert lines[-1].endswith(f"; {left_out} left out, {doubts} doubts")


@pytest.mark.lab
@pytest.mark.nightly
@pytest.mark.parametrize("chart", CHARTS)
def test_a_first_story_runs_as_it_was_written(chart, capsys, tmp_path, monkeypatch):
    text = first_story(chart, capsys, tmp_path, monkeypatch)

    if chart in NOT_TAKEN:
        checked, guilty = NOT_TAKEN[chart]
        with pytest.raises(ApiError) as refused:
            app(["run", "first.npol.yaml"], standalone_mode=False)
        assert refused.value.exit_code == ExitCode.REFUSED
        assert guilty in refused.value.hint
        assert app(["check", "chart.yaml"], standalone_mode=False) == 1
        assert checked in capsys.readouterr().out
    else:
        assert app(["run", "first.npol.yaml"], standalone_mode=False) == where_all_holds(text)


def where_all_holds(text):
    """The exit code: a story that asks nothing has shown nothing."""
    asks = any(step.flows for step in read(text).steps)
    return ExitCode.AS_EXPECTED if asks else ExitCode.UNKNOWN


def first_story(chart, capsys, directory, monkeypatch):
    """The text of a chart's first story, written in a directory where the chart may change."""
    monkeypatch.chdir(directory)
    (directory / "chart.yaml").write_text(path_of(chart).read_text())
    app(["init", "--from-manifests", "chart.yaml", "-n", NAMESPACE], standalone_mode=False)
    text = capsys.readouterr().out
    (directory / "first.npol.yaml").write_text(text)
    return text


def is_doubted(text, lines):
    """Whether the story says of something in these lines of the chart that no flow shows it."""
    found = re.findall(r"^# doubt: chart\.yaml:(\d+)", text, re.MULTILINE)
    return any(int(line) in lines for line in found)


def foretold(text):
    steps = forecast(scenes(read(text)), "npol-lab")
    return [flow for step in steps for flow in (*step.failing, *step.not_foretold)]


@pytest.mark.parametrize("chart", CHARTS)
def test_a_rule_less_and_a_rule_more_fail_a_flow_or_stand_in_a_doubt(
    chart, capsys, tmp_path, monkeypatch
):
    text = first_story(chart, capsys, tmp_path, monkeypatch)

    for version in altered(chart):
        (tmp_path / "chart.yaml").write_text(version.text)
        assert foretold(text) or is_doubted(text, version.lines), version.what


@pytest.mark.lab
@pytest.mark.nightly
@pytest.mark.parametrize("chart", [c for c in CHARTS if c not in NOT_TAKEN])
def test_a_rule_less_and_a_rule_more_fail_a_run(chart, capsys, tmp_path, monkeypatch):
    text = first_story(chart, capsys, tmp_path, monkeypatch)

    for version in altered(chart):
        (tmp_path / "chart.yaml").write_text(version.text)
        code = app(["run", "first.npol.yaml"], standalone_mode=False)
        assert code == (1 if foretold(text) else where_all_holds(text)), version.what


def test_a_chart_is_named_as_it_was_given_with_its_values_and_namespace(
    tmp_path, monkeypatch, capsys
):
    """helm is played by a script that prints what it would render."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:/usr/bin:/bin")
    for folder in ("bin", "chart"):
        (tmp_path / folder).mkdir()
    (tmp_path / "bin/helm").write_text(f"#!/bin/sh\n/bin/cat {path_of('cache')}\n")
    (tmp_path / "bin/helm").chmod(0o755)
    (tmp_path / "chart/Chart.yaml").write_text("name: cache\n")
    (tmp_path / "on.yaml").write_text("networkPolicy: {enabled: true}\n")

    code = app(["init", "--helm", "chart", "-f", "on.yaml", "-n", "shop"], standalone_mode=False)
    text = capsys.readouterr().out

    assert code == 0
    story = read(text)
    assert {m.kind for m in story.given} == {"Secret", "ConfigMap", "Service", "StatefulSet"}
    assert {m.kind for m in story.applied} == {"NetworkPolicy"}
    assert {m.namespace for m in (*story.given, *story.applied)} == {"shop"}


def test_without_another_namespace_no_stranger_is_made_up(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "chart.yaml").write_text(path_of("cache").read_text())

    assert app(["init", "--from-manifests", "chart.yaml"], standalone_mode=False) == 0
    text = capsys.readouterr().out

    assert read(text).defaults.namespace == "default"
    assert "# doubt: no other namespace than default is known" in text


FIXTURES = {
    "webapp": ["apps", "policies"],
    "three-tier": ["apps", "policies"],
    "tutorial": ["apps", "policies"],
    "baseline": ["infra/manifests"],
}


@pytest.mark.parametrize("fixture", FIXTURES)
def test_removed_rules_of_the_shipped_policies_are_noticed_or_doubted(fixture, capsys):
    paths = [f"fixtures/{fixture}/{path}" for path in FIXTURES[fixture]]
    app(["init", "--from-manifests", *paths], standalone_mode=False)
    text = capsys.readouterr().out
    doubts = [line for line in text.splitlines() if line.startswith("# doubt: ")]

    removed = [r for r in mutate(read(text)).results if r.mutant.what == "rule removed"]
    silent = [r for r in removed if r.survived or r.unkillable]

    assert len(removed) > len(silent)
    for result in silent:
        assert any(f"{result.mutant.origin}:" in doubt for doubt in doubts), result.mutant


HOMELESS = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: web, ports: [{containerPort: 80}]}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: nobody}
spec: {podSelector: {matchLabels: {app: gone}}, policyTypes: [Ingress]}
"""


def test_policies_without_namespace_that_select_nothing_make_a_story_that_can_be_planned(
    tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "chart.yaml").write_text(HOMELESS)
    app(["init", "--from-manifests", "chart.yaml", "-n", "shop"], standalone_mode=False)
    text = capsys.readouterr().out
    (tmp_path / "first.npol.yaml").write_text(text)

    story = read(text)
    assert {m.namespace for m in (*story.given, *story.applied)} == {"shop"}
    assert all(step.changes for step in story.steps)
    assert "# doubt: chart.yaml:10: it selects no pod" in text
    assert app(["plan", "first.npol.yaml"], standalone_mode=False) == 0
