"""What continuous integration calls, with stand-ins for the programs."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
MAKE = '#!/bin/sh\necho "make $* NPOL_LAB=$NPOL_LAB NPOL_RIG=$NPOL_RIG" >> "$CALLED"\n'


@pytest.fixture
def ci(tmp_path):
    """Run the script in a project of its own; what it called."""
    project, called = tmp_path / "project", tmp_path / "called"
    folder = "#!/bin/sh\npwd\n"
    programs = {project / f"tools/{tool}": folder for tool in ("helm", "actionlint")}
    for path, text in (programs | {tmp_path / "bin/make": MAKE}).items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o755)
    (project / ".ci").mkdir()
    shutil.copy(ROOT / ".ci/run", project / ".ci/run")

    def run(**environment):
        path = f"{tmp_path / 'bin'}:{os.environ['PATH']}"
        kept = {k: v for k, v in os.environ.items() if not k.startswith("NPOL_")}
        subprocess.run(
            [project / ".ci/run"],
            env={**kept, "PATH": path, "CALLED": str(called), **environment},
            check=True,
        )
        return called.read_text().splitlines()

    return run


def rig_at(folder):
    folder.mkdir(parents=True)
    (folder / "up").touch(mode=0o755)
    return folder


def test_without_a_rig_the_tests_alone_run_and_insist_on_the_lab(ci, capfd):
    assert ci() == ["make test NPOL_LAB=required NPOL_RIG="]
    assert "live tests: not run" in capfd.readouterr().out


def test_beside_a_rig_the_live_tests_follow(ci, tmp_path):
    rig = rig_at(tmp_path / "shared/rig")

    assert ci()[1:] == [f"make test-live NPOL_LAB= NPOL_RIG={rig}"]


def test_a_rig_may_stand_elsewhere(ci, tmp_path):
    rig = rig_at(tmp_path / "elsewhere")

    assert ci(NPOL_RIG=str(rig))[1:] == [f"make test-live NPOL_LAB= NPOL_RIG={rig}"]


def test_without_root_and_sudo_the_packages_to_install_are_named(tmp_path):
    (tmp_path / "id").write_text("#!/bin/sh\necho 1000\n")
    (tmp_path / "id").chmod(0o755)

    done = subprocess.run(
        [ROOT / "tools/debian-packages"],
        env={"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 1
    assert "there is no sudo here; as root: apt-get install" in done.stderr
    assert "curl" in done.stderr
