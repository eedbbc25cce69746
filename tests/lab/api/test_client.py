"""The official Python client, typed and dynamic, against a lab."""

from __future__ import annotations

import json

import pytest
from kubernetes import client, config, dynamic, stream, watch
from kubernetes.client.exceptions import ApiException


@pytest.fixture(scope="module")
def api(cluster):
    cluster.namespace("client")
    found = config.new_client_from_config(config_file=str(cluster.kubeconfig))
    yield found
    found.close()


@pytest.fixture(scope="module")
def core(api):
    return client.CoreV1Api(api)


@pytest.fixture(scope="module")
def policies(api):
    return client.NetworkingV1Api(api)


def policy(name, **spec):
    head = {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy"}
    return {**head, "metadata": {"name": name}, "spec": {"podSelector": {}, **spec}}


def test_an_object_is_created_read_replaced_and_deleted(policies):
    made = policies.create_namespaced_network_policy("client", policy("life"))
    assert made.spec.policy_types == ["Ingress"]
    made.spec.policy_types = ["Ingress", "Egress"]
    replaced = policies.replace_namespaced_network_policy("life", "client", made)
    assert replaced.metadata.generation == 2
    listed = policies.list_namespaced_network_policy("client", field_selector="metadata.name=life")
    assert [p.metadata.uid for p in listed.items] == [made.metadata.uid]
    policies.delete_namespaced_network_policy("life", "client")
    with pytest.raises(ApiException) as caught:
        policies.read_namespaced_network_policy("life", "client")
    assert caught.value.status == 404


def test_a_stale_replace_conflicts(core):
    made = core.create_namespaced_config_map("client", {"metadata": {"name": "stale"}})
    core.patch_namespaced_config_map("stale", "client", {"data": {"a": "1"}})
    with pytest.raises(ApiException) as caught:
        core.replace_namespaced_config_map("stale", "client", made)
    assert caught.value.status == 409


def test_the_dynamic_client_applies_with_a_manager(api):
    resources = dynamic.DynamicClient(api).resources
    kind = resources.get(api_version="networking.k8s.io/v1", kind="NetworkPolicy")
    for manager, force in (("one", False), ("two", True)):
        kind.server_side_apply(
            policy("applied", ingress=[{"ports": [{"port": len(manager) + force}]}]),
            namespace="client",
            field_manager=manager,
            force_conflicts=force,
        )
    with pytest.raises(ApiException) as caught:
        kind.server_side_apply(
            policy("applied", ingress=[]), namespace="client", field_manager="one"
        )
    assert caught.value.status == 409
    assert 'conflict with "two": .spec.ingress' in json.loads(caught.value.body)["message"]


def test_a_dry_run_is_strict_and_changes_nothing(policies):
    with pytest.raises(ApiException) as caught:
        policies.patch_namespaced_network_policy(
            "dry",
            "client",
            policy("dry", ingres=[]),
            _content_type="application/apply-patch+yaml",
            field_manager="m",
            dry_run="All",
            field_validation="Strict",
        )
    assert ".spec.ingres: field not declared in schema" in str(caught.value.body)
    policies.patch_namespaced_network_policy(
        "dry",
        "client",
        policy("dry"),
        _content_type="application/apply-patch+yaml",
        field_manager="m",
        dry_run="All",
    )
    with pytest.raises(ApiException):
        policies.read_namespaced_network_policy("dry", "client")


def test_an_exec_has_output_and_an_exit_code(cluster, api):
    cluster.running_pod("client", "shell")
    with client.ApiClient(api.configuration) as private:
        found = stream.stream(
            client.CoreV1Api(private).connect_get_namespaced_pod_exec,
            "shell",
            "client",
            command=["sh", "-c", "echo out; exit 7"],
            stdout=True,
            stderr=True,
            _preload_content=False,
        )
        found.run_forever(timeout=10)
    assert found.read_stdout() == "out\n"
    assert found.returncode == 7
    found.sock.shutdown()


def test_logs_are_text(cluster, core):
    cluster.running_pod("client", "writer")
    cluster.runtime.lines["writer"] = [b"one\n", b"two\n", b"three\n"]
    assert core.read_namespaced_pod_log("writer", "client", tail_lines=2) == "two\nthree\n"
    with pytest.raises(ApiException) as caught:
        core.read_namespaced_pod_log("writer", "client", previous=True)
    assert caught.value.status == 400


def test_a_watch_delivers_typed_objects(cluster, core):
    core.create_namespaced_config_map("client", {"metadata": {"name": "seen"}})
    events = watch.Watch().stream(
        core.list_namespaced_config_map,
        "client",
        field_selector="metadata.name=seen",
        timeout_seconds=1,
    )
    assert [(e["type"], e["object"].metadata.name) for e in events] == [("ADDED", "seen")]


def test_a_service_account_token_signs_in(cluster, api, core):
    request = {"spec": {"audiences": [], "expirationSeconds": 600}}
    token = core.create_namespaced_service_account_token("default", "client", request).status.token
    configuration = client.Configuration(host=cluster.url)
    configuration.ssl_ca_cert = str(cluster.authority)
    configuration.api_key["BearerToken"] = f"Bearer {token}"
    with client.ApiClient(configuration) as other, pytest.raises(ApiException) as caught:
        client.CoreV1Api(other).list_namespaced_pod("client")
    assert caught.value.status == 403
    assert "system:serviceaccount:client:default" in str(caught.value.body)
