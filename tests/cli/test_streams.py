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


PROSE = "  FAILS shop.npol.yaml:17:9: " + "web -> db:5432 is closed, " * 4 + "kube-system/db-0"


@pytest.fixture
def terminal(monkeypatch):
    """How wide standard output is; None: it is none."""

    def wide(columns):
        monkeypatch.setattr("sys.stdout.isatty", lambda: columns is not None)
        monkeypatch.setenv("COLUMNS", str(columns))

    return wide


@pytest.mark.parametrize(("columns", "most"), [(10, 60), (60, 60), (80, 80), (100, 100)])
def test_prose_is_no_wider_than_the_terminal(terminal, capsys, columns, most):
    terminal(columns)

    streams.say_wrapped(PROSE)

    first, *others = capsys.readouterr().out.splitlines()
    assert first.startswith("  FAILS shop")
    assert others
    assert all(len(line) <= most for line in (first, *others))
    assert all(line.startswith("      ") and line[6] != " " for line in others)
    assert " ".join(line.strip() for line in (first, *others)) == PROSE.strip()


def test_prose_in_a_pipe_stays_in_one_line(terminal, capsys):
    terminal(None)

    streams.say_wrapped(PROSE)

    assert capsys.readouterr().out == f"{PROSE}\n"


def test_each_line_of_prose_is_wrapped_by_itself(terminal, capsys):
    terminal(80)

    streams.say_wrapped("no policy\n\n  try: another")

    assert capsys.readouterr().out == "no policy\n\n  try: another\n"
