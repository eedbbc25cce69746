"""Flows and policies explained, and the smallest change that opens a closed flow."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from npol.policy.evaluate.evaluate import decide, evaluate
from npol.policy.explain.describe import explain_policy
from npol.policy.explain.explain import explain_flow
from npol.policy.explain.fixes import remedies
from npol.policy.objects.dialects import CALICO
from npol.policy.objects.entities import Traffic
from npol.policy.state.apply_changes import apply, build
from npol.report.causes import cause_words, fact_words, prediction_words
from npol.report.described_policy import line_words
from tests.examples import examples
from tests.policy.clusters import PORTS, clusters, objects
from tests.policy.reference import ALLOW_DNS, DENY, FROM_FRONTEND, FRONTEND, TO_BACKEND, cluster
from tests.policy.worlds import policy, traffic, world_with


def call(world):
    target = world.service("backend-dev", "backend-sample")
    return Traffic(source=FRONTEND, target=target, port=80)


def test_walk_goes_from_the_name_to_the_pod():
    world = cluster(to=TO_BACKEND, dns=ALLOW_DNS, **{"from": FROM_FRONTEND})

    explanation = explain_flow(world, call(world), CALICO)

    assert [(s.title, s.answer.value) for s in explanation.stages] == [
        ("name of Service backend-dev/backend-sample", "open"),
        ("Service backend-dev/backend-sample", ""),
        ("egress of frontend-dev/frontend", "closed"),
        ("ingress of backend-dev/backend-sample-0", "open"),
    ]
    assert prediction_words(explanation.prediction) == "deny"


def test_service_stage_tells_the_translation():
    world = cluster()

    stage = explain_flow(world, call(world), CALICO).stages[1]

    assert cause_words(stage.lines[0]) == (
        "Service backend-dev/backend-sample port 80 goes to backend-dev/backend-sample-0 port "
        "3001: policies are judged on 3001, never on 80"
    )


def test_name_that_does_not_resolve_is_noted_though_the_packets_would_pass():
    world = cluster(to=TO_BACKEND.replace("port: 80", "port: 3001"))

    explanation = explain_flow(world, call(world), CALICO)

    assert prediction_words(explanation.prediction) == "allow"
    assert explanation.stages[0].answer.value == "closed"
    assert tuple(map(fact_words, explanation.notes)) == (
        "the packets would pass, but the name does not resolve: applications fail",
    )


def test_explanation_without_a_policy_tells_what_it_would_be():
    """TUT-12: "works without the policy?"."""
    world = cluster(to=TO_BACKEND)

    explanation = explain_flow(world, call(world), CALICO, without=["frontend-dev/to-backend"])

    both = (explanation.prediction, explanation.without)
    assert tuple(map(prediction_words, both)) == ("deny", "allow")


def test_flow_on_which_engines_differ_says_so():
    world = world_with(policy("out", "{policyTypes: [Egress], egress: [{to: [{ipBlock: "
                                     "{cidr: 0.0.0.0/0}}]}]}"))  # fmt: skip
    notes = explain_flow(world, traffic(world, "x/a -> z/a:80"), CALICO).notes

    assert tuple(map(fact_words, notes)) == (
        "engines differ on this flow by design: calico open, cilium closed",
    )


def test_smallest_change_for_a_service_port_is_the_pods_port():
    world = cluster(to=TO_BACKEND)

    (remedy,) = explain_flow(world, call(world), CALICO).remedies

    assert fact_words(remedy.what) == "in frontend-dev/to-backend (to.yaml:11) allow TCP 3001"
    assert (remedy.at.line, remedy.manifest) == (11, None)


def test_smallest_change_for_a_dead_selector_is_the_label_that_is_there():
    world = cluster(
        to=TO_BACKEND.replace("name: backend-dev", "name: backend").replace("80", "3001")
    )

    (remedy,) = explain_flow(world, call(world), CALICO).remedies

    assert fact_words(remedy.what) == (
        "in frontend-dev/to-backend (to.yaml:9) select namespaces with "
        "kubernetes.io/metadata.name=backend-dev"
    )


def test_smallest_change_where_nothing_is_near_is_least_privilege_on_both_sides():
    """REF-5: pod label and TCP 3001, not the whole namespace."""
    deny = {f"deny{n}": DENY.replace("NAMESPACE", n) for n in ("frontend-dev", "backend-dev")}
    world = cluster(**deny)

    out, into = explain_flow(world, call(world), CALICO).remedies

    assert out.manifest["spec"] == {
        "podSelector": {"matchLabels": {"app": "frontend"}},
        "policyTypes": ["Egress"],
        "egress": [
            {
                "to": [
                    {
                        "podSelector": {
                            "matchLabels": {"app.kubernetes.io/name": "backend-sample"}
                        },
                        "namespaceSelector": {
                            "matchLabels": {"kubernetes.io/metadata.name": "backend-dev"}
                        },
                    }
                ],
                "ports": [{"protocol": "TCP", "port": 3001}],
            }
        ],
    }
    assert into.manifest["metadata"] == {"name": "allow-from-frontend", "namespace": "backend-dev"}
    opened = apply(world, [out.manifest, into.manifest])
    assert decide(opened, call(opened), CALICO).allowed


@examples(20)
@given(cluster_=clusters(), port=st.sampled_from(PORTS))
def test_remedies_open_every_closed_flow_together(cluster_, port):
    world = build(objects(cluster_))
    for source in world.pods:
        for target in world.pods:
            asked = Traffic(source=source, target=target, port=port)
            decision = evaluate(world, asked, CALICO)
            if decision.allowed is False:
                found = remedies(world, decision, CALICO)
                changed = world
                for remedy in found:
                    changed = changed.with_policies([remedy.policy])
                assert found
                assert decide(changed, asked, CALICO).allowed, str(asked)


def test_policy_is_told_in_words_with_what_it_selects_now():
    """WEB-6: better than `kubectl describe`."""
    world = cluster(**{"from": FROM_FRONTEND})

    described = explain_policy(world, world.policy("backend-dev", "allow-from-frontend"))

    assert [line_words(line) for line in described.lines] == [
        "backend-dev/allow-from-frontend selects the pods with "
        "app.kubernetes.io/name=backend-sample in namespace backend-dev: 1 pod now, "
        "deployment/backend-sample",
        "it isolates them for ingress, but for 1 rule:",
        "from every pod in namespaces with name=frontend-dev: frontend-dev (1 pod now, "
        "pod/frontend), on TCP 3001",
        "it leaves their egress as it is",
    ]
    assert described.selects == ("backend-dev/backend-sample-0",)
    assert described.directions == ("Ingress",)


def test_policy_that_selects_nothing_says_so():
    world = world_with(policy("p", "{podSelector: {matchLabels: {app: none}}}"))

    lines = explain_policy(world, world.policies[0]).lines

    assert line_words(lines[0]).endswith("in namespace x: no pod now")
    assert line_words(lines[1]) == "it isolates them for ingress, and allows none"


def test_rule_without_limits_is_told_as_open_to_the_outside():
    world = world_with(policy("p", "{ingress: [{}]}"))

    assert line_words(explain_policy(world, world.policies[0]).lines[2]) == (
        "from anywhere, outside the cluster included, on every port"
    )
