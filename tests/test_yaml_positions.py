"""YAML with positions, in two dialects, bounded."""

from __future__ import annotations

import time
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from npol.errors import Mistakes, Position
from npol.yaml_positions import YamlDialect, dump, load
from tests.examples import examples

TEXT = """\
# a comment
name: shop
peers:
  - {name: web, ports: [80, 443]}
  - name: db
    port: 5432
"""


def one(text: str | bytes, dialect: YamlDialect = YamlDialect.STORY):
    (document,) = load(text, "f.yaml", dialect)
    return document


def told(text: str | bytes, dialect: YamlDialect = YamlDialect.STORY) -> list[str]:
    with pytest.raises(Mistakes) as caught:
        load(text, "f.yaml", dialect)
    return [str(m) for m in caught.value.mistakes]


@pytest.mark.parametrize(
    ("path", "line", "column"),
    [
        ((), 2, 1),
        (("name",), 2, 7),
        (("peers",), 4, 3),
        (("peers", 0), 4, 5),
        (("peers", 0, "ports", 1), 4, 29),
        (("peers", 1, "port"), 6, 11),
        (("peers", 1, "nothing", "here"), 5, 5),
        (("peers", 7), 4, 3),
    ],
)
def test_a_value_has_a_position_or_that_of_its_nearest_parent(path, line, column):
    assert one(TEXT).at(*path) == Position("f.yaml", line, column)


def test_a_key_has_a_position_of_its_own():
    document = one(TEXT)

    assert document.key_at("peers", 1, "port") == Position("f.yaml", 6, 5)
    assert document.key_at("peers", 1) == document.at("peers", 1)


def test_documents_keep_their_own_positions_and_empty_ones_are_left_out():
    found = load("---\n---\na: 1\n---\n# nothing\n---\nb: 2\n", "f.yaml", YamlDialect.STORY)

    assert [d.data for d in found] == [{"a": 1}, {"b": 2}]
    assert [d.at("b").line for d in found] == [3, 7]


def test_a_byte_order_mark_and_windows_line_ends_are_read():
    document = one(b"\xef\xbb\xbfa: 1\r\nb: two\r\n")

    assert document.data == {"a": 1, "b": "two"}
    assert document.at("b") == Position("f.yaml", 2, 4)


def test_a_key_that_stands_twice_is_noted_and_the_last_one_wins():
    document = one("a: {b: 1}\nc: 2\na: {b: 3}\n")

    assert document.data == {"a": {"b": 3}, "c": 2}
    assert [str(m) for m in document.duplicates] == [
        "f.yaml:3:1: key 'a' stands twice here, first at f.yaml:1:1"
    ]
    assert document.at("a", "b").line == 3


def test_anchors_aliases_and_merges_are_followed():
    document = one(
        "base: &b {x: 1, y: 2}\none: {<<: *b, y: 3}\ntwo: {<<: [{y: 4}, *b]}\nthree: *b\n"
    )

    assert document.data["one"] == {"x": 1, "y": 3}
    assert document.data["two"] == {"x": 1, "y": 4}
    assert document.data["three"] == {"x": 1, "y": 2}


SCALARS = [
    ("no", "no", False),
    ("y", "y", True),
    ("On", "On", True),
    ("true", True, True),
    ("False", False, False),
    ("null", None, None),
    ("~", None, None),
    ("0777", 777, 511),
    ("0o17", 15, 15),
    ("0x1F", 31, 31),
    ("0b101", "0b101", 5),
    ("1_000", "1_000", 1000),
    ("-12", -12, -12),
    ("12:30", "12:30", "12:30"),
    ("1e3", 1000.0, 1000.0),
    ("1.0", 1.0, 1.0),
    ("1e999", "1e999", "1e999"),
    (".5", 0.5, 0.5),
    ("2026-11-21", "2026-11-21", "2026-11-21"),
    ("0x", "0x", "0x"),
    ("0b_", "0b_", "0b_"),
    ("0o", "0o", "0o"),
    ("08", 8, 8.0),
    ("9" * 5000, "9" * 5000, "9" * 5000),
    ("'1'", "1", "1"),
    ("!!str 1", "1", "1"),
    ("http 200", "http 200", "http 200"),
]


