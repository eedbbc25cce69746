"""The house's walls: which room may know which (pyproject.toml, [tool.importlinter])."""

import tomllib
from pathlib import Path

from importlinter.cli import EXIT_STATUS_SUCCESS, lint_imports

ROOT = Path(__file__).parent.parent


def test_import_contracts_hold(monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    # its own logging would switch off, for this process, every logger that is there by now
    monkeypatch.setattr("logging.config.dictConfig", lambda _: None)

    status = lint_imports(config_filename="pyproject.toml", no_cache=True)

    assert status == EXIT_STATUS_SUCCESS, capsys.readouterr().out


def test_measuring_rooms_import_only_the_targets_of_the_judge():
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    (wall,) = (c for c in settings["contracts"] if c["name"].startswith("Who measures"))
    parts = {f"npol.judge.{file.stem}" for file in (ROOT / "harness/npol/judge").glob("[!_]*.py")}

    assert parts - set(wall["forbidden_modules"]) == {"npol.judge.targets"}
