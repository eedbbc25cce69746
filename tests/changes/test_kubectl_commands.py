"""The commands that a plan shows: a file by its name, where it is one."""

from __future__ import annotations

import os
from dataclasses import replace

import pytest

from npol.changes.dry_run.kubectl_commands import delete_commands, policies_of
from npol.errors import Position
from npol.model.change import Delete
from npol.story import load_story

POLICY = """\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: a, namespace: shop}
spec: {podSelector: {}}
"""


@pytest.fixture
def story(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "p.yaml").write_text(POLICY)
    (tmp_path / "s.npol.yaml").write_text("version: 1\nsteps: [{name: a, delete: p.yaml}]\n")
    return load_story("s.npol.yaml")


def test_a_file_that_is_deleted_whole_is_named(story):
    (command,) = delete_commands(story, policies_of(story, (Delete,)), "c")

    assert command.line == "kubectl --context c -n shop delete --ignore-not-found -f p.yaml"


def test_a_rendering_is_no_file_though_one_has_its_name(story):
    os.symlink("p.yaml", "p (helm template)")
    (manifest,) = policies_of(story, (Delete,))
    at = Position("p (helm template)")
    change = Delete(at=at, manifests=(replace(manifest, at=at),))
    of_chart = replace(story, steps=(replace(story.steps[0], changes=(change,)),))
    (command,) = delete_commands(of_chart, change.manifests, "c")

    assert command.line.endswith("delete networkpolicy a --ignore-not-found")