@pytest.mark.parametrize(("text", "story", "manifest"), SCALARS, ids=[s[0][:12] for s in SCALARS])
def test_plain_scalars_are_read_by_dialect(text, story, manifest):
    """Sources: yaml.org/spec/1.2.2 section 10.3.2; go-yaml v2 resolve.go."""
    assert one(f"v: {text}\nw: w").data["v"] == story
    assert one(f"v: {text}\nw: w", YamlDialect.MANIFEST).data["v"] == manifest


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: [\n", "f.yaml:2:1: not YAML: did not find expected node content"),
        ("a:\n\t- b\n", "f.yaml:2:1: not YAML: a tab, where only blanks indent"),
        ("a: 'b\n", "f.yaml:2:1: not YAML: found unexpected end of stream"),
        ("a: b\n c: d\n", "f.yaml:2:3: not YAML: mapping values are not allowed in this context"),
        ("a: \x00b\n", r"f.yaml:1:4: control character '\x00'"),
        ("ä: b\nc: \x1b[31m\n", r"f.yaml:2:4: control character '\x1b'"),
        (b"a: b\nc: d\xff\n", "f.yaml:2:5: not UTF-8 text: invalid start byte"),
        ("'ä ö': x\n".encode("latin-1"), "f.yaml:1:2: not UTF-8 text: invalid continuation byte"),
        ("a: !!x y\n", "f.yaml:1:4: tag 'tag:yaml.org,2002:x' is not allowed"),
        ("a: !secret x\n", "f.yaml:1:4: tag '!secret' is not allowed"),
        ("a: *b\n", "f.yaml:1:4: alias *b has no anchor before it"),
        ("a: &a [*a]\n", "f.yaml:1:8: alias *a has no anchor before it"),
        ("? [a]\n: b\n", "f.yaml:1:3: a key must be a plain word"),
        ("[" * 100, "f.yaml:1:66: nested deeper than 64 levels"),
        ("a: &a b\nc: [" + "*a," * 101 + "]", "f.yaml:2:305: more than 100 aliases"),
        ("[" + "1," * 200_001, "f.yaml:1:400000: more than 200000 values"),
        ("---\na: b\n" * 5_001, "f.yaml:10001:1: more than 5000 documents"),
        ("#" * 5_000_001, "f.yaml:1:1: larger than 5 MB"),
    ],
    ids=lambda v: v[:24] if isinstance(v, str) and v.startswith("f.yaml") else "",
)  # fmt: skip
def test_invalid_yaml_is_reported_with_its_position(text, expected):
    assert told(text) == [expected]


@pytest.mark.parametrize("dialect", YamlDialect)
def test_depth_that_aliases_bring_is_depth(dialect):
    """Each anchor is a list fifty deep around the one before."""
    level = "{open}{inside}{close}"
    lines = ["a0: &a0 " + level.format(open="[" * 50, inside="x", close="]" * 50)]
    for n in range(1, 60):
        inside = level.format(open="[" * 50, inside=f"*a{n - 1}", close="]" * 50)
        lines.append(f"a{n}: &a{n} {inside}")

    assert told("\n".join(lines), dialect) == ["f.yaml:2:59: nested deeper than 64 levels"]


def test_aliases_up_to_the_depth_are_followed():
    """What came before an anchor and lies beside it is no part of its depth."""
    text = f"deep: {'[' * 60}{']' * 60}\na: &a [[x]]\nb: {'[' * 60}*a{']' * 60}\n"

    assert one(text).data["a"] == [["x"]]
    assert told(text.replace("[[x]]", "[[[[x]]]]")) == ["f.yaml:3:64: nested deeper than 64 levels"]


def test_values_that_the_last_alias_brings_count():
    text = f"a: &a [{'x,' * 120_000}]\nb: *a\n"

    assert told(text) == ["f.yaml:2:4: more than 200000 values"]


@pytest.mark.parametrize("times", [20_000, 80_000])
def test_many_comments_are_read_in_time(times):
    began = time.process_time()
    document = one("#npol: x\n" * times + "a: b\n")

    assert document.comments[times] == "x"
    assert len(document.comments) == times
    assert time.process_time() - began < 2.0


def test_an_alias_bomb_is_reported_before_its_aliases_are_expanded():
    bomb = "a: &a [x, x]\n" + "".join(
        f"{b}: &{b} [*{a}, *{a}]\n"
        for a, b in zip("abcdefghijklmnop", "bcdefghijklmnopq", strict=True)
    )

    (message,) = told(bomb * 3)
    assert message.endswith("more than 200000 values") or "aliases" in message


words = st.text(st.characters(exclude_categories=["C", "Zl", "Zp"]), max_size=8)
plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**20), 10**20) | words,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(words, inner, max_size=4),
    max_leaves=12,
)


@pytest.mark.parametrize("dialect", YamlDialect)
@pytest.mark.parametrize("text", ["1e3", "0E0", "0o7", "y", "N", "017", "1_000", "~", "on", "1.5"])
def test_text_that_looks_like_another_type_is_quoted(text, dialect):
    """A label `1e3` written bare is a number to kubectl, which the API server refuses."""
    (document,) = load(dump({text: text}), "f.yaml", dialect)

    assert document.data == {text: text}


@examples(60)
@given(plain.filter(lambda v: v is not None))
def test_dumped_yaml_loads_to_the_same_value(value):
    assert one(dump(value)).data == value


@examples(60)
@given(st.binary(max_size=80) | st.text(max_size=80), st.sampled_from(list(YamlDialect)))
def test_any_bytes_load_or_are_told(text, dialect):
    with suppress(Mistakes):
        load(text, "f.yaml", dialect)
