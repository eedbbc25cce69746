"""tools/flow_path.py counts what carries a flow, and docs/architecture.md has its figures."""

from __future__ import annotations

import importlib
import os
import re
import subprocess
import sys
from dataclasses import dataclass

import pytest

from npol.model.expectation import parse_expectation
from npol.model.sentence import Sentence
from tests.test_coverage import ROOT

MARK = "zq7"


@dataclass(frozen=True)
class Holder:
    held: object


@pytest.fixture
def path(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "tools"))
    watching = importlib.import_module("flow_path").FlowPath("npol")
    sys.setprofile(watching)
    yield watching
    sys.setprofile(None)


def stop(watching):
    sys.setprofile(None)
    return watching


def test_a_function_that_is_given_the_flow_sees_it_and_does_not_hand_it_on(path):
    with pytest.raises(ValueError, match=MARK):
        parse_expectation(MARK)
    stop(path)

    assert path.functions == {"npol.model.expectation.parse_expectation"}
    assert path.handing_on == set()


def test_a_function_that_is_not_given_the_flow_does_not_count(path):
    parse_expectation("allow")

    assert stop(path).functions == set()


def test_the_types_on_the_way_to_the_flow_count(path):
    words = str(Sentence(MARK))
    carried = path._carries([{"a": (Holder(Sentence(words)),)}])
    stop(path)

    assert carried
    assert path.types == {"npol.model.sentence.Sentence"}


def test_a_kubernetes_object_is_not_looked_into(path):
    assert not stop(path)._carries({"metadata": {"name": MARK}})


@pytest.mark.nightly
def test_the_page_has_the_figures_of_this_tree():
    done = subprocess.run(
        [sys.executable, ROOT / "tools" / "flow_path.py"],
        env={**os.environ, "PYTHONPATH": str(ROOT / "harness"), "NPOL_FLOW_RECORDS": "auto"},
        capture_output=True,
        text=True,
        check=True,
    )
    page = (ROOT / "docs" / "architecture.md").read_text()
    (row,) = re.findall(r"^\| now \| (\d+) \| (\d+) \| (\d+) \|$", page, re.MULTILINE)

    (seen_by,) = re.findall(
        r"^(\d+) functions see it, (\d+) hand it on$", done.stdout, re.MULTILINE
    )
    (types,) = re.findall(r"^(\d+) types carry it$", done.stdout, re.MULTILINE)
    # a helper more or less does not date the page
    assert list(map(int, (*seen_by, types))) == [pytest.approx(int(n), rel=0.03) for n in row]
