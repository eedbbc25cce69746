"""Defects of npol on the command line, and terminals that lack letters."""

from __future__ import annotations

import sys
import threading

import pytest

from npol.cli.app import main
from npol.cli.crashes import show_uncaught
from npol.errors import RestoreIncomplete
from tests.e2e.shop import HEAD, STEPS, write_shop

PLANTED = "Kz93b1f2c4d5"


@pytest.fixture(autouse=True)
def hooks(monkeypatch):
    """The process's own, put back afterwards."""
    for owner, name in ((sys, "excepthook"), (sys, "unraisablehook"), (threading, "excepthook")):
        monkeypatch.setattr(owner, name, getattr(owner, name))


@pytest.fixture
def ended(monkeypatch, capsys):
    """The exit code of `npol check .` whose work raises this error, and what it told."""

    def run(error):
        def broken(arguments):
            raise error

        monkeypatch.setattr("npol.cli.check.check", broken)
        monkeypatch.setattr(sys, "argv", ["npol", "check", "."])
        with pytest.raises(SystemExit) as end:
            main()
        return end.value.code, capsys.readouterr()

    return run


def test_a_defect_ends_with_70_and_masked_lines_on_standard_error(ended):
    code, told = ended(KeyError(PLANTED))

    assert code == 70
    assert told.out == ""
    assert told.err.startswith("npol itself broke")
    assert "Traceback" not in told.err
    assert PLANTED not in told.err


def test_an_incomplete_restore_outranks_the_defect_that_led_to_it(ended):
    error = RestoreIncomplete("not as it was found", hint="npol recover")
    error.__cause__ = KeyError(PLANTED)

    code, told = ended(error)

    assert code == 6
    assert "npol itself broke" in told.err
    assert told.err.endswith("npol: not as it was found\n  try: npol recover\n")


def test_a_defect_in_a_thread_is_told_masked(capsys):
    def broken():
        raise KeyError(PLANTED)

    show_uncaught()
    thread = threading.Thread(target=broken)
    thread.start()
    thread.join()

    told = capsys.readouterr().err
    assert "npol itself broke" in told
    assert "in broken" in told
    assert PLANTED not in told


@pytest.fixture
def terminal(monkeypatch, tmp_path):
    """What `npol ARGUMENTS` shows on standard output of this encoding, and its exit code."""

    def run(encoding, *arguments):
        shown = tmp_path / "shown"
        monkeypatch.setattr(sys, "argv", ["npol", *map(str, arguments)])
        with shown.open("w", encoding=encoding) as stream:
            monkeypatch.setattr(sys, "stdout", stream)
            monkeypatch.setattr(sys, "__stdout__", stream)
            with pytest.raises(SystemExit) as end:
                main()
            sys.stdout.flush()
        return end.value.code, shown.read_text(encoding)

    return run


@pytest.mark.parametrize(
    ("encoding", "spelt"),
    [
        ("ascii", r"\xf6ffnen \u2192 \xe9t\xe9"),
        ("latin-1", r"öffnen \u2192 été"),
        ("cp1252", r"öffnen \u2192 été"),
        ("utf-8", "öffnen → été"),
    ],
)
def test_a_letter_that_the_terminal_lacks_is_spelt(terminal, tmp_path, encoding, spelt):
    story = write_shop(tmp_path, STEPS.replace("open", "öffnen → été"), head=HEAD)

    code, shown = terminal(encoding, "plan", story)

    assert spelt in shown
    assert code == 0
