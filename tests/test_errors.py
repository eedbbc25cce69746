"""The errors that npol raises on purpose, and the exit codes that they stand for."""

from __future__ import annotations

import inspect

import pytest

from npol import errors
from npol.errors import (
    PRECEDENCE,
    Crashed,
    ExitCode,
    InputError,
    LockHeld,
    Mistake,
    Mistakes,
    NpolError,
    Position,
    Refused,
    RestoreIncomplete,
    UnknownVerdict,
)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (InputError, 2),
        (Mistakes, 2),
        (UnknownVerdict, 3),
        (Refused, 4),
        (LockHeld, 5),
        (RestoreIncomplete, 6),
        (Crashed, 70),
    ],
)
def test_each_error_stands_for_its_exit_code(error, code):
    assert issubclass(error, NpolError)
    assert error.exit_code == code


def test_every_error_of_the_tree_is_drawn_in_its_docstring():
    tree = {n for n, c in inspect.getmembers(errors, inspect.isclass) if issubclass(c, Exception)}

    assert {n for n in tree if n not in (errors.__doc__ or "")} == {"Mistakes"}  # an InputError


def test_precedence_names_every_exit_code_worst_first():
    assert [int(c) for c in PRECEDENCE] == [6, 70, 5, 4, 2, 1, 3, 0]
    assert set(PRECEDENCE) == set(ExitCode)


def test_an_error_prints_its_place_and_what_to_try():
    error = InputError("no such peer", hint="add it", at=Position("s.yaml", 3, 9))

    assert str(error) == "s.yaml:3:9: no such peer\n  try: add it"
    assert str(InputError("no such peer")) == "no such peer"


def test_mistakes_print_one_a_line_in_their_order():
    first = Mistake(Position("s.yaml", 3, 9), "unknown key 'servic'", "did you mean 'service'?")
    second = Mistake(Position("s.yaml", 4), "no port")
    error = Mistakes([first, second])

    assert error.mistakes == (first, second)
    assert str(error) == (
        "s.yaml:3:9: unknown key 'servic' - did you mean 'service'?\ns.yaml:4:1: no port"
    )


def test_positions_sort_by_file_line_and_column():
    places = [Position("b", 1, 1), Position("a", 10, 1), Position("a", 2, 9), Position("a", 2, 3)]

    assert [str(p) for p in sorted(places)] == ["a:2:3", "a:2:9", "a:10:1", "b:1:1"]
