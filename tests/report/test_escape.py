"""Foreign text made harmless."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from npol.report.escape import fenced, markdown, markup, safe, short


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain text, ümläut, 日本", "plain text, ümläut, 日本"),
        ("\x1b[31mred\x1b]8;;http://x\x07", r"\x1b[31mred\x1b]8;;http://x\x07"),
        ("a\rb\nc\td", r"a\rb\nc\td"),
        ("a\u202eb\u200bc\ufeff", r"a\u202eb\u200bc\ufeff"),
        ("\x9b31m", r"\x9b31m"),
        ("\ud800", r"\ud800"),
        ("::error::x", r"\x3a:error::x"),
        ("a ::Add-Mask::x", r"a \x3a:Add-Mask::x"),
        ("file::stop-commands::x", r"file\x3a:stop-commands::x"),
        ("::unknown a=b::x", r"\x3a:unknown a=b::x"),
        ("a ##[group]b ##vso[task.x]", r"a \x23#[group]b \x23#vso[task.x]"),
        ("fd00::1, ::/0, ::ffff:10.0.0.0/104", "fd00::1, ::/0, ::ffff:10.0.0.0/104"),
        ("shop.npol.yaml::open::the shop answers", "shop.npol.yaml::open::the shop answers"),
        ("## title [x]", "## title [x]"),
    ],
)
def test_control_and_format_characters_are_spelt_out(text, shown):
    assert safe(text) == shown


@given(st.text())
def test_safe_text_is_one_printable_line(text):
    assert safe(text).isprintable()
    assert safe(safe(text)) == safe(text)


@given(st.text(alphabet=":#[] \nae", max_size=30), st.sampled_from(["::error::", "##[error]"]))
def test_no_text_is_a_command_to_the_machine_that_runs_a_job(around, command):
    shown = safe(f"{around}{command}{around}")

    assert safe(shown) == shown
    assert "::error" not in shown
    assert "##[" not in shown
    assert not re.match(r"\s*::[a-z][\w-]*( .*)?::", shown)


@given(st.text(alphabet="a`\n"))
def test_a_fence_is_longer_than_any_inside(text):
    first, *inside, last = fenced(text).split("\n")

    assert first == f"{last}text"
    assert all(last not in line for line in inside)


def test_short_text_says_that_it_was_cut():
    assert short("abcdefgh", 6) == "abc..."
    assert short("abcdef", 6) == "abcdef"


def test_markup_and_markdown_are_shown_as_they_are():
    assert markup('<a href="x">&\'') == "&lt;a href=&quot;x&quot;&gt;&amp;&#x27;"
    assert markdown("<b> *x* | `y` #1 @me") == r"&lt;b&gt; \*x\* \| \`y\` \#1 \@me"
