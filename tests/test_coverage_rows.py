"""`make coverage`: what counts as shown, and what became of it."""

import importlib

import pytest

from npol.story import load_story
from tests.test_coverage import ROOT

GIVEN = "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop, labels: {name: shop}}\n"
STORY = """
version: 1
given: [given.yaml]
steps:
  - name: as made
    state:
      - {name: the label, labels: {namespace: shop}, has: {name: shop}, covers: [READ-1]}
      - {name: the pods, ready: app=web, namespace: shop, covers: [SEEN-1]}
"""
TABLE = """
| row | must be true | shown by |
|---|---|---|
| READ-1 | the label | READ |
| SEEN-1 DOUBT | the pods | |

## Where a document is wrong or unclear

| row | the document says | the cluster does |
|---|---|---|
TRUTH
"""
TRUTH = "| SEEN-1 | never | always |"


@pytest.fixture
def tool(monkeypatch):
    """A module of tools/."""
    monkeypatch.syspath_prepend(ROOT / "tools")
    return importlib.import_module


@pytest.fixture
def wrong(tool, tmp_path):
    """What is wrong with a table, beside a story that covers READ-1 and SEEN-1."""
    (tmp_path / "given.yaml").write_text(GIVEN)
    (tmp_path / "s.npol.yaml").write_text(STORY)
    table = tool("coverage_table")
    story = load_story(str(tmp_path / "s.npol.yaml"), root=str(tmp_path))

    def judge(read="tests/test_coverage.py", doubt="", truth=""):
        text = TABLE.replace("READ |", f"{read} |").replace(" DOUBT", doubt)
        return list(table.mistakes(list(table.rows(text.replace("TRUTH", truth))), [story]))

    return judge


def test_rows_that_something_shows_are_in_order(wrong):
    assert wrong() == []
    assert wrong(doubt=" !", truth=TRUTH) == []


@pytest.mark.parametrize(
    ("table", "mistake"),
    [
        pytest.param(
            {"read": ""},
            "READ-1: nothing that can fail shows it, and no reason is given",
            id="only-a-check-that-cannot-fail",
        ),
        pytest.param(
            {"doubt": " !"},
            "SEEN-1: what the document says, and what the cluster does, is not stated",
            id="doubt-without-truth",
        ),
        pytest.param(
            {"read": "tests/test_coverage.py::test_gone"},
            "READ-1: there is no tests/test_coverage.py::test_gone",
            id="no-such-test",
        ),
    ],
)
def test_rows_that_nothing_shows_are_told(wrong, table, mistake):
    assert wrong(**table) == [mistake]


def result(name, verdict="as expected", **more):
    return {"name": name, "verdict": verdict, "skipped": "", **more}


STEPS = [
    {"name": "good", "flows": [result("a")], "checks": [result("b", cannot_fail="written")]},
    {"name": "bad", "flows": [result("a", "too open"), result("c")], "checks": []},
    {"name": "none", "flows": [result("a", skipped="no such place")], "checks": []},
]


@pytest.mark.parametrize(
    ("step", "item", "verdict"),
    [
        pytest.param("good", "", "as expected", id="step"),
        pytest.param("good", "b", "not counted", id="check-that-cannot-fail"),
        pytest.param("bad", "c", "as expected", id="item-of-a-bad-step"),
        pytest.param("bad", "", "too open", id="worst-of-a-step"),
        pytest.param("", "", "too open", id="worst-of-a-story"),
        pytest.param("none", "", "not run: no such place", id="skipped"),
        pytest.param("gone", "", "not run", id="not-in-the-run"),
    ],
)
def test_the_verdict_of_a_part_is_its_worst(tool, step, item, verdict):
    last = tool("coverage_verdicts").Verdicts({"s.npol.yaml": {"steps": STEPS}}, {})

    assert last.of_story("s.npol.yaml", step, item) == verdict


@pytest.mark.parametrize(
    ("test", "verdict"),
    [
        pytest.param("tests/a.py::test_one", "as expected", id="test"),
        pytest.param("tests/a.py", "FAILED", id="file"),
        pytest.param("tests/b.py::test_one", "not run", id="not-in-the-run"),
    ],
)
def test_the_verdict_of_a_file_is_that_of_its_worst_test(tool, test, verdict):
    seen = {"tests/a.py::test_one": "as expected", "tests/a.py::test_two": "FAILED"}

    assert tool("coverage_verdicts").Verdicts({}, seen).of_test(test) == verdict
