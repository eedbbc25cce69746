"""
How many lines of Python each room has, beside its files and functions.

    python tools/room_sizes.py                     the working tree
    python tools/room_sizes.py REVISION ...        the tree of each revision, and the working tree

A room is a folder or a module directly below an import package; packages are found by their
`__init__.py`, so that revisions with another layout are read, too. Tests and tools are a room each.
"""

from __future__ import annotations

import ast
import io
import subprocess
import sys
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).parent.parent
TOP, WHOLE = "harness", ("tests", "tools")
Sources = Mapping[PurePosixPath, bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    files: int = 0
    functions: int = 0
    lines: int = 0

    def __add__(self, other: Size) -> Size:
        return Size(
            files=self.files + other.files,
            functions=self.functions + other.functions,
            lines=self.lines + other.lines,
        )

    @classmethod
    def of(cls, text: bytes) -> Size:
        nodes = ast.walk(ast.parse(text))
        functions = sum(isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef) for n in nodes)
        return cls(files=1, functions=functions, lines=len(text.splitlines()))


def working_tree() -> Sources:
    found = (file for folder in (TOP, *WHOLE) for file in (ROOT / folder).rglob("*.py"))
    return {PurePosixPath(file.relative_to(ROOT).as_posix()): file.read_bytes() for file in found}


def of_revision(revision: str) -> Sources:
    packed = subprocess.run(
        ["git", "archive", revision, TOP, *WHOLE], cwd=ROOT, capture_output=True, check=True
    ).stdout
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        return dict(_python_files(archive))


def _python_files(archive: tarfile.TarFile) -> Iterator[tuple[PurePosixPath, bytes]]:
    for member in archive:
        opened = archive.extractfile(member)
        if opened and member.name.endswith(".py"):
            yield PurePosixPath(member.name), opened.read()


def sizes(sources: Sources) -> dict[str, Size]:
    """By room, in alphabetical order."""
    packages = {
        file.parent for file in sources if file.name == "__init__.py" and file.parts[0] == TOP
    }
    found: dict[str, Size] = {}
    for file, text in sorted(sources.items()):
        room = _room(file, packages)
        found[room] = found.get(room, Size()) + Size.of(text)
    return dict(sorted(found.items()))


def _room(file: PurePosixPath, packages: set[PurePosixPath]) -> str:
    if file.parts[0] in WHOLE:
        return file.parts[0]
    package = next(p for p in reversed(file.parents) if p in packages)
    below = file.relative_to(package).parts
    own = below[0].removesuffix(".py")
    return package.name if own.startswith("__") else f"{package.name}.{own}"


def table(rooms: Mapping[str, Size]) -> Iterator[str]:
    yield f"{'room':28}{'files':>8}{'functions':>12}{'lines':>8}"
    for room, size in rooms.items():
        yield _row(room, size)
    yield _row("in all, without tests, tools", _sum(rooms, but=WHOLE))
    yield _row("in all", _sum(rooms))


def _sum(rooms: Mapping[str, Size], but: Iterable[str] = ()) -> Size:
    return sum((size for room, size in rooms.items() if room not in but), Size())


def _row(name: str, size: Size) -> str:
    return f"{name:28}{size.files:8}{size.functions:12}{size.lines:8}"


def main() -> None:
    trees = [(revision, of_revision(revision)) for revision in sys.argv[1:]]
    for name, sources in [*trees, ("working tree", working_tree())]:
        print(f"== {name}", *table(sizes(sources)), "", sep="\n")


if __name__ == "__main__":
    main()
