"""
The errors that npol raises on purpose, and the exit code that each of them stands for.

    NpolError
    ├── InputError          2  a file or an argument is wrong; nothing was sent to the cluster
    ├── UnknownVerdict      3  probes did not run, so nothing was proven
    ├── Refused             4  preflight or a guard said no; nothing was changed
    │   └── NotEnforced     4  packets show that nothing enforces NetworkPolicies
    ├── LockHeld            5  another run holds a namespace, or ours was taken away
    ├── RestoreIncomplete   6  `npol recover` is needed
    └── Crashed            70  npol itself broke; a run's report has it

NotAsExpected is a verdict that ends a test, and no error.
Everything else that ends a command is a defect of npol: exit code 70, too (`npol.crash`).
"""

from __future__ import annotations

import enum
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

KUSTOMIZE = "kubectl kustomize"
HELM = "helm template"
NO_WINDOWS = "npol needs Linux or macOS; on Windows run it in WSL2, where it is as on Linux"


class ExitCode(enum.IntEnum):
    """What the command line's exit status says. 128+n: ended by signal n, restore complete."""

    AS_EXPECTED = 0
    DIFFERS = 1
    BAD_INPUT = 2
    UNKNOWN = 3
    REFUSED = 4
    LOCK = 5
    RESTORE_INCOMPLETE = 6
    CRASHED = 70


PRECEDENCE = (
    ExitCode.RESTORE_INCOMPLETE,
    ExitCode.CRASHED,
    ExitCode.LOCK,
    ExitCode.REFUSED,
    ExitCode.BAD_INPUT,
    ExitCode.DIFFERS,
    ExitCode.UNKNOWN,
    ExitCode.AS_EXPECTED,
)
"""Which code wins when one run ends for several reasons, worst first."""

MOST_EDITS = 2
"""So many letters off a word may be and still be taken for a long one that is known."""
SIGNALLED = 128
"""Exit codes above it are signals."""


def worst(codes: Iterable[int]) -> int:
    """What several runs end with together; 0 for none."""
    found = {*codes, int(ExitCode.AS_EXPECTED)}
    by_signal = [code for code in found if code > SIGNALLED]
    ranked = [*PRECEDENCE[:1], *by_signal, ExitCode.CRASHED, *PRECEDENCE[1:]]
    return int(next(code for code in ranked if code in found))


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """A place in a file: `line` and `column` count from 1."""

    file: str
    line: int = 1
    column: int = 1

    @property
    def is_rendered(self) -> bool:
        """Whether a renderer wrote the text: no file is meant, although one may have this name."""
        return self.file.endswith((f" ({KUSTOMIZE})", f" ({HELM})"))

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


class NpolError(Exception):
    """One sentence of fact and rule, then what to try; prints without a traceback."""

    exit_code = ExitCode.BAD_INPUT

    def __init__(self, message: str, *, hint: str = "", at: Position | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.at = at

    def __str__(self) -> str:
        place = f"{self.at}: " if self.at else ""
        tail = f"\n  try: {self.hint}" if self.hint else ""
        return f"{place}{self.message}{tail}"


@dataclass(frozen=True, slots=True)
class Mistake:
    """One thing that is wrong in a file."""

    at: Position
    message: str
    hint: str = ""
    about: str = ""
    """The kind of the object that is wrong, where one was read."""
    unfilled: bool = False
    """Whether only who fills in its variables can judge it, such as Flux."""
    misspelt: bool = False
    """Whether no object is of the kind that it names; `about` is then the one that is meant."""

    def __str__(self) -> str:
        return f"{self.at}: {self.message}" + (f" - {self.hint}" if self.hint else "")


class InputError(NpolError):
    """A file or an argument is wrong. Nothing was sent to the cluster."""

    exit_code = ExitCode.BAD_INPUT


class Mistakes(InputError):
    """Everything that is wrong in the files at hand, in their order, all at once."""

    def __init__(self, mistakes: Sequence[Mistake]) -> None:
        super().__init__("\n".join(str(m) for m in mistakes))
        self.mistakes = tuple(mistakes)


class UnknownVerdict(NpolError):
    """The probes did not run, so nothing was proven."""

    exit_code = ExitCode.UNKNOWN


class Refused(NpolError):
    """Preflight or a guard said no. Nothing was changed."""

    exit_code = ExitCode.REFUSED


class NotEnforced(Refused):
    """Packets show that nothing enforces NetworkPolicies: no verdict on a deny would be true."""


class LockHeld(NpolError):
    """Another run holds a namespace, or took it from us."""

    exit_code = ExitCode.LOCK


class RestoreIncomplete(NpolError):
    """The cluster is not as it was found."""

    exit_code = ExitCode.RESTORE_INCOMPLETE


class Crashed(NpolError):
    """A defect of npol ended a run; its message names no more than what kind of error it was."""

    exit_code = ExitCode.CRASHED

    def __init__(self, error: BaseException) -> None:
        super().__init__(f"npol itself broke ({type(error).__name__})")


class NotAsExpected(Exception):
    """A verdict, raised where a test is to fail by it."""


def is_defect(error: BaseException) -> bool:
    """Whether an error is npol's own: neither raised on purpose nor somebody who stops it."""
    return isinstance(error, Exception) and not isinstance(error, (NpolError, NotAsExpected))


def did_you_mean(word: str, known: Collection[str], otherwise: str) -> str:
    """A hint for a word that is not known: its nearest neighbour, else `otherwise`."""
    import difflib  # only for who mistyped: every start would pay for it

    near = difflib.get_close_matches(word, known, n=1)
    return f"did you mean {near[0]!r}?" if near else otherwise


def nearly(word: str, known: Iterable[str]) -> str:
    """
    The one of these that a word is but for a letter or two; "" for none, and for one of these.

    Stricter than `did_you_mean`: for words that may well be what they are.
    """
    every = list(known)
    if word in every:
        return ""
    found = [(edits(word, one), one) for one in every if abs(len(one) - len(word)) <= MOST_EDITS]
    near = [(count, one) for count, one in found if count <= (MOST_EDITS if len(one) > 6 else 1)]
    return min(near)[1] if near else ""


def edits(word: str, other: str) -> int:
    """How many letters were put in, left out, replaced or swapped to make one of the other."""
    before: list[int] = []
    last = list(range(len(other) + 1))
    for i, letter in enumerate(word, start=1):
        row = [i]
        for j, wanted in enumerate(other, start=1):
            fewest = min(last[j] + 1, row[-1] + 1, last[j - 1] + (letter != wanted))
            if i > 1 and j > 1 and (letter, word[i - 2]) == (other[j - 2], wanted):
                fewest = min(fewest, before[j - 2] + 1)
            row.append(fewest)
        before, last = last, row
    return last[-1]
