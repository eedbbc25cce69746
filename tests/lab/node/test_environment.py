import base64
from typing import Any

import pytest

from npol_lab.node.environment import ConfigError, PodFacts, environment, field
from npol_lab.node.expansion import LONGEST, MOST, Room, expand

FACTS = PodFacts(pod_ips=("10.244.1.5",), host_ips=("10.98.1.11",))
POD: dict[str, Any] = {
    "metadata": {"name": "web", "namespace": "demo", "uid": "u1", "labels": {"app": "web"}},
    "spec": {"nodeName": "lab-1", "serviceAccountName": "default"},
}
OBJECTS = {
    ("configmaps", "conf"): {
        "kind": "ConfigMap",
        "metadata": {"name": "conf", "namespace": "demo"},
        "data": {"A": "1", "B": "2"},
    },
    ("secrets", "key"): {
        "kind": "Secret",
        "metadata": {"name": "key", "namespace": "demo"},
        "data": {"token": base64.b64encode(b"s3cret").decode()},
    },
}
SERVICE = {
    "metadata": {"name": "my-db"},
    "spec": {"clusterIP": "10.96.0.7", "ports": [{"name": "sql", "port": 5432}]},
}


def built(container, services=(), pod=POD):
    return environment(pod, container, FACTS, lambda *key: OBJECTS.get(key), services)


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ({"value": "x"}, "x"),
        ({}, ""),
        ({"value": "$(HOSTNAME)-1"}, "web-1"),
        ({"valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}, "10.244.1.5"),
        ({"valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}}, "lab-1"),
        ({"valueFrom": {"fieldRef": {"fieldPath": "metadata.labels['app']"}}}, "web"),
        ({"valueFrom": {"configMapKeyRef": {"name": "conf", "key": "A"}}}, "1"),
        ({"valueFrom": {"secretKeyRef": {"name": "key", "key": "token"}}}, "s3cret"),
    ],
)
def test_a_variable_gets_its_value(variable, value):
    assert built({"env": [{"name": "V", **variable}]})["V"] == value


def test_a_variable_with_an_optional_source_that_is_missing_is_not_set():
    reference = {"name": "none", "key": "x", "optional": True}

    assert "V" not in built({"env": [{"name": "V", "valueFrom": {"configMapKeyRef": reference}}]})


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ({"name": "none", "key": "x"}, 'configmap "none" not found'),
        ({"name": "conf", "key": "x"}, "couldn't find key x in ConfigMap demo/conf"),
    ],
)
def test_a_missing_source_is_a_config_error(reference, message):
    with pytest.raises(ConfigError, match=message):
        built({"env": [{"name": "V", "valueFrom": {"configMapKeyRef": reference}}]})


def test_whole_config_maps_come_with_their_prefix():
    env = built({"envFrom": [{"prefix": "C_", "configMapRef": {"name": "conf"}}]})

    assert (env["C_A"], env["C_B"]) == ("1", "2")


def test_services_are_announced_unless_links_are_off():
    with_links = built({}, [SERVICE])
    off = {**POD, "spec": {**POD["spec"], "enableServiceLinks": False}}

    assert with_links["MY_DB_SERVICE_HOST"] == "10.96.0.7"
    assert with_links["MY_DB_SERVICE_PORT_SQL"] == "5432"
    assert with_links["MY_DB_PORT_5432_TCP"] == "tcp://10.96.0.7:5432"
    assert "MY_DB_SERVICE_HOST" not in built({}, [SERVICE], off)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("$(A)", "1"), ("$$(A)", "$(A)"), ("$(NO)", "$(NO)"), ("a$b", "a$b"), ("$(A)$(A)", "11")],
)
def test_references_expand_as_kubernetes_does(text, expected):
    assert expand(text, {"A": "1"}) == expected


def test_variables_that_double_end_where_a_program_could_not_be_told():
    doubled = [{"name": f"A{n}", "value": f"$(A{n - 1})$(A{n - 1})"} for n in range(1, 60)]
    with pytest.raises(OSError, match="Argument list too long"):
        built({"env": [{"name": "A0", "value": "x"}, *doubled]})


def test_all_variables_together_have_their_room():
    env = [{"name": f"A{n}", "value": "$(A)"} for n in range(MOST // LONGEST)]
    with pytest.raises(OSError, match="Argument list too long"):
        built({"env": [{"name": "A", "value": "x" * LONGEST}, *env]})


def test_a_long_text_without_references_stays():
    assert len(expand("x" * 2 * LONGEST, {})) == 2 * LONGEST
    with pytest.raises(OSError, match="Argument list too long"):
        Room(3).take("four")


def test_unknown_fields_are_refused():
    with pytest.raises(ConfigError, match="unsupported fieldPath"):
        field(POD, "spec.nothing", FACTS)
