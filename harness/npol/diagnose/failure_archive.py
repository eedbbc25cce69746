"""What a session gathers when stories fail: the cluster as it was then, in one archive."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field

from npol import __version__
from npol.diagnose.archive import ArchiveEntry, GatheredArchive, check_new, collect, write_archive
from npol.errors import InputError, NpolError
from npol.kube.connection import Mode, connect
from npol.model.story import Story
from npol.run.namespaces import named_namespaces
from npol.run.options import Options


@dataclass(slots=True)
class Bundle:
    """
    One archive, a directory in it for each story that failed.

    A story is gathered at its first failure, while what it applied is still there; the file
    is written at the end, when its report is known.
    """

    file: str
    _found: dict[str, GatheredArchive] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """
        Raises:
            InputError: the file exists, or cannot be written.
        """
        check_new(self.file)

    def add(self, story: Story, options: Options) -> None:
        """Nothing the second time; that a cluster cannot be read is noted and not raised."""
        if story.path in self._found:
            return
        top = re.sub(r"[^\w.-]+", "-", story.name).strip(".-") or "story"
        if any(found.top == top for found in self._found.values()):
            top = f"{top}-{len(self._found) + 1}"
        self._found[story.path] = _collected(story, options, top)

    def write(self, reports: Mapping[str, str]) -> list[str]:
        """
        Where it is, in a sentence; nothing when no story failed.

        `reports`: in JSON, by the story's path.
        """
        if not self._found:
            return []
        pieces: list[ArchiveEntry] = []
        for path, found in self._found.items():
            whole = found.with_json("report.json", reports[path]) if path in reports else found
            pieces += whole.pieces
        try:
            write_archive(self.file, pieces)
        except InputError as error:
            return [f"nothing was collected: {error}"]
        return [f"what helps to find the cause is in {self.file}"]


def bundle(file: str, *, worker: str) -> Bundle:
    """
    The archive of a session, or of one of its workers, each of which has a file of its own.

    Raises:
        InputError: the file exists, or cannot be written.
    """
    return Bundle(f"{file.removesuffix('.tar.gz')}-{worker}.tar.gz" if worker else file)


def _collected(story: Story, options: Options, top: str) -> GatheredArchive:
    try:
        connection = connect(
            kubeconfig=options.kubeconfig, context=options.context, mode=Mode.READ_ONLY
        )
    except NpolError as error:
        empty = GatheredArchive(pieces=(), secrets=(), top=top)
        return empty.with_text("README.txt", f"Nothing could be read: {error}\n")
    with closing(connection):
        return collect(connection, named_namespaces(story), versions={"npol": __version__}, top=top)
