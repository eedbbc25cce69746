"""Which files `npol check --fix` writes: regular ones below the root."""

from __future__ import annotations

import os

import pytest

from npol.cli.check_fix import fix_files
from npol.policy.lint import lint
from npol.policy.parse.object_source import sources
from npol.policy.state.cluster_state import ClusterState
from npol.story import load_manifests
from tests.cli.test_check_options import POLICY


@pytest.fixture
def findings(tmp_path, monkeypatch):
    """Findings about `p.yaml` in the working directory, which is a root of its own."""
    root = tmp_path / "root"
    root.mkdir()
    monkeypatch.chdir(root)
    (root / "p.yaml").write_text(POLICY)
    return lint(list(sources(load_manifests(".", "p.yaml"))), ClusterState())


def test_a_file_below_the_root_is_written(findings, tmp_path):
    assert len(fix_files(findings)) == 2
    assert "203.0.113.0/24" in (tmp_path / "root/p.yaml").read_text()


def test_a_link_out_of_the_root_is_not_followed(findings, tmp_path):
    theirs = tmp_path / "theirs.yaml"
    os.replace("p.yaml", theirs)
    os.symlink(theirs, "p.yaml")

    assert fix_files(findings) == []
    assert theirs.read_text() == POLICY
    assert len(fix_files(findings, str(tmp_path))) == 2  # a wider root


def test_a_link_below_the_root_is_followed(findings, tmp_path):
    os.replace("p.yaml", "q.yaml")
    os.symlink("q.yaml", "p.yaml")

    assert len(fix_files(findings)) == 2
    assert os.path.islink("p.yaml")


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir, lambda name: os.symlink("/dev/zero", name)])
def test_what_is_no_regular_file_is_left_alone(make, findings):
    os.remove("p.yaml")
    make("p.yaml")

    assert fix_files(findings, "/") == []
