"""
The files of a chart, before helm reads them: below the root, links included.

A template may read each of them (`.Files.Get`), and helm follows links wherever they lead.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator

from npol.story import files
from npol.story.field_validators import NotValid, shown

MAX_ENTRIES = 50_000
_GIT = ".git"


def refuse_links_out(chart: str, root: str, name: str) -> None:
    """
    Look at all that helm would read; `name` is what messages call the chart.

    Raises:
        NotValid: a link leads out of `root`, or there is too much.
    """
    top = os.path.realpath(root)
    for count, entry in enumerate(_entries(chart)):
        if count >= MAX_ENTRIES:
            raise NotValid(f"{shown(name)} holds more than {MAX_ENTRIES} files")
        where = shown(os.path.relpath(entry.path, chart))
        if entry.is_symlink() and not files.is_below(os.path.realpath(entry.path), top):
            what = f"{where} in {shown(name)} is a link to a place outside of the root {top}"
            raise NotValid(what, "put the file itself there")
        if _is_of_git(entry) and os.path.dirname(entry.path) != chart:
            raise NotValid(f"a link in {shown(name)} leads to {where}, which is git's own")


def _entries(chart: str) -> Iterator[os.DirEntry[str]]:
    """Links to directories are followed, each directory once; git's own one is not looked into."""
    left, known = [chart], {chart}
    while left:
        folder = left.pop()
        try:
            entries = sorted(os.scandir(folder), key=lambda e: e.name)
        except OSError as error:
            raise NotValid(f"{shown(folder)} cannot be read: {error.strerror}") from None
        for entry in entries:
            yield entry
            real = os.path.realpath(entry.path)
            if os.path.isdir(real) and real not in known and not _is_of_git(entry):
                known.add(real)
                left.append(real)


def _is_of_git(entry: os.DirEntry[str]) -> bool:
    return entry.name == _GIT and entry.is_dir(follow_symlinks=False)


@contextlib.contextmanager
def without_git(chart: str) -> Iterator[str]:
    """
    A chart as helm is to read it: where a repository is one, without `.git`.

    There CI keeps the token with which it has fetched the repository.
    """
    if not os.path.isdir(os.path.join(chart, _GIT)):
        yield chart
        return
    with tempfile.TemporaryDirectory(prefix="npol-") as folder:
        for name in os.listdir(chart):
            if name != _GIT:
                os.symlink(os.path.join(chart, name), os.path.join(folder, name))
        yield folder
