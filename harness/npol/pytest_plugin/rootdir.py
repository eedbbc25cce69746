"""What a story's paths lie below: pytest's rootdir where somebody chose it, else the git top."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from npol.pytest_plugin.options import CLUSTER

INI_FILES = {
    "pytest.toml": "",
    ".pytest.toml": "",
    "pytest.ini": "",
    ".pytest.ini": "",
    "pyproject.toml": "[tool.pytest",
    "tox.ini": "[pytest]",
    "setup.cfg": "[tool:pytest]",
}
"""Where pytest's settings may stand, and how one sees that they do."""


def story_root(config: pytest.Config, path: Path) -> str:
    """The directory that the manifests of a story must lie below."""
    if config.inipath or config.getoption("rootdir"):
        return str(config.rootpath)
    from npol.story import find_root  # pydantic: only where a story is

    top = Path(find_root(str(path)))
    return str(config.rootpath if config.rootpath in top.parents else top)


def correct(config: pytest.Config, arguments: Sequence[str]) -> None:
    """
    Undo what pytest makes of `--kubeconfig FILE`: a rootdir where FILE lies.

    It looks for its settings before it knows the options of plugins.

    Raises:
        UsageError: there are settings that it has missed.
    """
    known = config.known_args_namespace
    apart = [option for option in CLUSTER if option in arguments]
    if not apart or config.inipath or known.rootdir or known.inifilename:
        return
    here = Path(config.invocation_params.dir)
    if missed := _settings(here):
        raise pytest.UsageError(
            f"pytest took the value of {apart[0]} for a path, and so missed {missed}; "
            f"try: {apart[0]}=VALUE, with an equals sign"
        )
    top = next((d for d in (here, *here.parents) if (d / ".git").exists()), here)
    config._rootpath = top
    known.confcutdir = str(top)


def _settings(here: Path) -> Path | None:
    for directory in (here, *here.parents):
        for name, sign in INI_FILES.items():
            path = directory / name
            if path.is_file() and sign in path.read_text(encoding="utf-8", errors="replace"):
                return path
    return None
