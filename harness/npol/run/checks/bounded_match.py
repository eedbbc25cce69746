"""
Regular expressions of a story, searched with a limit.

Python's engine can need time that grows exponentially with the text, and holds the interpreter
meanwhile, so that no thread could stop it: it runs in a process whose computing time is limited.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys

from npol.errors import UnknownVerdict

CPU_SECONDS = 0.4
"""Computing time, not time of day: a busy machine is no slow expression."""
TIMEOUT = 10.0
"""Seconds that the process may take in all, on a machine however busy."""
_PROGRAM = f"""
import signal
signal.setitimer(signal.ITIMER_PROF, {CPU_SECONDS})
import json, re, sys
pattern, text = json.load(sys.stdin)
print(int(re.search(pattern, text) is not None))
"""


class Unbounded(UnknownVerdict):
    """An expression that did not come to an end; looking again would not help."""


def found(pattern: str, text: str) -> bool:
    """
    Whether `pattern` matches anywhere in `text`.

    Raises:
        Unbounded: it cannot be told within the limit.
    """
    command = [sys.executable, "-I", "-S", "-c", _PROGRAM]
    asked = json.dumps([pattern, text])
    try:
        done = subprocess.run(
            command, input=asked, capture_output=True, text=True, timeout=TIMEOUT, check=False
        )
    except subprocess.TimeoutExpired:
        raise _unbounded(text) from None
    if done.returncode == -signal.SIGPROF:
        raise _unbounded(text)
    if done.returncode:
        raise UnknownVerdict(f"the regular expression was not searched: status {done.returncode}")
    return done.stdout.strip() == "1"


def _unbounded(text: str) -> Unbounded:
    return Unbounded(
        f"the regular expression of `matches` did not end within {CPU_SECONDS:g} s of computing "
        f"on {len(text)} characters: avoid repeats of repeats, such as (a+)+"
    )
