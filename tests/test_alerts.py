"""Prometheus' own tool takes the alerts, the panels' questions and the metrics that npol tells."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from npol.report.prometheus import to_prometheus
from tests.report.conftest import make_report

FILES = Path(__file__).parents[1] / "deploy/chart/files"
PROMTOOL = shutil.which("promtool")
VARIABLE = re.compile(r"\$\{?\w+\}?")

pytestmark = [
    pytest.mark.nightly,
    pytest.mark.skipif(not PROMTOOL, reason="needs promtool: make nightly"),
]


def promtool(*words: str | Path, told: str = "") -> str:
    """What it says; it has to be content."""
    done = subprocess.run(
        ["promtool", *map(str, words)], input=told, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_prometheus_takes_the_alerts():
    assert "4 rules found" in promtool("check", "rules", FILES / "alerts.yaml")


def test_prometheus_understands_what_the_panels_ask(tmp_path):
    panels = json.loads((FILES / "dashboard.json").read_text())["panels"]
    asked = [VARIABLE.sub("x", t["expr"]) for panel in panels for t in panel["targets"]]
    rules = [{"record": f"panel:{n}", "expr": expression} for n, expression in enumerate(asked)]
    file = tmp_path / "panels.yaml"
    file.write_text(json.dumps({"groups": [{"name": "panels", "rules": rules}]}))

    assert f"{len(asked)} rules found" in promtool("check", "rules", file)


def test_prometheus_takes_the_metrics_and_has_nothing_to_say_of_their_names():
    assert promtool("check", "metrics", told=to_prometheus([make_report()])) == ""


@pytest.mark.parametrize(
    ("series", "at", "alert", "summary"),
    [
        pytest.param(
            'npol_flow_as_expected{flow="a -> b:80",verdict="too open",expected="deny"} 0x10',
            "5m",
            "NpolFlowNotAsExpected",
            "a -> b:80 is too open, expected deny",
            id="a-flow-is-not-as-expected",
        ),
        pytest.param(
            'npol_restore_complete{story="shop",cluster="dev"} 0x10',
            "5m",
            "NpolClusterNotRestored",
            "Story shop did not leave cluster dev as it was found",
            id="a-cluster-is-not-as-before",
        ),
        pytest.param(
            'npol_run_exit_code{story="shop"} 3x10',
            "5m",
            "NpolRunNotConclusive",
            "The last run of story shop ended with exit code 3",
            id="something-is-unknown",
        ),
        pytest.param(
            'npol_run_timestamp_seconds{story="shop"} 0x200',
            "130m",
            "NpolRunMissing",
            "Story shop has told nothing for 2h 10m 0s",
            id="nothing-was-told-for-two-hours",
        ),
    ],
)
def test_an_alert_fires_and_says_what_happened(series, at, alert, summary, tmp_path):
    told = alerts_after(series, at, alert, summary, tmp_path)
    assert "SUCCESS" in told


def alerts_after(series, at, alert, summary, tmp_path):
    """What promtool says of an alert that is to have fired alone after a series."""
    name, values = series.rsplit(" ", 1)
    labels = dict(re.findall(r'(\w+)="([^"]*)"', name))
    (group,) = yaml.safe_load((FILES / "alerts.yaml").read_text())["groups"]
    for rule in group["rules"]:
        rule["annotations"].pop("description")
    (severity,) = (r["labels"]["severity"] for r in group["rules"] if r["alert"] == alert)
    fired = {
        "exp_labels": {**labels, "severity": severity},
        "exp_annotations": {"summary": summary},
    }
    (tmp_path / "alerts.yaml").write_text(json.dumps({"groups": [group]}))
    test = {
        "interval": "1m",
        "input_series": [{"series": name, "values": values}],
        "alert_rule_test": [{"eval_time": at, "alertname": alert, "exp_alerts": [fired]}],
    }
    file = tmp_path / "test.yaml"
    file.write_text(json.dumps({"rule_files": ["alerts.yaml"], "tests": [test]}))
    return promtool("test", "rules", file)


def test_no_alert_fires_where_all_is_as_expected(tmp_path):
    series = [
        'npol_flow_as_expected{flow="a -> b:80"} 1x20',
        'npol_restore_complete{story="shop"} 1x20',
        'npol_run_exit_code{story="shop"} 1x20',
        'npol_run_timestamp_seconds{story="shop"} 0+60x20',
    ]
    (group,) = yaml.safe_load((FILES / "alerts.yaml").read_text())["groups"]
    test = {
        "interval": "1m",
        "input_series": [
            {"series": name, "values": values}
            for name, values in (one.rsplit(" ", 1) for one in series)
        ],
        "alert_rule_test": [
            {"eval_time": "15m", "alertname": rule["alert"], "exp_alerts": []}
            for rule in group["rules"]
        ],
    }
    file = tmp_path / "test.yaml"
    file.write_text(json.dumps({"rule_files": [str(FILES / "alerts.yaml")], "tests": [test]}))

    assert "SUCCESS" in promtool("test", "rules", file)
