"""The pages of docs/reference: in step with what they describe."""

from __future__ import annotations

import ast
import re
import shutil
from pathlib import Path

import pytest

from npol.cli.arguments.run import RunArguments
from npol.cli.run import run
from npol.errors import ExitCode
from npol.story.schema.json_schema import schema

ROOT = Path(__file__).parents[2]
REFERENCE = ROOT / "docs/reference"
ROW = re.compile(r"^\| (?:\*\*)?`([^`]+)`.*\| `([^`]+)` \[", re.MULTILINE)
"""A key of the story language, and its example."""
CODE = re.compile(r"^\| (\d+) \| `(\w+)`", re.MULTILINE)
ASKED = re.compile(r"""(?:get|environ|_variable)[\[(](?:environment, )?"([A-Z_]+)\"""")
CONSTANT = re.compile(r"environ\.get\(([A-Z_]+)")
PROGRAMS = all(map(shutil.which, ("helm", "kubectl")))


@pytest.fixture(scope="module")
def pages():
    """What `make reference` would write, by path."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT / "tools"))
        import reference

        yield {path: page() for path, page in reference.PAGES.items()}


@pytest.mark.parametrize(
    "name",
    [
        *("docs/reference/story.md", "docs/reference/commands.md", "docs/reference/pytest.md"),
        *("man/npol.1", "deploy/chart/templates/_rules.tpl"),
        *("deploy/base/rbac.yaml", "deploy/example/rbac.yaml"),
    ],
)
def test_what_is_made_from_npol_is_up_to_date(pages, name):
    path = ROOT / name

    assert path.read_text() == pages.pop(path), "write it anew: make reference"


def test_every_key_of_the_schema_has_a_row_with_an_example():
    rows = ROW.findall((REFERENCE / "story.md").read_text())
    made = schema()
    keys = [k for r in (made, *made["definitions"].values()) for k in r.get("properties", ())]

    assert sorted(key for key, _ in rows) == sorted(keys)
    assert [row for row in rows if not row[1].startswith(f"{row[0]}:")] == []


def test_every_exit_code_is_on_the_page():
    rows = CODE.findall((REFERENCE / "commands.md").read_text())

    assert [(int(code), name) for code, name in rows] == [(int(c), c.name) for c in ExitCode]


def _read_variables(file: Path) -> set[str]:
    """What a module asks the environment for, by name or by a constant of the module."""
    text = file.read_text()
    if "environ" not in text:
        return set()
    constants = {
        target.id: node.value.value
        for node in ast.parse(text).body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    by_constant = {constants[c] for c in CONSTANT.findall(text) if c in constants}
    return {*ASKED.findall(text), *by_constant}


def test_every_variable_that_npol_reads_is_on_the_page():
    told = set(re.findall(r"`([A-Z_]{2,})`", (REFERENCE / "environment.md").read_text()))
    files = (ROOT / "harness/npol").rglob("*.py")
    read = {name for file in files for name in _read_variables(file)}

    assert {"NPOL_LOG", "KUBECONFIG", "NO_PROXY"} <= read
    assert read - told == set()


@pytest.mark.lab
@pytest.mark.nightly
@pytest.mark.skipif(not PROGRAMS, reason="needs helm and kubectl")
def test_a_kustomization_and_a_chart_run_as_the_page_shows(capsys):
    assert run(RunArguments(stories=[str(ROOT / "fixtures/reference/rendered.yaml")])) == 0

    assert "4 of 4 as expected" in capsys.readouterr().out
