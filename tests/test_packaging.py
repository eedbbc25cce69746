"""What is built and installed: two import packages and nothing else, with all their files."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tarfile
import tomllib
import venv
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest

import npol
from tests.e2e.shop import write_shop

ROOT = Path(__file__).parent.parent
DIST_INFO = f"npol-{npol.__version__}.dist-info"
DATA = {
    "npol/py.typed",
    "npol/probe/prober.sh",
    "npol/report/page/page.html.j2",
    "npol/story/npol.schema.json",
    "npol_lab/py.typed",
    "npol/api_rules/types.txt",
}
TRAP = 'raise RuntimeError("the project\'s own harness was imported")\n'


def run(*command: object, cwd: Path) -> str:
    """What a command prints; it must end with 0. Nothing of this process's paths reaches it."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "PYTEST", "KUBE"))}
    done = subprocess.run(
        list(map(str, command)), cwd=cwd, env=kept, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def files_of(*folders: str) -> set[str]:
    """Every file of these folders that is worth shipping, relative to `harness/`."""
    top = ROOT / "harness"
    return {
        str(file.relative_to(top))
        for folder in folders
        for file in (top / folder).rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    sdist: Path
    wheel: Path


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> Built:
    """`python -m build`: the sdist from the tree, the wheel from the sdist."""
    out = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", out, ROOT, cwd=out)
    (sdist,), (wheel,) = out.glob("*.tar.gz"), out.glob("*.whl")
    return Built(sdist=sdist, wheel=wheel)


@pytest.fixture(scope="module")
def installed(built, tmp_path_factory) -> Path:
    """The `bin` of an environment with the wheel in it; dependencies are those of this one."""
    place = tmp_path_factory.mktemp("installed")
    venv.create(place, symlinks=True)
    python = place / "bin" / "python"
    pip = (sys.executable, "-m", "pip", "--python", python)
    run(*pip, "install", "--quiet", "--no-deps", "--no-index", built.wheel, cwd=place)
    (packages,) = place.glob("lib/*/site-packages")
    others = [entry for entry in sys.path if Path(entry).name == "site-packages"]
    (packages / "others.pth").write_text("\n".join(others) + "\n")
    return place / "bin"


@pytest.fixture
def project(tmp_path) -> Path:
    """A project with a folder `harness` of its own, a test and a story."""
    write_shop(tmp_path)
    (tmp_path / "harness").mkdir()
    (tmp_path / "harness" / "__init__.py").write_text(TRAP)
    (tmp_path / "test_own.py").write_text("def test_own():\n    pass\n")
    return tmp_path


def test_a_wheel_holds_the_two_packages_a_man_page_and_metadata_alone(built):
    with zipfile.ZipFile(built.wheel) as wheel:
        names = set(wheel.namelist())

    shared = {name for name in names if name.startswith(f"npol-{npol.__version__}.data/")}
    assert {n.partition("/data/")[2] for n in shared} == {"share/man/man1/npol.1"}
    assert {n.partition("/")[0] for n in names - shared} == {"npol", "npol_lab", DIST_INFO}
    packed = {name for name in names - shared if not name.startswith(DIST_INFO)}
    assert packed == files_of("npol", "npol_lab")
    assert packed >= DATA


def test_an_sdist_holds_what_its_makefile_uses(built):
    with tarfile.open(built.sdist) as sdist:
        names = {name.partition("/")[2] for name in sdist.getnames()}

    folders = (
        *("harness", "tests", "fixtures", "docs", "tools", "benchmarks", "requirements"),
        *("ci", "deploy", "man", "schemas"),
    )
    tracked = {
        str(file.relative_to(ROOT))
        for folder in folders
        for file in (ROOT / folder).rglob("*")
        if file.is_file()
        and not any(
            part == "__pycache__" or part.startswith(".") for part in file.relative_to(ROOT).parts
        )
    }
    assert tracked - names == set()
    assert {"Makefile", "pyproject.toml", "README.md", "CHANGELOG.md", "CONTRIBUTING.md"} <= names
    assert {".ci/run", ".github/workflows/test.yml", "action.yml", "mkdocs.yml"} <= names


@pytest.mark.parametrize("name", ["dev", "tools"])
def test_requirements_have_exact_versions_and_hashes_and_no_index(name):
    text = (ROOT / "requirements" / f"{name}.txt").read_text()
    entries = [e for e in re.split(r"\n(?=\w)", re.sub(r"(?m)^ *#.*\n", "", text)) if e.strip()]

    assert entries
    assert [e for e in entries if not re.match(r"[\w.-]+==\S+ .*\\\n +--hash=sha256:", e)] == []
    assert "://" not in text
    assert "--index" not in text


def test_requirements_name_what_pyproject_asks_for():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    asked = [*project["dependencies"], *project["optional-dependencies"]["dev"]]
    names = {re.match(r"[\w-]+", line)[0].lower() for line in asked}
    pinned = re.findall(r"(?m)^([\w-]+)==", (ROOT / "requirements" / "dev.txt").read_text())

    assert names - set(pinned) == set()


@pytest.mark.parametrize(
    ("says", "ends", "status"),
    [
        ("No known vulnerabilities found", 0, 0),
        ("Found 2 known vulnerabilities in 1 package", 1, 1),
        ("ConnectionError: no such host", 1, 3),
    ],
)
def test_an_audit_that_could_not_ask_is_not_one_that_found_nothing(tmp_path, says, ends, status):
    fake = tmp_path / "pip-audit"
    fake.write_text(f"#!/bin/sh\necho '{says}'\nexit {ends}\n")
    fake.chmod(0o755)

    done = subprocess.run(
        [ROOT / "tools" / "audit", "some.txt"],
        env={**os.environ, "PIP_AUDIT": str(fake)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == status
    assert ("was NOT audited" in done.stderr) == (status == 3)


def test_npol_is_imported_from_the_wheel_and_nothing_is_called_harness(installed, tmp_path):
    code = """
import importlib.util, npol, npol_lab
print(npol.__file__, npol_lab.__file__, importlib.util.find_spec("harness"))
"""

    *places, harness = run(installed / "python", "-c", code, cwd=tmp_path).split()

    assert [installed.parent in Path(place).parents for place in places] == [True, True]
    assert harness == "None"


def test_pytest_runs_in_a_project_with_its_own_harness(installed, project):
    printed = run(installed / "python", "-m", "pytest", "test_own.py", cwd=project)

    assert f"npol-{npol.__version__}" in printed
    assert "1 passed" in printed


def test_stories_are_collected_in_a_project_with_its_own_harness(installed, project):
    printed = run(installed / "python", "-m", "pytest", "--collect-only", "-q", cwd=project)

    assert "shop.npol.yaml::open::the shop answers" in printed.splitlines()


def test_the_command_runs_in_a_project_with_its_own_harness(installed, project):
    as_module = (installed / "python", "-m", "npol", "--version")

    assert run(*as_module, cwd=project).split() == ["npol", npol.__version__]
    assert run(installed / "npol", "--version", cwd=project).split() == ["npol", npol.__version__]
    run(installed / "npol", "check", "app.yaml", "deny.yaml", cwd=project)


@pytest.mark.nightly
@pytest.mark.timeout(600)
def test_an_sdist_tests_itself(built, tmp_path):
    """Its own files are tested, outside of any repository; dependencies are those of this one."""
    with tarfile.open(built.sdist) as sdist:
        sdist.extractall(tmp_path, filter="data")
    (tree,) = tmp_path.iterdir()
    tests = [*("model", "judge", "report", "docs", "cli"), "test_deploy.py", "test_architecture.py"]
    paths = f"import sys; sys.path.insert(0, {str(tree / 'harness')!r}); import pytest; "
    asked = ["-q", "-p", "no:cacheprovider", *(f"tests/{name}" for name in tests)]

    told = run(sys.executable, "-c", f"{paths}raise SystemExit(pytest.main({asked}))", cwd=tree)

    assert " passed" in told
    assert "failed" not in told


@pytest.mark.lab
@pytest.mark.nightly
def test_a_story_runs_where_nothing_but_the_wheel_was_installed(built, tmp_path):
    """What `pip install npol` gives, dependencies from pip's own index included."""
    place, empty = tmp_path / "clean", tmp_path / "empty"
    venv.create(place, with_pip=True, symlinks=True)
    run(place / "bin" / "pip", "install", "--quiet", built.wheel, cwd=tmp_path)
    write_shop(empty)

    printed = run(place / "bin" / "npol", "run", "shop.npol.yaml", cwd=empty)

    assert "5 of 5 as expected" in printed
