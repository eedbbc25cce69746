"""What pipelines are given: workflows, the action, GitLab's component, the hook, the container."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from npol.cli.app import load
from tests.e2e.shop import write_shop

ROOT = Path(__file__).parents[2]
WORKFLOWS = sorted(ROOT.glob(".github/workflows/*.yml"))
ACTION = yaml.safe_load((ROOT / "action.yml").read_text())
GITLAB, JOB = yaml.safe_load_all((ROOT / "ci/gitlab.yml").read_text())
MAKE = re.compile(r"run: make ([a-z-]+)")
OPTIONS = re.compile(r"--[a-z][a-z-]*")


def steps_of(workflow: Path) -> list[dict]:
    jobs = yaml.safe_load(workflow.read_text())["jobs"].values()
    return [step for job in jobs for step in job["steps"]]


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda p: p.stem)
def test_a_workflow_names_versions_limits_and_permissions(workflow):
    told = yaml.safe_load(workflow.read_text())

    assert told["permissions"] == {"contents": "read"}
    assert all("timeout-minutes" in job for job in told["jobs"].values())
    used = [step["uses"] for step in steps_of(workflow) if "uses" in step]
    assert [u for u in used if u != "./" and not re.search(r"@v\d", u)] == []


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda p: p.stem)
def test_files_and_targets_of_a_workflow_exist(workflow):
    targets = re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    text = workflow.read_text()
    paths = re.findall(r"\b(?:fixtures|requirements|tests)/[\w./-]*\w|kind-config\.yaml", text)

    assert set(MAKE.findall(text)) - set(targets) == set()
    assert [path for path in paths if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda p: p.stem)
def test_a_workflow_gives_the_action_what_it_takes(workflow):
    for step in steps_of(workflow):
        given = set(step.get("with", ())) if step.get("uses") == "./" else set()
        assert given - set(ACTION["inputs"]) == set()


def test_options_that_pipelines_pass_are_options_of_run():
    known = {option for parameter in load("run").params for option in parameter.opts}
    passed = OPTIONS.findall(JOB["npol"]["variables"]["OPTIONS"])
    passed += OPTIONS.findall((ROOT / "ci/action").read_text().partition('npol" run')[2])
    for workflow in WORKFLOWS:
        passed += [
            o for s in steps_of(workflow) for o in s.get("with", {}).get("options", "").split()
        ]

    assert {"--report", "--junit", "--create"} <= set(passed)
    assert set(passed) - known == set()


def test_inputs_of_the_component_are_used_and_declared():
    used = set(re.findall(r"\$\[\[ inputs\.([\w-]+) \]\]", (ROOT / "ci/gitlab.yml").read_text()))

    assert used == set(GITLAB["spec"]["inputs"])
    assert JOB["npol"]["script"] == ["$[[ inputs.source ]]/ci/action"]


def test_the_action_passes_each_of_its_inputs_on():
    (step,) = (s for s in ACTION["runs"]["steps"] if "run" in s)

    assert step["run"] == '"$GITHUB_ACTION_PATH/ci/action"'
    told = (ROOT / "ci/action").read_text()
    assert len(step["env"]) == len(ACTION["inputs"])
    assert [
        name for name in step["env"] if f"${{{name}" not in told and f"${name}" not in told
    ] == []


def test_the_hook_is_a_command():
    (hook,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())

    assert hook["entry"] == "npol check"
    assert re.search(hook["files"], "policies/shop.npol.yaml")


def test_the_container_runs_as_nobody_in_particular():
    lines = (ROOT / "Containerfile").read_text().splitlines()

    assert "USER 65532:65532" in lines
    assert lines.index("USER 65532:65532") > max(
        i for i, line in enumerate(lines) if line.startswith("FROM")
    )


@pytest.fixture
def action(tmp_path):
    """`ci/action` with a stand-in for npol, which ends with a code: the action's code and words."""
    program = tmp_path / "bin/npol"
    program.parent.mkdir()
    program.write_text('#!/bin/sh\nprintf "%s\\n" "$@" >called\nexit "$CODE"\n')
    program.chmod(0o755)

    def run(code: int, **variables: str) -> tuple[int, list[str]]:
        told = {"STORIES": "a.npol.yaml b", "CODE": str(code), **variables}
        done = subprocess.run(
            [ROOT / "ci/action"],
            cwd=tmp_path,
            env={"PATH": os.environ["PATH"], "NPOL_VENV": str(tmp_path), **told},
            capture_output=True,
            check=False,
        )
        return done.returncode, (tmp_path / "called").read_text().split("\n")[:-1]

    return run


