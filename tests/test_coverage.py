"""Every row of the documents is shown by something, or said not to be."""

import ipaddress
import subprocess
import sys
from pathlib import Path

import pytest

from npol.errors import Mistakes
from npol.model.story import Protocol
from npol.policy.evaluate.evaluate import decide
from npol.policy.lint import lint
from npol.policy.objects.entities import ExternalEndpoint, Traffic
from npol.policy.state.apply_changes import build
from npol.story import load_manifests, load_story
from npol.yaml_positions import YamlDialect, load

ROOT = Path(__file__).parent.parent
TOP = (
    "pyproject.toml",
    "conftest.py",
    "harness",
    "tests",
    "fixtures",
    "kind-config.yaml",
    "README.md",
)
"""What row CARD-1 asks for."""
PAGES = "CHANGELOG.md", "CONTRIBUTING.md", "LICENSE"
"""What somebody who comes to a project looks for first."""


def test_every_row_is_shown_or_said_not_to_be():
    command = [sys.executable, "tools/coverage_rows.py", "--check"]

    told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    assert (told.returncode, told.stderr) == (0, "")


def test_the_top_level_is_what_was_asked_for():
    assert [name for name in TOP + PAGES if not (ROOT / name).exists()] == []


def test_the_kind_cluster_leaves_policies_to_calico():
    """Recent versions of kind's own network enforce policies, too."""
    (config,) = load(
        (ROOT / "kind-config.yaml").read_bytes(), "kind-config.yaml", YamlDialect.STORY
    )

    assert config.data["networking"] == {
        "disableDefaultCNI": True,
        "podSubnet": "192.168.0.0/16",  # what Calico's custom-resources.yaml installs
    }
    assert [n["role"] for n in config.data["nodes"]].count("worker") >= 2


def test_both_mistakes_of_the_short_form_are_reported_at_their_lines(monkeypatch):
    """The fixture answers the second one by a comment, for the story shows it."""
    monkeypatch.setattr("npol.policy.lint.unanswered", lambda findings, _: findings)
    three_tier = "fixtures/three-tier"
    with pytest.raises(Mistakes) as twice:
        load_manifests(str(ROOT), f"{three_tier}/as-written/dbpolicy-short.yaml")
    manifests = load_manifests(str(ROOT), f"{three_tier}/policies/dbpolicy-short.yaml")
    given = load_story(str(ROOT / three_tier / "three-tier.npol.yaml"), root=str(ROOT)).given

    label = [f for f in lint(manifests, build(given)) if f.id == "NP014"]

    assert "dbpolicy-short.yaml:36:7: key 'ports' stands twice here" in str(twice.value)
    assert [f.at.line for f in label] == [17]


@pytest.mark.parametrize(
    ("address", "port", "allowed"),
    [
        pytest.param("203.0.113.10", 443, True, id="in-the-range"),
        pytest.param("203.0.113.5", 443, False, id="the-exception"),
        pytest.param("203.0.113.10", 80, False, id="another-port"),
        pytest.param("198.51.100.1", 443, False, id="elsewhere"),
    ],
)
def test_the_tutorials_exception_is_closed_by_prediction(address, port, allowed):
    tutorial = "fixtures/tutorial"
    manifests = load_manifests(
        str(ROOT), f"{tutorial}/apps", f"{tutorial}/policies/allow-external-api.yaml"
    )
    world = build(manifests)
    backend = next(p for p in world.pods_in("shop") if p.labels["app"] == "backend")
    place = ExternalEndpoint(name="outside", addresses=(ipaddress.ip_address(address),))

    found = decide(world, Traffic(source=backend, target=place, port=port, protocol=Protocol.TCP))

    assert found.allowed is allowed
