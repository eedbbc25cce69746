"""What the kernel counts, or ends, for the whole machine or a user, whatever the namespaces."""

from __future__ import annotations

import contextlib
from pathlib import Path

SHARE = 4
"""A lab's pods may have so many parts of what the user who started it may."""
LIMITS = {
    "max_inotify_instances": "inotify/max_user_instances",
    "max_inotify_watches": "inotify/max_user_watches",
}
"""Below /proc/sys/user, of this user namespace; below /proc/sys/fs, of a user of the machine."""
FIRST = 500
"""Of 1,000, which pods have; others have 0."""
WHOLE = (0, 0, 2**32 - 1)


def leave_some_to_others(proc: Path = Path("/proc")) -> None:
    """
    Limit all user namespaces below this one, which must not be the machine's own.

    Without it one pod takes every inotify instance of root, which init and udev need, too.
    """
    lines = (proc / "self/uid_map").read_text().splitlines()
    if [tuple(map(int, line.split())) for line in lines] == [WHOLE]:
        return
    for name, machines in LIMITS.items():
        with contextlib.suppress(OSError):  # a kernel may lack it
            most = int((proc / "sys/fs" / machines).read_text())
            (proc / "sys/user" / name).write_text(str(most // SHARE))


def go_first(pid: int | str = "self", proc: Path = Path("/proc")) -> None:
    """
    Where the machine's memory runs out, this process and its children end before others.

    Programs in pods may say otherwise of themselves, but not where who says this has
    CAP_SYS_RESOURCE on the machine.
    """
    with contextlib.suppress(OSError):
        (proc / str(pid) / "oom_score_adj").write_text(str(FIRST))
