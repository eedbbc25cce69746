"""How pytest-xdist hands out items, so that a worker that dies fails its test and no more."""

from __future__ import annotations

from typing import Any

from xdist.scheduler import LoadFileScheduling  # type: ignore[import-untyped]

from npol.story_suffixes import STORY_SUFFIXES


class FileScheduling(LoadFileScheduling):  # type: ignore[misc]
    """
    A story's items stay on one worker: its steps build on each other.

    What is no story is handed out as `--dist` says, in a project with stories and in any other
    where npol is installed.

    After a crash xdist 3.8 hands out all files of that worker anew, those that were done as
    well. A worker that gets one of these has nothing to do, never answers, and the session
    waits for ever; and the test that killed its worker kills the next one, too.
    """

    def _split_scope(self, nodeid: str) -> str:
        """What stays on one worker with this item: all that have the same word."""
        file, _, name = nodeid.partition("::")
        dist = self.config.getvalue("dist")
        if file.endswith(STORY_SUFFIXES) or dist == "loadfile":
            return file
        if dist == "loadscope":
            return nodeid.rpartition("::")[0]
        if dist == "loadgroup" and "@" in name.rpartition("]")[2]:  # xdist has put it there
            return nodeid.rpartition("@")[2]
        return nodeid

    def mark_test_complete(self, node: Any, item_index: int, duration: float = 0) -> None:
        """
        An item is done. What is done with is not kept: xdist counts all of it after each item,
        which takes ever longer where each item is handed out by itself.
        """
        nodeid = self.registered_collections[node][item_index]
        assigned, scope = self.assigned_work[node], self._split_scope(nodeid)
        assigned[scope][nodeid] = True
        if all(assigned[scope].values()):
            del assigned[scope]
        self._reschedule(node)

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
