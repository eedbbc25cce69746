"""Links in a checkout show no command a file outside of it."""

from __future__ import annotations

import pytest

from npol.cli import inputs
from npol.cli.check_repository import check_repositories
from npol.cli.story_files import load_stories
from npol.errors import InputError, Mistakes, Position
from npol.policy.objects.dialects import SPEC
from npol.policy.state.cluster_state import ClusterState
from npol.run.details import snippet

STORY = "version: 1\npeers: {web: {namespace: shop, labels: {a: b}}}\nsteps: []\n"
POLICY = """\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: deny, namespace: shop}
spec: {podSelector: {}}
"""


@pytest.fixture
def outside(tmp_path, monkeypatch):
    """A directory beside a checkout, which is the working directory."""
    (tmp_path / "repo" / ".git").mkdir(parents=True)
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "keys.yaml").write_text(f"token: 123\n---\n{POLICY}")
    monkeypatch.chdir(tmp_path / "repo")
    return tmp_path / "outside"


def test_an_overlay_of_peers_is_no_link_out(outside, tmp_path):
    (tmp_path / "repo/s.npol.yaml").write_text(STORY)
    (tmp_path / "repo/peers.yaml").symlink_to(outside / "keys.yaml")

    with pytest.raises(InputError, match=r"peers.yaml' is a link to a place outside"):
        load_stories(["s.npol.yaml"], root=None, overlay="peers.yaml")


def test_an_overlay_may_lie_elsewhere(outside, tmp_path):
    (tmp_path / "repo/s.npol.yaml").write_text(STORY)
    (outside / "peers.yaml").write_text("peers: {}\n")

    for root in (None, "."):
        assert load_stories(["s.npol.yaml"], root=root, overlay=str(outside / "peers.yaml"))


@pytest.mark.parametrize("path", ["x.yaml", "all", "linked", "linked/keys.yaml"])
def test_manifests_on_the_command_line_are_no_links_out(path, outside, tmp_path):
    (tmp_path / "repo/x.yaml").symlink_to(outside / "keys.yaml")
    (tmp_path / "repo/all").mkdir()
    (tmp_path / "repo/all/y.yaml").symlink_to(outside / "keys.yaml")
    (tmp_path / "repo/linked").symlink_to(outside)

    with pytest.raises(Mistakes, match="is a link to a place outside of the root"):
        inputs.surveyed([path])


def test_the_root_of_a_checkout_named_by_a_dot_is_the_checkout(outside, tmp_path):
    (tmp_path / "repo/y.yaml").symlink_to(outside / "keys.yaml")

    with pytest.raises(Mistakes, match="is a link to a place outside of the root"):
        inputs.surveyed(["."])


def test_a_directory_to_be_checked_is_no_link_out(outside, tmp_path):
    (tmp_path / "repo/linked").symlink_to(outside)

    with pytest.raises(Mistakes, match="is a link to a place outside of the root"):
        check_repositories(["linked"], (), None, ClusterState(), SPEC)


def test_what_was_rendered_shows_no_file_of_its_name(outside, tmp_path):
    name = "app (kubectl kustomize)"
    (tmp_path / "repo" / name).symlink_to(outside / "keys.yaml")

    assert snippet(Position(name, 4), ".") is None


def test_a_device_is_no_story(outside, tmp_path):
    (tmp_path / "repo/a.npol.yaml").symlink_to("/dev/zero")

    with pytest.raises(InputError, match="is a link to a place outside of the root"):
        load_stories(["a.npol.yaml"], root=None, overlay=None)