def test_the_action_runs_stories_on_the_cluster_that_is_named(action):
    code, words = action(0, CONTEXT="kind-npol", OPTIONS="--create --wait 60", REPORT="out.json")

    assert code == 0
    assert words == [
        *("run", "a.npol.yaml", "b", "--context", "kind-npol"),
        *("--report", "out.json", "--create", "--wait", "60"),
    ]


def test_the_action_without_a_context_asks_for_a_lab(action):
    assert action(0)[1][3:] == ["--lab", "--report", "report.html"]


@pytest.mark.parametrize(
    ("fail_on", "codes"),
    [
        ("unknown", {0: 0, 1: 1, 3: 3, 4: 4}),
        ("differs", {0: 0, 1: 1, 3: 0, 4: 4, 6: 6}),
        ("never", {0: 0, 1: 0, 3: 0, 2: 2, 5: 5, 6: 6, 70: 70}),
        ("nver", {0: 2}),
    ],
)
def test_the_action_fails_on_what_it_is_told_to(action, fail_on, codes):
    ended = {code: action(code, FAIL_ON=fail_on, CONTEXT="c")[0] for code in codes}

    assert ended == codes


SCHEMAS = [
    *(("vendor.github-workflows", str(w.relative_to(ROOT))) for w in WORKFLOWS),
    ("vendor.github-actions", "action.yml"),
    ("vendor.gitlab-ci", "ci/gitlab.yml"),
    ("vendor.renovate", "renovate.json"),
]
CHECKER = shutil.which("check-jsonschema", path=f"{ROOT}/.venv/tools/bin:{os.environ['PATH']}")


@pytest.mark.nightly
@pytest.mark.skipif(not CHECKER, reason="needs check-jsonschema: make nightly")
@pytest.mark.parametrize(("schema", "file"), SCHEMAS)
def test_a_pipeline_is_what_its_published_schema_says(schema, file, tmp_path):
    """GitLab's own schema knows no component's header: the part behind it is what runs."""
    job = tmp_path / Path(file).name
    job.write_text((ROOT / file).read_text().partition("\n---\n")[2] or (ROOT / file).read_text())
    transform = ("--data-transform", "gitlab-ci") if "gitlab" in schema else ()

    subprocess.run([CHECKER, "--builtin-schema", schema, *transform, job], check=True)


def _lines_of(script: str) -> list[str]:
    """Commands of a script, without its variables: they are compared as text."""
    return [line for line in script.strip().splitlines() if line]


CALICO = (ROOT / "docs/how-to/kind-calico.md").read_text()


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda p: p.stem)
def test_every_line_of_a_workflow_stands_where_it_is_run_or_shown(workflow):
    """make targets are tested apart; the rest are lines of the action, of tests, or of a page."""
    url = "https://raw.githubusercontent.com/projectcalico/calico"
    told = yaml.safe_load(workflow.read_text())
    matrix = [job.get("strategy", {}).get("matrix", {}) for job in told["jobs"].values()]
    version = next((m["calico"][0] for m in matrix if "calico" in m), "")
    run_by = {
        "sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0": (
            "ci/action",
            "sudo sysctl -qw kernel.apparmor_restrict_unprivileged_userns=0",
        ),
        ".venv/bin/python -m build --no-isolation": (
            "tests/test_packaging.py",
            '"-m", "build", "--no-isolation"',
        ),
        '.venv/bin/python -m pytest tests/test_packaging.py -m ""': (
            "tests/test_packaging.py",
            "def test_a_story_runs_where_nothing_but_the_wheel_was_installed",
        ),
    }

    for line in (line for step in steps_of(workflow) for line in _lines_of(step.get("run", ""))):
        line = line.replace('"$MANIFESTS', f"{url}/{version}/manifests").replace('.yaml"', ".yaml")
        if line.startswith("kubectl "):
            assert line in CALICO
        elif not line.startswith("make "):
            file, stands = run_by[line]
            assert stands in (ROOT / file).read_text()


@pytest.mark.skipif(not shutil.which("actionlint"), reason="needs actionlint")
def test_actionlint_finds_nothing():
    subprocess.run(["actionlint", *WORKFLOWS], cwd=ROOT, check=True)


@pytest.mark.lab
@pytest.mark.nightly
def test_the_action_installs_npol_and_runs_a_story_in_a_lab(tmp_path):
    write_shop(tmp_path)
    told = {"STORIES": "shop.npol.yaml", "GITHUB_OUTPUT": str(tmp_path / "output")}
    kept = {k: v for k, v in os.environ.items() if k in ("PATH", "HOME") or k.startswith("PIP")}

    subprocess.run([ROOT / "ci/action"], cwd=tmp_path, env={**kept, **told}, check=True)

    assert (tmp_path / "report.html").exists()
    assert (tmp_path / "output").read_text() == "exit-code=0\n"
