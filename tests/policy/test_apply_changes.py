"""Worlds out of objects, and what applying, deleting and labelling make of them."""

from __future__ import annotations

import ipaddress

from npol.policy.objects.netpol_types import Direction
from npol.policy.state.apply_changes import apply, build, delete, label
from tests.policy.worlds import CLUSTER, documents, policy, world_with

DEPLOYMENT = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: x}
spec:
  replicas: 3
  template:
    metadata: {labels: {app: web}}
    spec:
      initContainers:
        - {name: proxy, restartPolicy: Always, ports: [{name: admin, containerPort: 15000}]}
        - {name: setup, ports: [{name: never, containerPort: 1}]}
      containers: [{name: web, ports: [{name: http, containerPort: 8080, protocol: TCP}]}]
"""

POD = """
apiVersion: v1
kind: Pod
metadata:
  name: web-7d9f-abcde
  namespace: x
  labels: {app: web, pod-template-hash: 7d9f}
  ownerReferences: [{kind: ReplicaSet, name: web-7d9f}]
status: {phase: Running, podIP: 10.0.0.8}
"""


def test_deployment_promises_two_pods_for_many():
    world = build(documents(DEPLOYMENT))

    assert [str(p) for p in world.pods] == ["x/web-0", "x/web-1"]
    assert world.pods[0].workload == "deployment/web"
    assert [(p.name, p.number) for p in world.pods[0].ports] == [("http", 8080), ("admin", 15000)]


def test_deployment_scaled_to_nothing_promises_no_pod():
    assert build(documents(DEPLOYMENT.replace("replicas: 3", "replicas: 0"))).pods == ()


def test_real_pod_takes_the_place_of_promised_ones():
    world = build([*documents(DEPLOYMENT), *documents(POD)])

    assert [str(p) for p in world.pods] == ["x/web-7d9f-abcde"]
    assert world.pods[0].workload == "deployment/web"


def test_pod_without_ready_condition_is_not_ready_once_it_has_a_status():
    assert not build(documents(POD)).pods[0].ready
    assert build(documents(POD.replace("status", "annotations"))).pods[0].ready


def test_namespace_label_of_the_api_server_cannot_be_overruled():
    text = """
apiVersion: v1
kind: Namespace
metadata: {name: x, labels: {kubernetes.io/metadata.name: other}}
"""
    world = build(documents(text))

    assert world.namespace("x").labels == {"kubernetes.io/metadata.name": "x"}


def test_namespace_that_nothing_declares_is_known_by_its_name():
    world = build([])

    assert world.namespace("q").labels == {"kubernetes.io/metadata.name": "q"}
    assert not world.namespace("q").declared


def test_applied_policy_replaces_the_one_of_its_name():
    world = world_with(policy("p", "{policyTypes: [Ingress]}"))

    changed = apply(world, [policy("p", "{policyTypes: [Egress]}")])

    assert [p.directions for p in changed.policies] == [{Direction.EGRESS}]
    assert [p.directions for p in world.policies] == [{Direction.INGRESS}]


def test_refused_policy_leaves_the_good_one_in_force_until_it_is_put_right():
    good, bad = policy("p", "{}"), policy("p", "{ingress: [{from: [{}]}]}")

    world = apply(world_with(good), [bad])
    assert (world.policies, len(world.refused)) == (world_with(good).policies, 1)

    assert (len(apply(world, [good]).policies), apply(world, [good]).refused) == (1, ())


def test_delete_takes_what_it_names_and_no_more():
    world = world_with(policy("p", "{}"), policy("q", "{}"))

    world = delete(world, [policy("p", "{policyTypes: [Egress]}"), policy("r", "{}")])

    assert [str(p) for p in world.policies] == ["x/q"]


def test_deleting_a_namespace_takes_all_that_is_in_it():
    world = world_with(policy("p", "{}"), policy("q", "{}", "z"))

    world = delete(world, [d for d in CLUSTER if d.data["metadata"]["name"] == "x"])

    assert {p.namespace for p in world.pods} == {"z"}
    assert [str(p) for p in world.policies] == ["z/q"]


def test_deleted_deployment_takes_its_pods_along():
    world = build([*documents(DEPLOYMENT), *documents(POD)])

    assert delete(world, documents(DEPLOYMENT)).pods == ()


def test_labels_are_set_and_taken_away():
    world = world_with()

    world = label(world, kind="pod", name="c", namespace="x", labels={"app": None, "new": "1"})
    world = label(world, kind="namespace", name="x", namespace="", labels={"team": "green"})

    assert world.pod("x", "c").labels == {"tier": "c", "new": "1"}
    assert world.namespace("x").labels["team"] == "green"


def test_owner_of_an_address_is_a_pod_or_a_node():
    world = world_with()

    assert str(world.owner(ipaddress.ip_address("10.0.0.2"))) == "x/b"
    assert str(world.owner(ipaddress.ip_address("192.168.0.1"))) == "node n1"
    assert world.owner(ipaddress.ip_address("192.0.2.1")) is None
