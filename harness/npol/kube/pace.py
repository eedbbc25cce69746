"""A limit of requests a second on this side of the link, with bursts, as client-go has it."""

from __future__ import annotations

import threading

from npol.kube.retry import Clock

BURST = 2.0
"""Seconds whose requests may be sent at once after a pause."""


class Pace:
    """Thread-safe; whoever asks first goes first."""

    def __init__(self, a_second: float, clock: Clock) -> None:
        self._every = 1 / a_second
        self._clock = clock
        self._lock = threading.Lock()
        self._next = float("-inf")
        """When the next request may go, if it does not use up what was saved."""

    def wait(self) -> None:
        """Until one more request may be sent."""
        with self._lock:
            now = self._clock.now()
            at = max(self._next, now - BURST + self._every)
            self._next = at + self._every
        if at > now:
            self._clock.sleep(at - now)
