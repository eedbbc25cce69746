"""docs/architecture.md names the rooms that there are, and the walls that are checked."""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "architecture.md").read_text()
SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
CONTRACTS = {contract["name"]: contract for contract in SETTINGS["contracts"]}
PACKAGES = sorted(file.parent for file in (ROOT / "harness").glob("*/**/__init__.py"))
LAYERS, DOORS = "Data flows one way", "One door for each outside thing"


def table(first: str) -> list[list[str]]:
    """The rows of the table whose head begins with `first`."""
    _, _, rest = PAGE.partition(f"\n| {first} |")
    body = rest.splitlines()[2:]
    rows = body[: next(i for i, line in enumerate(body) if not line.startswith("|"))]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]


def names(cell: str) -> set[str]:
    return set(re.findall(r"`([^`]+)`", cell))


def short(modules: list[str]) -> set[str]:
    return {module.removeprefix("npol.") for module in modules}


def folders(package: str) -> set[str]:
    place = ROOT / "harness" / package
    return {file.parent.name for file in place.glob("*/__init__.py")}


def modules_of_npol() -> set[str]:
    """Single modules that are rooms; `__init__` and `__main__` are the package itself."""
    files = (ROOT / "harness" / "npol").glob("*.py")
    return {file.stem for file in files if not file.stem.startswith("__")}


def test_the_architecture_page_names_the_rooms_of_npol():
    named = {name for row in table("floor") for name in names(row[1])}

    assert named == folders("npol") | modules_of_npol()


def test_the_architecture_page_names_the_rooms_of_the_lab():
    assert {n for row in table("room of `npol_lab`") for n in names(row[0])} == folders("npol_lab")


def test_the_architecture_page_names_the_checked_layers():
    floors: dict[str, set[str]] = {}
    for floor, room, *_ in table("floor"):
        floors.setdefault(floor, set()).update(names(room))

    layers = [short(layer.split(" | ")) for layer in CONTRACTS[LAYERS]["layers"]]
    assert list(floors.values()) == layers
    assert list(floors) == [str(number) for number in range(1, len(layers) + 1)]


def test_the_architecture_page_names_the_import_contracts():
    assert {row[0] for row in table("contract")} == CONTRACTS.keys() - {LAYERS, DOORS}


@pytest.mark.parametrize("row", table("contract"), ids=lambda row: row[0])
def test_a_wall_names_what_its_contract_names(row):
    name, rooms, refused = row
    contract = CONTRACTS[name]

    if contract["type"] == "independence":
        assert (names(rooms), refused) == (short(contract["modules"]), "each other")
    else:
        assert names(rooms) == short(contract["source_modules"])
        assert names(refused) == short(contract["forbidden_modules"])


def test_the_architecture_page_names_the_doors_that_the_contract_lets_through():
    allowed = [line.split(" -> ") for line in CONTRACTS[DOORS]["ignore_imports"]]
    doors = {(module.removeprefix("npol.").removesuffix(".*"), lib) for module, lib in allowed}

    shown = {
        (door, lib) for row in table("library") for lib in names(row[0]) for door in names(row[1])
    }
    assert shown == doors
    assert {lib for _, lib in shown} == set(CONTRACTS[DOORS]["forbidden_modules"])


@pytest.mark.parametrize("package", PACKAGES, ids=lambda p: str(p.relative_to(ROOT / "harness")))
def test_a_package_says_of_itself_only_what_it_holds(package):
    """Single words in backticks are its modules, folders and files."""
    said = ast.get_docstring(ast.parse((package / "__init__.py").read_text())) or ""
    held = {file.name.removesuffix(".py") for file in package.iterdir()}

    assert set(re.findall(r"`(\w+(?:\.\w+)?)`", said)) - held == set()
