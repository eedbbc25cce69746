"""The sentences that a failed flow is explained with, among them those the documents got wrong."""

from __future__ import annotations

from npol.model.story import Protocol
from npol.policy.explain.causes import nearest
from npol.policy.objects.dialects import CALICO
from npol.policy.objects.entities import Node, Traffic
from npol.policy.state.dns import dns_traffic
from npol.report.causes import cause_words
from tests.policy.reference import (
    ALLOW_DNS,
    DENY,
    FROM_FRONTEND,
    FRONTEND,
    TO_BACKEND,
    cluster,
)
from tests.policy.worlds import documents, policy, traffic, world_with

DENY_FRONTEND = DENY.replace("NAMESPACE", "frontend-dev")
DENY_BACKEND = DENY.replace("NAMESPACE", "backend-dev")


def call(world, port=80):
    """The frontend calls the backend's Service."""
    target = world.service("backend-dev", "backend-sample")
    return Traffic(source=FRONTEND, target=target, port=port)


def texts(world, asked):
    return [cause_words(c) for c in nearest(world, asked, CALICO)]


def test_service_port_in_an_egress_rule_is_named_as_the_cause():
    """REF-4: the 504 of the reference page."""
    world = cluster(to=TO_BACKEND, **{"from": FROM_FRONTEND})

    first = nearest(world, call(world), CALICO)[0]

    assert cause_words(first) == (
        "egress of frontend-dev/frontend: frontend-dev/to-backend (to.yaml:11) does not fit: "
        "Service port 80 is translated to pod port 3001 before egress policy is judged, "
        "so the rule must name 3001"
    )
    assert (first.at.file, first.at.line) == ("to.yaml", 11)


def test_service_port_in_an_ingress_rule_is_named_as_the_cause():
    """REF-6: "backend from frontend: TCP 80", read literally."""
    world = cluster(page=FROM_FRONTEND.replace("3001", "80"))

    assert (
        "Service port 80 is translated to pod port 3001 before ingress policy is judged, "
        "so the rule must name 3001"
    ) in texts(world, call(world))[0]


def test_egress_that_no_file_allows_is_told_beside_the_ingress_that_one_does():
    """NPOL-004: the task list's files alone never let the call through."""
    world = cluster(deny=DENY_FRONTEND, dns=ALLOW_DNS, **{"from": FROM_FRONTEND})

    assert texts(world, call(world)) == [
        "egress of frontend-dev/frontend: isolated by frontend-dev/deny-all (deny.yaml:1), "
        "frontend-dev/allow-dns (dns.yaml:1), and none of their rules allows it; "
        "backend-dev/allow-from-frontend (from.yaml:8) allows its ingress, but a flow needs the "
        "egress of its source and the ingress of its target"
    ]


def test_policy_with_an_unused_label_is_explained_with_the_labels_in_use():
    """NPOL-TRIAGE-003: the label is once app=backend, once app.kubernetes.io/name."""
    wrong = FROM_FRONTEND.replace("app.kubernetes.io/name: backend-sample", "app: backend")
    world = cluster(deny=DENY_BACKEND, wrong=wrong)

    found = texts(world, call(world))

    assert "backend-dev/deny-all (deny.yaml:1), and none of its rules allows it" in found[0]
    assert "app=backend" not in found[0]


def test_peer_label_that_no_pod_has_is_told_with_the_labels_of_the_source():
    world = cluster(
        into=FROM_FRONTEND.replace(
            "namespaceSelector: {matchLabels: {name: frontend-dev}}",
            "namespaceSelector: {matchLabels: {name: frontend-dev}}\n"
            "      podSelector: {matchLabels: {app: web}}",
        )
    )
    assert texts(world, call(world))[0].endswith(
        "no pod in frontend-dev has app=web; frontend-dev/frontend has app=frontend"
    )


def test_unused_namespace_label_is_explained_with_the_one_that_works():
    """TUT-9: `name: kube-system` selects nothing unless somebody set that label."""
    world = cluster(dns=ALLOW_DNS.replace("kubernetes.io/metadata.name", "name"))

    asked = dns_traffic(world, FRONTEND)

    assert texts(world, asked)[0] == (
        "egress of frontend-dev/frontend: frontend-dev/allow-dns (dns.yaml:9) does not fit: "
        "no namespace has name=kube-system; the namespace kube-system has "
        "kubernetes.io/metadata.name=kube-system"
    )


