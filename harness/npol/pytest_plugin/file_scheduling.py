"""How pytest-xdist hands out files, so that a worker that dies fails its test and no more."""

from __future__ import annotations

from typing import Any

from xdist.scheduler import LoadFileScheduling  # type: ignore[import-untyped]


class FileScheduling(LoadFileScheduling):  # type: ignore[misc]
    """
    A file's items stay on one worker: its steps build on each other.

    After a crash xdist 3.8 hands out all files of that worker anew, those that were done as
    well. A worker that gets one of these has nothing to do, never answers, and the session
    waits for ever; and the test that killed its worker kills the next one, too.
    """

    def remove_node(self, node: Any) -> str | None:
        """A worker ended; the item that was under way, if there was one."""
        files = self.assigned_work.pop(node)
        unfinished = {file: items for file, items in files.items() if not all(items.values())}
        crashed: str | None = None
        for items in unfinished.values():
            crashed = next(item for item, done in items.items() if not done)
            items[crashed] = True
            break
        self.workqueue.update({f: i for f, i in unfinished.items() if not all(i.values())})
        if crashed:
            self.schedule()
        return crashed

    def schedule(self) -> None:
        """
        Hand out files; a worker that joins later gets two, as those at the beginning do.

        A worker runs an item when it knows the next one, or that there is none.
        """
        if self.collection is None:
            super().schedule()
            return
        for node in self.nodes:
            for _ in range(2):
                if node in self.registered_collections:
                    self._reschedule(node)
