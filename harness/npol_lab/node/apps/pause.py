"""The program that only waits."""

from __future__ import annotations

from npol_lab.node.apps.app import App


class Pause(App):
    """Runs until it is stopped; `App` does that already."""