def test_forgotten_dns_is_told_as_dns():
    """TUT-9: DNS blocked, not the service blocked."""
    world = cluster(deny=DENY_FRONTEND)

    assert texts(world, dns_traffic(world, FRONTEND)) == [
        "egress of frontend-dev/frontend: isolated by frontend-dev/deny-all (deny.yaml:1), and "
        "none of its rules allows it: names do not resolve; allow egress to the DNS pods on UDP "
        "and TCP 53"
    ]


def test_dns_over_udp_only_is_told_when_tcp_is_asked():
    """WEB-2: UDP 53 only; TCP 53 stays closed."""
    world = cluster(dns=ALLOW_DNS.replace(", {protocol: TCP, port: 53}", ""))

    assert (
        "the rule is for UDP, the flow is TCP"
        in texts(world, dns_traffic(world, FRONTEND, Protocol.TCP))[0]
    )


def test_stray_dash_is_told_as_the_own_namespace():
    """TIER-5: the label counts in the policy's own namespace, not "regardless"."""
    world = world_with(
        policy("db", "{ingress: [{from: [{podSelector: {matchLabels: {app: a}}}]}]}")
    )
    assert (
        "a podSelector alone selects in its own namespace x only"
        in texts(world, traffic(world, "z/a -> x/b:3001"))[0]
    )


def test_probes_of_the_own_node_are_told_to_go_on():
    """NPOL-002: health checks do not fail under deny-all."""
    world = world_with(policy("deny", "{policyTypes: [Ingress, Egress]}"))

    assert "ingress of x/a: a pod's own node always reaches it" in texts(
        world, Traffic(source=Node(name="n1"), target=world.pod("x", "a"), port=80)
    )


def test_open_flow_is_told_with_the_rules_that_allow_it():
    world = cluster(to=TO_BACKEND.replace("port: 80", "port: 3001"), **{"from": FROM_FRONTEND})

    assert texts(world, call(world)) == [
        "egress of frontend-dev/frontend: frontend-dev/to-backend allows it (to.yaml:8)",
        "ingress of backend-dev/backend-sample-0: backend-dev/allow-from-frontend allows it "
        "(from.yaml:8)",
    ]


def test_open_flow_without_policy_names_the_policy_that_misses_the_pod():
    """`app=database` in the policy, `app=db` on the pod."""
    world = world_with(policy("deny", "{podSelector: {matchLabels: {app: database}}}"))

    assert texts(world, traffic(world, "z/a -> x/b:3001"))[1] == (
        "ingress of x/b: no policy selects it for Ingress; x/deny (NetworkPolicy x/deny) "
        "selects app=database, not app=b"
    )


def test_replicas_do_not_repeat_a_cause():
    world = world_with(policy("deny", "{policyTypes: [Egress]}"))

    assert len(texts(world, traffic(world, "x/a -> svc x/both:8080"))) == 1


ANOTHER_A = """
apiVersion: v1
kind: Pod
metadata: {name: another, namespace: x, labels: {app: a, track: canary}}
spec: {nodeName: n2, containers: [{name: c}]}
status: {podIP: 10.0.0.7, phase: Running, conditions: [{type: Ready, status: "True"}]}
"""


def test_pods_of_one_service_are_told_apart_where_other_policies_decide():
    of_one = policy("stable", "{podSelector: {matchLabels: {app: a, track: stable}}}")
    apart = policy("canary", "{podSelector: {matchLabels: {track: canary}}}")
    rest = "{podSelector: {matchExpressions: [{key: track, operator: DoesNotExist}]}}"
    world = world_with(*documents(ANOTHER_A), of_one, apart, policy("rest", rest))

    told = texts(world, traffic(world, "z/a -> svc x/self:8080"))

    assert [line.split(" (")[0] for line in told] == [
        "ingress of x/a: isolated by x/rest",
        "ingress of x/another: isolated by x/canary",
    ]


def test_service_without_pods_is_not_explained_by_policies():
    world = world_with()

    assert texts(world, traffic(world, "x/a -> svc x/empty:80")) == [
        "Service x/empty selects no pod: it refuses at once, or is silent where the source's "
        "egress does not allow its ClusterIP"
    ]
