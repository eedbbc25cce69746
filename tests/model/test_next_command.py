"""Commands that are told to be typed."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

import npol
from npol.model.next_command import npol_command


@pytest.mark.parametrize("path", ["x;id>PWN;.npol.yaml", "a b", "$(id)", "it's", "`id`", "a\nb"])
def test_a_shell_takes_a_path_for_one_word(path):
    line = npol_command("rollback", path=path, options="--context dev")

    assert shlex.split(line) == ["npol", "rollback", path, "--context", "dev"]


def test_a_path_is_no_option():
    assert npol_command("run", path="--push=x.npol.yaml") == "npol run ./--push=x.npol.yaml"


def test_a_plain_path_stands_as_it_is():
    assert npol_command("run", path="shop/a.npol.yaml") == "npol run shop/a.npol.yaml"


SPELT = re.compile(
    r"npol (run|rollback|check|init|report|document|plan|explain) [^\"]*\{[\w.]*(path|story|file)\b"
)


def test_no_other_place_puts_a_path_into_a_command():
    package = Path(npol.__file__).parent
    found = [file.name for file in package.rglob("*.py") if SPELT.search(file.read_text())]

    assert found == []
