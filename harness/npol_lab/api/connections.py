"""Connections that are ended at once, whatever TLS would still wait for."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from contextlib import suppress


def abort_all(transports: Iterable[asyncio.Transport]) -> None:
    """
    End connections without TLS' goodbye, for which it would wait half a minute.

    One that was closed twice has forgotten its connection in Python 3.11.2, and cannot be asked.
    """
    for transport in transports:
        with suppress(AttributeError):
            transport.abort()
