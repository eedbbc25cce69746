import pytest

from npol.changes.state.compare import difference, digest, same, says_the_same
from tests.changes.cluster import policy


@pytest.mark.parametrize(
    ("asked", "kept"),
    [
        pytest.param({"ingress": []}, {}, id="an-empty-list-is-left-out"),
        pytest.param({"podSelector": None}, {"podSelector": {}}, id="a-null-selector"),
        pytest.param({}, {"policyTypes": ["Ingress"]}, id="types-by-default"),
        pytest.param(
            {"ingress": [{"ports": [{"port": 80}]}]},
            {"ingress": [{"ports": [{"port": 80, "protocol": "TCP"}]}]},
            id="protocol-by-default",
        ),
        pytest.param({"a": {"matchLabels": {}}}, {"a": {}}, id="no-labels"),
        pytest.param({}, {"types": ["Ingress"], "tier": "default"}, id="calico-types-and-tier"),
        pytest.param({"order": 5}, {"order": 5, "defaultAction": "Deny"}, id="calico-action"),
    ],
)
def test_defaults_and_omissions_of_the_server_are_no_difference(asked, kept):
    assert says_the_same(asked, kept)


@pytest.mark.parametrize(
    ("asked", "kept"),
    [
        pytest.param({"ingress": [{}]}, {}, id="a-rule-is-lost"),
        pytest.param({"ingress": []}, {"ingress": [{}]}, id="a-rule-is-added"),
        pytest.param({"ingress": [{}]}, {"ingress": [{}, {}]}, id="one-more-rule"),
        pytest.param({}, {"tier": "platform"}, id="another-tier"),
        pytest.param({"policyTypes": ["Ingress"]}, {"policyTypes": ["Egress"]}, id="types"),
        pytest.param({"a": {"matchLabels": {"x": "1"}}}, {"a": {}}, id="a-selector-is-emptied"),
        pytest.param({"ports": [{"port": 80}]}, {"ports": [{"port": "80"}]}, id="name-or-number"),
    ],
)
def test_a_policy_mutated_by_admission_is_a_difference(asked, kept):
    assert not says_the_same(asked, kept)


def test_a_difference_shows_control_characters_escaped():
    bad = policy()
    bad["metadata"]["annotations"] = {"note": "\x1b[2Jgone\r"}

    shown = difference(None, bad, name="it")

    assert "\\e[2Jgone" in shown
    assert "\x1b" not in shown
    assert "\r" not in shown


def test_equal_content_in_another_order_is_no_difference():
    one = policy(ingress=[{}])
    other = {**policy(), "spec": dict(reversed(one["spec"].items()))}

    assert same(one, other)
    assert difference(one, other, name="it") == ""


def given(kind, **sections) -> dict:
    return {"apiVersion": "v1", "kind": kind, "metadata": {"name": "a"}, **sections}


@pytest.mark.parametrize(
    ("one", "other", "equal"),
    [
        (given("ConfigMap", data={"a": "1"}), given("ConfigMap", data={"a": "2"}), False),
        (given("Secret", data={"a": "1"}), given("Secret", data={"a": "2"}), True),
        (given("Secret", data={"a": "1"}), given("Secret", data={"b": "1"}), False),
        (given("Secret", type="Opaque"), given("Secret", type="x.io/y"), False),
        (given("Pod", spec={"x": 1}, status={"y": 1}), given("Pod", spec={"x": 1}), True),
        (given("Pod", metadata={"uid": "u"}), given("Pod", metadata={"uid": "v"}), True),
        (given("Pod", metadata={"labels": {"a": "b"}}), given("Pod"), False),
    ],
    ids=["value", "secret-value", "secret-name", "secret-type", "status", "uid", "labels"],
)
def test_a_digest_covers_what_was_written_and_no_value_of_a_secret(one, other, equal):
    assert (digest(one) == digest(other)) is equal
