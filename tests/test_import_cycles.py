"""The import graph of both packages has no cycle, of modules or of rooms."""

import ast
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

HARNESS = Path(__file__).parent.parent / "harness"
Graph = Mapping[str, set[str]]


def name_of(file: Path, root: Path) -> str:
    parts = file.relative_to(root).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(body: Iterable[ast.stmt]) -> Iterator[ast.Import | ast.ImportFrom]:
    """Those at module level: under `if TYPE_CHECKING:` and in `try:` too, not in functions."""
    for statement in body:
        if isinstance(statement, ast.Import | ast.ImportFrom):
            yield statement
        elif isinstance(statement, ast.If | ast.Try | ast.With):
            for part in ("body", "orelse", "finalbody"):
                yield from imports(getattr(statement, part, []))
            for handler in getattr(statement, "handlers", []):
                yield from imports(handler.body)


def imported(source: str, modules: Iterable[str]) -> set[str]:
    """Of these modules those that a source imports; it takes no relative import."""
    found = set()
    for statement in imports(ast.parse(source).body):
        if isinstance(statement, ast.Import):
            found |= {alias.name for alias in statement.names}
        else:
            assert statement.module, "a relative import"
            assert statement.level == 0, "a relative import"
            for alias in statement.names:
                inner = f"{statement.module}.{alias.name}"
                found.add(inner if inner in modules else statement.module)
    return found & set(modules)


@cache
def import_graph(root: Path) -> Graph:
    files = {name_of(file, root): file for file in root.rglob("*.py")}
    return {name: imported(file.read_text(), files) - {name} for name, file in files.items()}


def rooms(graph: Graph) -> Graph:
    """`npol.run.checks.table` stands in the room `npol.run`."""
    merged: dict[str, set[str]] = {}
    for name, targets in graph.items():
        room = ".".join(name.split(".")[:2])
        inner = {".".join(target.split(".")[:2]) for target in targets}
        merged.setdefault(room, set()).update(inner - {room})
    return merged


def cycle(graph: Graph) -> str:
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return " <- ".join(error.args[1])
    return ""


def test_no_module_imports_itself_through_others():
    assert cycle(import_graph(HARNESS)) == ""


def test_no_room_imports_itself_through_others():
    assert cycle(rooms(import_graph(HARNESS))) == ""


@pytest.mark.parametrize(
    "statement",
    [
        "from package.b import B",
        "from package import b",
        "import package.b",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from package.b import B",
        "try:\n    import package.b\nexcept ImportError:\n    pass",
        "try:\n    import json\nexcept ImportError:\n    import package.b",
    ],
)
def test_cycle_is_found_whatever_form_the_import_has(tmp_path, statement):
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "a.py").write_text(statement)
    (tmp_path / "package" / "b.py").write_text("from package.a import A")

    assert "package.a" in cycle(import_graph(tmp_path))


def test_import_within_a_function_closes_no_cycle(tmp_path):
    (tmp_path / "a.py").write_text("def f():\n    import b")
    (tmp_path / "b.py").write_text("import a")

    assert cycle(import_graph(tmp_path)) == ""
