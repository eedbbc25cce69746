"""Rooms that decide look at values. A sentence is for people, and nothing hangs on its words."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from npol.model.causes import Cause
from npol.model.check_claim import CheckClaim
from npol.model.check_finding import CheckFinding
from npol.model.doubt import Doubt
from npol.model.mismatch import Mismatch
from npol.model.prediction import Prediction
from npol.model.reason import Reason
from npol.model.sentence import Sentence

NPOL = Path(__file__).parents[1] / "harness" / "npol"
DECIDING = ("judge", "policy", "run", "changes", "model")
SENTENCES = frozenset(
    {"text", "reason", "verified", "words", "what", "detail", "problem"}
    | {"cannot_fail", "why_unknown"}
)
MEANING = ("evaluate", "explain", "observed", "simulate", "state")
"""The rooms of policy that say what policies mean; texts that people wrote are read elsewhere."""
NAMES = frozenset({", its address replaced", "node of the target"})
"""Of ends that have none of their own."""
PROSE = re.compile(r"[a-z']+ [a-z']+ [a-z']+")
SEARCHES = frozenset(
    {"startswith", "endswith", "removeprefix", "removesuffix", "partition", "rpartition"}
    | {"split", "rsplit", "find", "index", "count"}
)


def sentence(node: ast.AST) -> bool:
    """Whether an expression is a sentence: `x.reason`, `str(x.reason)`, `x.text.lower()`."""
    match node:
        case ast.Attribute(attr=name):
            return name in SENTENCES
        case ast.Call(func=ast.Name(id="str" | "repr"), args=[of]):
            return sentence(of)
        case ast.Call(func=ast.Attribute(value=of)):
            return sentence(of)
        case ast.Subscript(value=of, slice=ast.Slice()):
            return sentence(of)
        case ast.BoolOp(values=[of, *_]) | ast.FormattedValue(value=of):
            return sentence(of)
        case ast.JoinedStr(values=parts):
            return any(map(sentence, parts))
    return False


def looks(node: ast.AST) -> bool:
    """Whether a node looks into a sentence, or compares one."""
    match node:
        case ast.Compare(left=left, ops=ops, comparators=others):
            if all(isinstance(op, ast.Is | ast.IsNot) for op in ops):
                return False
            return any(map(sentence, (left, *others)))
        case ast.Call(func=ast.Attribute(value=ast.Name(id="re")), args=args):
            return any(map(sentence, args))
        case ast.Call(func=ast.Attribute(value=of, attr=name)):
            return name in SEARCHES and sentence(of)
        case ast.Match(subject=subject):
            return sentence(subject)
    return False


def places(source: str, name: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        if looks(node):
            yield f"{name}: {ast.unparse(node)}"


def test_no_deciding_room_looks_into_a_sentence():
    files = [file for room in DECIDING for file in sorted((NPOL / room).rglob("*.py"))]

    found = [p for f in files for p in places(f.read_text(), str(f.relative_to(NPOL)))]

    assert len(files) > 100
    assert found == []


def prose(source: str) -> Iterator[str]:
    """Texts of several words, but for docstrings, errors, and the names of an enum's members."""
    tree = ast.parse(source)
    silent = [n for n in ast.walk(tree) if isinstance(n, ast.Raise) or _enum(n) or _docstring(n)]
    skipped = {id(node) for part in silent for node in ast.walk(part)}
    for node in ast.walk(tree):
        match node:
            case ast.Constant(value=str(text)) if id(node) not in skipped and PROSE.search(text):
                yield text


def _enum(node: ast.AST) -> bool:
    return isinstance(node, ast.ClassDef) and "enum.Enum" in map(ast.unparse, node.bases)


def _docstring(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


@pytest.mark.parametrize("room", MEANING)
def test_what_policies_mean_is_told_without_words(room):
    files = [f for f in (NPOL / "policy" / room).rglob("*.py") if f.name != "flow_syntax.py"]

    found = {text for f in files for text in prose(f.read_text())}

    assert len(files) > 2
    assert found <= NAMES


@pytest.mark.parametrize("code", ["x = 'it is open'", "f'{x} is not open: {y}'"])
def test_prose_is_found(code):
    assert list(prose(code))


@pytest.mark.parametrize("code", ["raise E('it is open')", "'it is open'", "x = 'app in (web)'"])
def test_names_and_errors_are_no_prose(code):
    assert not list(prose(code))


def test_only_reports_make_sentences():
    """The contract of pyproject.toml lists rooms; this finds a room that is not in the list."""
    makers = {
        str(file.relative_to(NPOL)).partition("/")[0]
        for file in NPOL.rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "Sentence"
    }

    assert makers == {"report"}


def test_reasons_and_findings_have_no_spelling_of_their_own():
    for value in (Reason, CheckFinding, CheckClaim, Prediction, Cause, Doubt, Mismatch):
        assert value.__str__ is object.__str__


@pytest.mark.parametrize(
    "code",
    [
        "claim in cause.text",
        "'not as before' in restore.verified",
        "result.reason == 'open'",
        "result.reason.startswith('http ')",
        "'refused' != str(judgement.reason)",
        "cause.text.removeprefix('x: ')",
        "re.search('x', result.reason)",
        "(result.reason or '').partition(':')",
        "'x' in result.reason.lower()",
        "f'{r.reason}' == 'x'",
        "r.reason[:4] == 'http'",
    ],
)
def test_look_into_a_sentence_is_found(code):
    assert list(places(code, "here"))


@pytest.mark.parametrize(
    "code",
    [
        "judgement.reason is None",
        "judgement.reason.code is ReasonCode.OPEN",
        "if result.reason: print(result.reason)",
        "f'{name}: {result.reason}'",
        "scope.seen.pods_in(name)",
        "key in world.seen.namespaces",
    ],
)
def test_value_or_output_is_no_look_into_a_sentence(code):
    assert not list(places(code, "here"))


@pytest.mark.parametrize("method", sorted(SEARCHES | {"__contains__", "__getitem__", "__iter__"}))
def test_a_sentence_cannot_be_searched(method):
    """So that the type checker refuses it; tests/test_walls.py holds who may make one."""
    assert hasattr(str, method)
    assert not hasattr(Sentence, method)


def test_a_sentence_is_no_text_and_equals_none():
    assert not issubclass(Sentence, str)
    assert Sentence("open").__eq__("open") is NotImplemented
    assert (str(Sentence("open")), bool(Sentence("")), bool(Sentence("x"))) == ("open", False, True)
