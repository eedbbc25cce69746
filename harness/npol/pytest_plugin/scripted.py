"""Stories written in Python, as a test of pytest's has them."""

from __future__ import annotations

from npol.pytest_plugin.boundary import without_frames
from npol.run.python_api import Scripted


class ScriptedInTest(Scripted):
    """What it raises shows a test's own frames, and none of npol's."""

    expect = without_frames(Scripted.expect)
    __exit__ = without_frames(Scripted.__exit__)
