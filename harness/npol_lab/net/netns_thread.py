"""Threads that live in a network namespace."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from npol_lab.isolation.namespaces import enter

P = ParamSpec("P")
T = TypeVar("T")


class Resident:
    """A thread that lives in one network namespace and does what is asked there, in order."""

    def __init__(self, path: str, *, name: str) -> None:
        self._thread = ThreadPoolExecutor(
            1, thread_name_prefix=name, initializer=enter, initargs=(path,)
        )

    async def run(self, do: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, lambda: do(*args, **kwargs))
