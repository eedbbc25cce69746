"""Wordings that readers stumbled over do not come back."""

import re
from pathlib import Path

SOURCES = Path(__file__).parent.parent / "harness" / "npol"
STUMBLED_OVER = [
    "Without one: a lab is started",
    "Those that stories name",
    "Whose reading, where engines differ",
    "Pods besides the story's",
    "may stay theirs",
    "stand against it",
    "verdicts may be theirs",
    "it does not act",
    "is not harmless",
    "refused before it was sent",
    "packets need a story",
    "says how mutants are tried",
    "in disguise",
    "stays as it was",
    "unasked, ",
]
IS_NO = re.compile(
    r"\} is no (valid |host |port |label |regular |image )?"
    r"(name|key|value|port|flow|path|target|duration|expectation|tag|CIDR|file|directory)\b"
)
"""`'x' is no port`: the noun belongs to the front, `not a valid port: 'x'`."""


def messages():
    for file in SOURCES.rglob("*.py"):
        for number, line in enumerate(file.read_text().splitlines(), 1):
            yield f"{file.relative_to(SOURCES)}:{number}", line


def test_wordings_that_readers_stumbled_over_are_gone():
    found = [f"{at}: {old}" for at, line in messages() for old in STUMBLED_OVER if old in line]

    assert found == []


def test_messages_about_invalid_values_begin_with_the_noun():
    assert [at for at, line in messages() if IS_NO.search(line)] == []
