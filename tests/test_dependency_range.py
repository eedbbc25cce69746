"""npol lives beside what users pin: the lowest versions that it declares, and later clients."""

from __future__ import annotations

import re
import subprocess
import tomllib
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
TESTS = ("tests/kube", "tests/run", "tests/probe", "tests/changes", "tests/story", "tests/cli")
OF_THE_NEWEST = "test_the_shipped_schema_is_the_one_of_the_models"
"""pydantic's versions word the same schema differently."""
OLD_TYPER = "ignore:'click.:DeprecationWarning"
"""The lowest typer uses names that the newest click calls deprecated; users are not shown that."""
pytestmark = [pytest.mark.nightly, pytest.mark.timeout(1800)]


def declared() -> list[str]:
    with (ROOT / "pyproject.toml").open("rb") as handle:
        return list(tomllib.load(handle)["project"]["dependencies"])


def lowest(requirement: str) -> str:
    """`name>=1.2,<3` as `name==1.2`."""
    found = re.fullmatch(r"([\w-]+)>=([\w.]+)(,<\w+)?", requirement)
    assert found, requirement
    return f"{found[1]}=={found[2]}"


@pytest.fixture
def python(tmp_path):
    """A virtual environment with these versions, and its interpreter."""

    def made(*versions: str) -> Path:
        venv.create(tmp_path / "venv", with_pip=True)
        found = tmp_path / "venv" / "bin" / "python"
        wanted = [*versions, "hypothesis", "pytest-xdist", "trustme"]
        command = [found, "-m", "pip", "install", "--quiet", "--no-warn-script-location"]
        subprocess.run([*command, *wanted], check=True)
        subprocess.run([*command, "--no-deps", "--editable", ROOT], check=True)
        return found

    return made


@pytest.mark.parametrize("kubernetes", ["lowest", "34.1.0", "36.0.0"])
def test_the_tests_of_clusters_pass_with_the_versions_that_users_pin(python, kubernetes):
    versions = [lowest(requirement) for requirement in declared()]
    if kubernetes != "lowest":
        versions = [v for v in versions if not v.startswith("kubernetes=")]
        versions = [f"kubernetes=={kubernetes}", *(r.replace("==", ">=") for r in versions)]

    options = ["-q", "-n", "2", "-W", OLD_TYPER, "-k", f"not {OF_THE_NEWEST}"]
    ran = subprocess.run(
        [python(*versions), "-m", "pytest", *options, *TESTS],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert ran.returncode == 0, ran.stdout[-5000:]
