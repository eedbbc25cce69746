"""Another user of the machine: how a program of this checkout runs as that user."""

import stat
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parents[3]
SYSTEM_PYTHON = f"/usr/bin/python3.{sys.version_info.minor}"


class Ourselves:
    """Whoever runs the tests."""

    command: Sequence[str] = (sys.executable,)

    def path(self, path):
        return path

    def close(self):
        pass


class MachineUser:
    """
    A user of the machine that we, as root, can become.

    A checkout that is closed to others, as below root's home, is mounted at a place of its own,
    where only that user's program and its children see it.
    """

    def __init__(self, uid):
        self._place = None
        become = ("setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups")
        self.command: Sequence[str] = (*become, SYSTEM_PYTHON)
        if not all(above.stat().st_mode & stat.S_IXOTH for above in ROOT.parents):
            self._place = Path(tempfile.mkdtemp(prefix="npol-checkout-"))
            script = 'mount --bind "$0" "$1" && shift && exec "$@"'
            seen = ("unshare", "--mount", "sh", "-c", script, str(ROOT), str(self._place))
            self.command = (*seen, *self.command)

    def path(self, path):
        """As that user's program knows it."""
        if self._place and Path(path).is_relative_to(ROOT):
            return str(self._place / Path(path).relative_to(ROOT))
        return path

    def close(self):
        if self._place:
            self._place.rmdir()
