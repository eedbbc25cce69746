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


def parts(room):
    folder = ROOT / "harness/npol" / room
    return {f"npol.{room}.{p.stem}" for p in folder.glob("[!_]*") if p.stem != "__pycache__"}


def test_measuring_rooms_know_targets_and_the_cluster_and_nothing_that_is_decided():
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    (wall,) = (c for c in settings["contracts"] if c["name"].startswith("Who measures"))

    allowed = (parts("judge") | parts("policy")) - set(wall["forbidden_modules"])

    assert allowed == {
        "npol.judge.targets",
        "npol.policy.objects",
        "npol.policy.parse",
        "npol.policy.state",
    }
