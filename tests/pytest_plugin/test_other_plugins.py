"""npol's items beside the plugins that people have, each in an environment of its own."""

import json
import os
import shutil
import subprocess
import sys
import venv
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from tests.e2e.shop import STEPS, write_shop

pytestmark = [pytest.mark.nightly, pytest.mark.lab, pytest.mark.timeout(600)]
ROOT = Path(__file__).parents[2]
HERE = [path for path in sys.path if path.endswith("site-packages")]
STEPS_IN_ORDER = ["open", "open", "deny all", "rollback", "rollback"]
WRONG = STEPS.replace("expect: deny", "expect: allow")


class Project:
    """The shop, in a directory of its own; called, it is tested with one more plugin."""

    def __init__(self, path, options):
        self.path = path
        self._options = options

    def __call__(self, plugin, *options, environment=()):
        python = installed(plugin, self.path / "venv")
        command = [python, "-m", "pytest", "-v", "--junitxml=out.xml", *self._options, *options]
        return subprocess.run(
            command,
            cwd=self.path,
            env={**os.environ, "PYTEST_ADDOPTS": "", **dict(environment)},
            capture_output=True,
            text=True,
            check=False,
        )


@pytest.fixture
def project(tmp_path, named):
    write_shop(tmp_path)
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    return Project(tmp_path, named)


def installed(plugin, place):
    """The interpreter of an environment with npol, what it needs, and the newest plugin."""
    python = place / "bin" / "python"
    if python.exists():
        return python
    venv.create(place, with_pip=True)
    command = [python, "-m", "pip", "install", "--quiet", "--no-warn-script-location"]
    subprocess.run([*command, plugin, "pytest-timeout"], check=True)
    [packages] = place.glob("lib/python*/site-packages")
    (packages / "npol.pth").write_text("\n".join([str(ROOT / "harness"), *HERE]))
    return python


def cases_of(run):
    """By step and name; rerunfailures writes a case for each try, and the last one counts."""
    cases = ElementTree.parse(run.path / "out.xml").iter("testcase")
    return {(c.get("classname").rpartition(".")[2], c.get("name")): c for c in cases}


def outcomes(run):
    bad = ("failure", "error", "skipped")
    return [
        next((c.tag for c in case if c.tag in bad), "passed") for case in cases_of(run).values()
    ]


def steps_of(run):
    return [step for step, _ in cases_of(run)]


PLUGINS = {
    "pytest-rerunfailures": ["--reruns=2"],
    "pytest-retry": ["--retries=2"],
    "pytest-randomly": [],
    "pytest-xdist": ["-n2"],
    "pytest-timeout": ["--timeout=120"],
    "pytest-html": ["--html=out.html", "--self-contained-html"],
    "allure-pytest": ["--alluredir=allure"],
    "pytest-sugar": [],
    "pytest-instafail": ["--instafail"],
    "pytest-split": ["--splits=1", "--group=1", "--store-durations"],
    "pytest-json-report": ["--json-report", "--json-report-file=out.json"],
    "pytest-github-actions-annotate-failures": [],
}
RERUNNERS = {"pytest-rerunfailures": "rerun", "pytest-retry": "retried"}
FIRST_IS_WRONG = """
from dataclasses import replace
from npol.model.expectation import Verdict
from npol.run import StoryRun

reach, told = StoryRun.reach, []

def reach_wrongly_at_first(run, name):
    step = reach(run, name)
    if name != "deny all" or told:
        return step
    told.append(name)
    flows = tuple(replace(f, verdict=Verdict.TOO_OPEN) for f in step.flows)
    return replace(step, flows=flows)

StoryRun.reach = reach_wrongly_at_first
"""


def allure_statuses(folder):
    files = (json.loads(p.read_text()) for p in folder.glob("*-result.json"))
    return {f["name"]: f["status"] for f in files}


@pytest.mark.parametrize("plugin", PLUGINS)
def test_flows_pass_and_fail_in_the_order_of_their_steps(project, plugin):
    passes = project(plugin, *PLUGINS[plugin])

    assert passes.returncode == 0, passes.stdout[-3000:] + passes.stderr[-2000:]
    assert outcomes(project) == ["passed"] * 5
    assert steps_of(project) == STEPS_IN_ORDER

    shutil.rmtree(project.path / "allure", ignore_errors=True)
    write_shop(project.path, WRONG)
    fails = project(plugin, *PLUGINS[plugin], environment={"GITHUB_ACTIONS": "true"})

    assert fails.returncode == 1, fails.stdout[-3000:] + fails.stderr[-2000:]
    assert outcomes(project) == ["passed", "passed", "failure", "passed", "passed"]
    assert "TOO CLOSED: the shop is closed" in fails.stdout
    assert "INTERNALERROR" not in fails.stdout
    if plugin == "allure-pytest":
        assert allure_statuses(project.path / "allure")["the shop is closed"] == "failed"
    if plugin == "pytest-json-report":
        tests = json.loads((project.path / "out.json").read_text())["tests"]
        assert [t["outcome"] for t in tests] == ["passed", "passed", "failed", "passed", "passed"]
    if plugin == "pytest-github-actions-annotate-failures":
        assert "::error" in fails.stdout + fails.stderr


@pytest.mark.parametrize("plugin", RERUNNERS)
def test_a_flow_that_runs_again_reports_what_it_saw_then(project, plugin):
    (project.path / "conftest.py").write_text(FIRST_IS_WRONG)

    ran = project(plugin, *PLUGINS[plugin])

    assert ran.returncode == 0, ran.stdout[-3000:] + ran.stderr[-2000:]
    assert f"5 passed, 1 {RERUNNERS[plugin]}" in ran.stdout
    assert "1 of 1 as expected" in ran.stdout
    assert "1 too open" not in ran.stdout
    properties = [p for case in cases_of(project).values() for p in case.iter("property")]
    verdicts = [p.get("value") for p in properties if p.get("name") == "verdict"]
    assert verdicts == ["as expected"] * 5
