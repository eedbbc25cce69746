"""Where control groups stand, and what labs that have ended left there."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

PREFIX = "npol-lab-"
"""Of a lab's group, which has the name of its directory."""
CONTROLLERS = ("memory", "pids")


def places(proc: Path) -> Iterator[tuple[tuple[str, ...], list[Path]]]:
    """Controllers, and directories to try: our own group's, and beside it."""
    mounted = dict(_mounts(proc))
    for line in (proc / "cgroup").read_text().splitlines():
        number, names, path = line.split(":", 2)
        controllers = CONTROLLERS if number == "0" else tuple(c for c in CONTROLLERS if c in names)
        for key in ("",) if number == "0" else controllers:
            if key in mounted:
                own = mounted[key] / path.lstrip("/")
                above = [own.parent] if number == "0" and path != "/" else []
                yield (controllers if number == "0" else (key,)), [own, *above]


def _mounts(proc: Path) -> Iterator[tuple[str, Path]]:
    """The mount point of each controller's tree; of version 2 by an empty name."""
    for line in (proc / "mountinfo").read_text().splitlines():
        before, _, after = line.partition(" - ")
        kind, _, options = after.split(" ", 2)
        if kind == "cgroup2":
            yield "", Path(before.split()[4])
        elif kind == "cgroup":
            yield from (
                (o, Path(before.split()[4])) for o in options.split(",") if o in CONTROLLERS
            )


def sweep(temporary: Path, proc: Path = Path("/proc/self")) -> None:
    """Remove the groups of labs that have no directory any more. Living processes keep theirs."""
    with contextlib.suppress(OSError):
        for _, candidates in list(places(proc)):
            for group in (g for place in candidates for g in place.glob(f"{PREFIX}*")):
                if not (temporary / group.name).exists():
                    _remove(group)


def _remove(group: Path) -> None:
    for directory in (*filter(Path.is_dir, group.iterdir()), group):
        with contextlib.suppress(OSError):
            directory.rmdir()
