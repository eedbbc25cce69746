"""`-n a,b`, as people type it who use kubectl."""

import pytest

from npol.cli.arguments.init import InitArguments
from npol.cli.arguments.lab import LabArguments
from npol.cli.init import init
from npol.cli.inputs import Inputs
from npol.cli.lab_objects import lab_objects
from npol.cli.typed_namespaces import typed_namespaces
from npol.errors import InputError
from npol.policy.state.cluster_state import ClusterState

POLICY = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: a}
spec: {podSelector: {}}
"""


@pytest.mark.parametrize(
    ("words", "names"),
    [
        (["b", "a"], ["b", "a"]),
        (["a,b", "c", "a"], ["a", "b", "c"]),
        (["a, b,"], ["a", "b"]),
        ([], []),
    ],
)
def test_several_may_stand_between_commas(words, names):
    assert typed_namespaces(words) == names


def test_what_is_no_name_is_refused_with_what_may_be_meant():
    with pytest.raises(InputError, match="-n: not a valid name here: 'Team_A'") as told:
        typed_namespaces(["shop,Team_A"])

    assert "team-a" in told.value.hint


@pytest.mark.parametrize("words", [["a,b"], ["a", "b"]])
def test_a_story_of_manifests_without_a_namespace_is_of_one(tmp_path, words):
    (tmp_path / "a.yaml").write_text(POLICY)
    arguments = InitArguments(from_manifests=[str(tmp_path / "a.yaml")], namespaces=words)

    with pytest.raises(InputError, match="go into one") as told:
        init(arguments)

    assert told.value.hint == "-n once, a story for each"


def test_a_cluster_is_looked_at_in_each_of_them(monkeypatch, capsys):
    asked = []

    def seen(kubeconfig, context, namespaces):
        asked.extend(namespaces)
        return Inputs(world=ClusterState())

    monkeypatch.setattr("npol.cli.cluster_inputs.of_cluster", seen)

    init(InitArguments(from_cluster=True, context="dev", namespaces=["a,b"]))

    assert asked == ["a", "b"]


def test_a_lab_s_rendered_objects_go_into_one(tmp_path):
    with pytest.raises(InputError, match="go into one"):
        lab_objects(LabArguments(chart=str(tmp_path), namespace="a,b"))
