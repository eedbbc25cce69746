"""What a terminal's encoding lacks is spelt out: no story's name ends a command (finding L15)."""

from __future__ import annotations

import pytest

from npol.cli import streams


@pytest.mark.parametrize(
    ("encoding", "shown"),
    [
        pytest.param("ascii", r"caf\xe9 \u2713", id="ascii"),
        pytest.param("latin-1", "café \\u2713", id="latin-1"),
        pytest.param("cp1252", "café \\u2713", id="cp1252"),
        pytest.param("utf-8", "café ✓", id="utf-8"),
    ],
)
@pytest.mark.parametrize("name", ["stdout", "stderr"])
def test_letters_that_a_stream_lacks_are_spelt_out(monkeypatch, tmp_path, name, encoding, shown):
    with open(tmp_path / "shown", "w", encoding=encoding) as stream:
        monkeypatch.setattr(f"sys.{name}", stream)
        monkeypatch.setattr(f"sys.__{name}__", stream)
        streams.install()
        streams.say("café ✓", err=name == "stderr")

    assert (tmp_path / "shown").read_text(encoding=encoding) == f"{shown}\n"
