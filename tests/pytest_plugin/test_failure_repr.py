"""A failed item in pytest's own words: short summary, one line, and each cause once."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from npol.pytest_plugin.failure_repr import failure_repr
from npol.report.claims import summary_of


@pytest.fixture
def item(monkeypatch):
    """An item of a story file."""
    monkeypatch.setattr("npol.pytest_plugin.failure_repr.runs_of", lambda config: config)
    runs = {"named": "--kube-context=dev ", "cluster_options": "--context dev"}

    def make(name="shop.npol.yaml::deny all::frontend loses the database", style="auto"):
        config = SimpleNamespace(**runs, getoption={"tbstyle": style}.get)
        return SimpleNamespace(nodeid=name, config=config)

    return make


def test_one_line_says_what_was_seen_and_which_line_is_to_blame(item, failure):
    shown = failure_repr(item(), failure, {})

    assert str(shown.reprcrash) == "shop.npol.yaml:31: manifests/deny.yaml:7: too open, seen open"
    assert summary_of(failure) == "manifests/deny.yaml:7: too open, seen open"


def test_with_tb_line_there_are_no_more_than_a_heading_and_that_line(item, failure):
    explained: dict = {}
    shown = failure_repr(item(style="line"), failure, explained)

    assert str(shown) == "TOO OPEN: frontend loses the database  (step deny all)"
    assert shown.reprcrash.message == summary_of(failure)
    assert explained == {}


def test_there_is_no_frame_and_the_commands_name_the_cluster(item, failure):
    text = str(failure_repr(item(), failure, {}))

    assert text.startswith("TOO OPEN: frontend loses the database  (step deny all)\n")
    assert "AssertionError" not in text
    assert "failure_repr" not in text
    assert "npol probe 'frontend loses the database' --story" in text
    assert "--at 'deny all' --context dev" in text
    assert "pytest --kube-context=dev 'shop.npol.yaml::deny all::frontend" in text


@pytest.mark.parametrize("columns", [60, 80, 140])
def test_the_explanation_is_as_wide_as_the_terminal(item, failure, monkeypatch, columns):
    monkeypatch.setenv("COLUMNS", str(columns))

    lines = str(failure_repr(item(), failure, {})).splitlines()

    commands = ("npol probe", "pytest ")
    assert all(len(line) <= columns or any(c in line for c in commands) for line in lines)
    assert any("it wants app=database, shop/db-0" in line for line in lines) is (columns > 60)


def test_the_second_failure_of_a_cause_names_the_first(item, failure):
    first, explained = item(), {}
    failure_repr(first, failure, explained)

    again = str(failure_repr(first, failure, explained))
    second = str(failure_repr(item("shop.npol.yaml::deny all::another"), failure, explained))

    assert "evidence" in again
    assert second.rstrip("\n").split("\n") == [
        "TOO OPEN: frontend loses the database",
        "  shop.npol.yaml:31   expected deny, seen open",
        f"  the cause is that of {first.nodeid}: manifests/deny.yaml:7",
    ]
