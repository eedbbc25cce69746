"""
A corpus of bad input: every mistake is told where it stands, and how to mend it.

`corpus/*.txt`: `== ID`, the text, and the messages behind `> `. `== HEAD` stands before the text
of every case of its file, `== FILE path` is a file beside the story.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

CORPUS = Path(__file__).parent / "corpus"


def sections(path: Path) -> Iterator[tuple[str, str]]:
    """Title and body of each section; every line of a body ends with a line break."""
    for section in path.read_text().split("\n== ")[1:]:
        title, _, body = section.partition("\n")
        yield title, "".join(f"{line}\n" for line in body.splitlines())


def cases() -> Iterator[object]:
    for path in sorted(CORPUS.glob("*.txt")):
        head, files = "", {}
        for title, body in sections(path):
            if title == "HEAD":
                head = body
            elif title.startswith("FILE "):
                files[title.removeprefix("FILE ")] = body
            else:
                told = [line[2:] for line in body.splitlines() if line.startswith("> ")]
                text = "".join(f"{t}\n" for t in body.splitlines() if not t.startswith("> "))
                yield pytest.param(head + text, files, told, id=f"{path.stem}-{title}")


@pytest.fixture
def links(tmp_path):
    """Links out of the root and in circles, pipes, devices: what a checkout may hold."""
    links = tmp_path / "links"
    links.mkdir()
    (links / "out.yaml").symlink_to("/etc/hosts")
    (links / "loop.yaml").symlink_to("loop.yaml")
    (links / "null.yaml").symlink_to("/dev/null")
    os.mkfifo(links / "pipe.yaml")


@pytest.mark.usefixtures("links")
@pytest.mark.parametrize(("text", "files", "told"), list(cases()))
def test_bad_input_is_told_with_place_and_cure(text, files, told, mistakes):
    assert mistakes(text, files) == told


NO_HOST = "(write international names as 'xn--...')"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        pytest.param("", ["s.npol.yaml:1:1: the file is empty"], id="nothing"),
        pytest.param("\ufeff", ["s.npol.yaml:1:1: the file is empty"], id="only-a-byte-order-mark"),
        pytest.param(
            "version: 1\r\nname: true\r\nsteps: []\r\n",
            ['s.npol.yaml:2:7: `name` must be text, got the boolean true - quote it: "true"'],
            id="crlf",
        ),
        pytest.param(
            'version: 1\nname: "a\0b"\n',
            [r"s.npol.yaml:2:9: control character '\x00'"],
            id="nul",
        ),
        pytest.param(
            "version: 1\nname: 'a\ufeffb'\n",
            [r"s.npol.yaml:2:9: control character '\ufeff'"],
            id="byte-order-mark-inside",
        ),
        pytest.param(
            "version: 1\npeers: {a: {host: 'm\xfcnchen.test'}}\nsteps: []\n",
            [rf"s.npol.yaml:2:19: not a valid host name: 'm\xfcnchen.test' {NO_HOST}"],
            id="umlaut",
        ),
        pytest.param(
            "version: 1\npeers: {a: {host: '\u0435xample.test'}}\nsteps: []\n",
            [rf"s.npol.yaml:2:19: not a valid host name: '\u0435xample.test' {NO_HOST}"],
            id="cyrillic-e",
        ),
        pytest.param(
            "version: 1\npeers: {a: {namespace: x, pod: 'web\u202e'}}\nsteps: []\n",
            [
                r"s.npol.yaml:2:32: not a valid name: 'web\u202e' "
                "(lower-case letters, digits, '-' and '.', at most 253 characters)"
            ],
            id="right-to-left",
        ),
        pytest.param(
            'version: 1\nname: "a\\e[31mb"\nsteps: []\n',
            [
                r"s.npol.yaml:2:7: 'a\x1b[31mb' must be one line of printable text, "
                "no blanks around it"
            ],
            id="terminal-escape",
        ),
    ],
)
def test_odd_characters_are_shown_as_escapes(text, told, mistakes):
    assert mistakes(text) == told


def test_text_that_is_not_utf8_is_told_with_its_place(mistakes):
    files = {"bad.yaml": b"kind: x\nname: caf\xe9\n"}
    text = "version: 1\nsteps:\n- {name: a, apply: [bad.yaml]}\n"

    assert mistakes(text, files) == ["bad.yaml:2:10: not UTF-8 text: invalid continuation byte"]
