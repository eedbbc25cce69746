"""
Connections that are opened before they are needed: over a slow link TCP and TLS take two round
trips, which pass while something else is waited for.
"""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Callable
from contextlib import suppress

CONNECT_WITHIN = 5.0
READY_FOR = 20.0
"""Seconds for which one may wait for its first byte: API servers close it after 32."""


class ReadySockets:
    """Open sockets, TLS included, over which nothing was sent; thread-safe."""

    def __init__(
        self,
        dial: Callable[[float], socket.socket],
        *,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """`dial`: opens one within so many seconds."""
        self._dial = dial
        self._now = now
        self._lock = threading.Lock()
        self._ready: list[tuple[float, socket.socket]] = []
        self._closed = False

    def add_one(self) -> None:
        """Open one more; one that cannot be opened is missing, and whoever needs it says why."""
        with suppress(OSError, ValueError):
            opened = self._dial(CONNECT_WITHIN)
            with self._lock:
                if not self._closed:
                    self._ready.append((self._now(), opened))
                    return
            opened.close()

    def take(self) -> socket.socket | None:
        """One that the server has not closed; None where there is none."""
        while True:
            with self._lock:
                if not self._ready:
                    return None
                opened_at, found = self._ready.pop(0)
            if self._now() - opened_at < READY_FOR and _is_silent(found):
                return found
            found.close()

    def close(self) -> None:
        """Close what was not taken."""
        with self._lock:
            self._closed, left, self._ready = True, self._ready, []
        for _, opened in left:
            opened.close()


def _is_silent(opened: socket.socket) -> bool:
    """Whether nothing has come over it, not even its end; session tickets are no data."""
    try:
        opened.settimeout(0)
        opened.recv(1)
    except (BlockingIOError, ssl.SSLWantReadError):
        return True
    except OSError:
        return False
    return False


def in_background(do: Callable[[], None], times: int) -> None:
    """Side by side; nobody waits for it, and it ends with its process."""
    for _ in range(times):
        threading.Thread(target=do, name="npol-connect", daemon=True).start()
