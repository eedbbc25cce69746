"""`npol run --watch`: again at each save of a story or of a manifest beside it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

LOOK_EVERY = 0.3
SUFFIXES = (".yaml", ".yml", ".json", ".tpl")

Stamps = Mapping[str, tuple[int, int]]


def stamps(stories: Iterable[str]) -> Stamps:
    """Size and time of change of what lies in and below the directories of stories."""
    found: dict[str, tuple[int, int]] = {}
    for directory in {Path(story).parent for story in stories}:
        for file in directory.rglob("*"):
            if file.suffix in SUFFIXES and file.is_file():
                seen = file.stat()
                found[str(file)] = seen.st_mtime_ns, seen.st_size
    return found


def changed(before: Stamps, now: Stamps) -> list[str]:
    """The files that are other ones now, or are gone."""
    return sorted(name for name in before.keys() | now.keys() if before.get(name) != now.get(name))


def wait_for_change(
    look: Callable[[], Stamps], before: Stamps, sleep: Callable[[float], None] = time.sleep
) -> tuple[list[str], Stamps]:
    """Return when something has changed and held still for one look: editors write twice."""
    latest = before
    while True:
        sleep(LOOK_EVERY)
        now = look()
        if now == latest and (names := changed(before, now)):
            return names, now
        latest = now
