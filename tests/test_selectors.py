"""Label selectors, as the API server reads them."""

from __future__ import annotations

import pytest

from npol.selectors import matches, parse, spell

WEB = {"app": "web", "tier": "front", "empty": ""}


def expression(key, operator, *values):
    return {"matchExpressions": [{"key": key, "operator": operator, "values": list(values)}]}


@pytest.mark.parametrize(
    ("selector", "selected"),
    [
        pytest.param({}, True, id="empty-selects-all"),
        pytest.param({"matchLabels": None, "matchExpressions": None}, True, id="null-is-empty"),
        pytest.param({"matchLabels": {"app": "web"}}, True, id="label"),
        pytest.param({"matchLabels": {"app": "web", "tier": "back"}}, False, id="all-must-hold"),
        pytest.param({"matchLabels": {"none": ""}}, False, id="absent-is-not-empty"),
        pytest.param(expression("app", "In", "db", "web"), True, id="in"),
        pytest.param(expression("none", "In", "x"), False, id="in-absent"),
        pytest.param(expression("app", "NotIn", "db"), True, id="notin"),
        pytest.param(expression("app", "NotIn", "web"), False, id="notin-it"),
        pytest.param(expression("none", "NotIn", "x"), True, id="notin-selects-absent"),
        pytest.param(expression("empty", "Exists"), True, id="exists-empty"),
        pytest.param(expression("none", "Exists"), False, id="exists-absent"),
        pytest.param(expression("none", "DoesNotExist"), True, id="absent"),
        pytest.param(expression("app", "DoesNotExist"), False, id="absent-but-there"),
        pytest.param(
            {"matchLabels": {"app": "web"}, **expression("tier", "In", "back")}, False, id="and"
        ),
    ],
)
def test_a_selector_selects_as_the_api_does(selector, selected):
    """Source: apimachinery pkg/apis/meta/v1/helpers.go, LabelSelectorAsSelector."""
    assert matches(selector, WEB) is selected


def test_an_unknown_operator_is_refused():
    with pytest.raises(ValueError, match="operator must be In, NotIn, Exists or DoesNotExist"):
        matches(expression("app", "Gt", "1"), WEB)


@pytest.mark.parametrize(
    ("text", "selected"),
    [
        ("app=web", True),
        ("app==web", True),
        ("app = web", True),
        ("app!=web", False),
        ("none!=web", True),
        ("app", True),
        ("none", False),
        ("!none", True),
        ("! none", True),
        ("app in (db, web)", True),
        ("app in(db,web)", True),
        ("app notin (db)", True),
        ("none notin (db)", True),
        ("app in (web),tier=back", False),
        ("app=web,tier in (front),!none", True),
        ("empty=", True),
        ("", True),
    ],
)
def test_a_text_selects_as_kubectl_does(text, selected):
    """Source: apimachinery pkg/labels/selector.go, Parse."""
    assert matches(parse(text), WEB) is selected


@pytest.mark.parametrize("text", ["app web", "app in web", "app in (web", "a b c"])
def test_a_text_that_is_no_selector_is_refused(text):
    with pytest.raises(ValueError, match="not a label selector"):
        parse(text)


@pytest.mark.parametrize(
    ("selector", "text"),
    [
        ({}, "(all)"),
        ({"matchLabels": {"app": "web", "tier": "front"}}, "app=web,tier=front"),
        (expression("app", "In", "a", "b"), "app in (a,b)"),
        (expression("app", "NotIn", "a"), "app notin (a)"),
        (expression("app", "Exists"), "app"),
        (expression("app", "DoesNotExist"), "!app"),
    ],
)
def test_a_selector_is_spelt_as_kubectl_spells_it(selector, text):
    assert spell(selector) == text


def test_a_spelt_selector_parses_to_the_same_selection():
    selector = {"matchLabels": {"app": "web"}, **expression("tier", "NotIn", "back", "db")}

    assert matches(parse(spell(selector)), WEB) is matches(selector, WEB) is True
