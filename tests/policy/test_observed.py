"""Traffic that was seen, against policies; ends and flows as records have them."""

from __future__ import annotations

import ipaddress
from dataclasses import replace

import pytest

from npol.cli.observed import in_words
from npol.model.observed import EndKind, ObservedEnd, ObservedFlow
from npol.model.story import Protocol
from npol.policy.objects.dialects import CALICO, CILIUM
from npol.policy.objects.entities import Node
from npol.policy.observed.cuts import against_observed
from npol.policy.observed.observed_story import suggest_observed
from npol.policy.state.apply_changes import build
from npol.report.causes import fact_words
from npol.yaml_positions import YamlDialect, load

SHOP = (("kubernetes.io/metadata.name", "shop"), ("team", "red"))


def pod(name, namespace="shop", of_namespace=SHOP, **labels):
    return ObservedEnd(
        kind=EndKind.POD,
        namespace=namespace,
        name=name,
        labels=tuple((labels or {"app": name}).items()),
        namespace_labels=of_namespace,
    )


def outside(address):
    return ObservedEnd(kind=EndKind.OUTSIDE, name=address, address=address)


CLIENT, WEB = pod("client"), pod("deployment/web", app="web")


def flow(source=CLIENT, target=WEB, port=80, *, dropped=0, protocol=Protocol.TCP):
    return ObservedFlow(
        source=source,
        target=target,
        protocol=protocol,
        port=port,
        connections=3,
        dropped=dropped,
        arrived=3 - dropped,
    )


def state(*specs, more=""):
    """Policies in namespace shop, each of one spec in flow style."""
    policies = [
        "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\n"
        f"metadata: {{name: p{number}, namespace: shop}}\nspec: {spec}\n"
        for number, spec in enumerate(specs)
    ]
    text = "---\n".join([*policies, *([more] if more else [])])
    return build(d.data for d in load(text, "t.yaml", YamlDialect.MANIFEST))


def foreseen(spec, *flows, dialect=CILIUM, more=""):
    return [f.allowed for f in against_observed(state(spec, more=more), flows, dialect).flows]


FROM_CLIENT = "{podSelector: {matchLabels: {app: web}}, ingress: [{from: [{podSelector: {matchLabels: {app: client}}}], ports: [{port: 80}]}]}"  # noqa: E501


def test_what_passed_and_would_not_is_cut_and_what_was_dropped_and_would_pass_opens():
    flows = [flow(), flow(port=443), flow(pod("other")), flow(port=81, dropped=3)]
    opened = flow(dropped=3)

    plan = against_observed(state(FROM_CLIENT), [*flows, opened], CILIUM)

    assert [f.flow for f in plan.cut] == [flows[1], flows[2]]
    assert [f.flow for f in plan.opened] == [opened]
    assert [str(n) for n in plan.cut[0].decided_by] == ["shop/p0"]


def test_a_flow_of_which_a_part_was_dropped_can_be_cut_and_opened():
    half = flow(dropped=1)

    assert against_observed(state(FROM_CLIENT), [half], CILIUM).opened
    assert against_observed(state("{podSelector: {}}"), [half], CILIUM).cut


def test_rules_that_no_flow_uses_are_told_by_their_place():
    spec = "{podSelector: {}, ingress: [{ports: [{port: 80}]}, {ports: [{port: 81}]}]}"

    plan = against_observed(state(spec), [flow()], CILIUM)

    assert [u.origin.path for u in plan.unused] == ["spec.ingress[1]"]


def test_a_rule_that_a_flow_may_use_is_not_called_unused():
    spec = "{podSelector: {}, ingress: [{ports: [{port: http}]}]}"

    plan = against_observed(state(spec), [flow()], CILIUM)

    assert (plan.unused, len(plan.unknown)) == ((), 1)


def test_a_named_port_is_foretold_where_the_state_has_the_pod():
    spec = "{podSelector: {}, ingress: [{ports: [{port: http}]}]}"
    deployment = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: c, image: i, ports: [{name: http, containerPort: 80}]}]}
"""

    assert foreseen(spec, flow(), flow(port=81)) == [None, None]
    assert foreseen(spec, flow(), flow(port=81), more=deployment) == [True, False]


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        pytest.param("[{from: [{podSelector: {matchLabels: {app: x}}}], ports: [{port: http}]}]",
                     False, id="its-peer-does-not-fit"),
        pytest.param("[{ports: [{port: http, protocol: UDP}]}]", False, id="another-protocol"),
        pytest.param("[{ports: [{port: http}, {port: 80}]}]", True, id="another-port-fits"),
        pytest.param("[{ports: [{port: http}]}, {from: [{podSelector: {}}]}]", True,
                     id="another-rule-fits"),
        pytest.param("[]", False, id="no-rule"),
    ],
)  # fmt: skip
def test_a_named_port_leaves_nothing_open_where_something_else_decides(rule, expected):
    assert foreseen(f"{{podSelector: {{}}, ingress: {rule}}}", flow()) == [expected]


OTHER_POD = "{podSelector: {matchLabels: {a: b}}, namespaceSelector: {matchLabels: {team: red}}}"


@pytest.mark.parametrize(
    ("peer", "known", "expected"),
    [
        pytest.param("{namespaceSelector: {matchLabels: {team: red}}}", SHOP, True, id="told"),
        pytest.param("{namespaceSelector: {matchLabels: {team: red}}}", None, None, id="not-told"),
        pytest.param("{namespaceSelector: {matchExpressions: [{key: a, operator: DoesNotExist}]}}",
                     None, None, id="an-absent-label"),
        pytest.param("{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: far}}}", None,
                     True, id="its-name"),
        pytest.param("{namespaceSelector: {}}", None, True, id="any"),
        pytest.param(OTHER_POD, None, False, id="its-pod-does-not-fit"),
    ],
)  # fmt: skip
def test_labels_of_a_namespace_that_records_do_not_hold_leave_it_open(peer, known, expected):
    """Whisker keeps none."""
    spec = f"{{podSelector: {{}}, ingress: [{{from: [{peer}]}}]}}"

    assert foreseen(spec, flow(pod("client", "far", known))) == [expected]


def test_a_place_outside_is_judged_by_its_address():
    spec = "{podSelector: {}, ingress: [{from: [{ipBlock: {cidr: 203.0.113.0/24}}]}]}"

    assert foreseen(spec, flow(outside("203.0.113.9")), flow(outside("192.0.2.1"))) == [True, False]


def test_another_node_is_judged_by_its_address_as_the_plugin_does():
    spec = "{podSelector: {}, ingress: [{from: [{ipBlock: {cidr: 10.98.0.0/16}}]}]}"
    node = ObservedEnd(kind=EndKind.NODE, name="10.98.0.12", address="10.98.0.12")

    assert foreseen(spec, flow(node), dialect=CALICO) == [True]
    assert foreseen(spec, flow(node), dialect=CILIUM) == [False]


def test_a_node_that_the_state_knows_is_that_node():
    known = Node(name="n1", addresses=(ipaddress.ip_address("10.98.0.12"),), control_plane=True)
    spec = "{podSelector: {}, ingress: [{from: [{ipBlock: {cidr: 10.98.0.0/16}}]}]}"
    node = ObservedEnd(kind=EndKind.NODE, name="10.98.0.12", address="10.98.0.12")

    plan = against_observed(replace(state(spec), nodes=(known,)), [flow(node)], CILIUM)

    assert plan.flows[0].allowed is None  # never measured for nodes of the control plane


@pytest.mark.parametrize(
    ("seen", "why"),
    [
        pytest.param(flow(protocol=None, port=0), "no policy names its protocol", id="icmp"),
        pytest.param(
            flow(ObservedEnd(kind=EndKind.UNKNOWN, name="a private network")),
            "who a private network is",
            id="an-end-that-is-not-told",
        ),
    ],
)
def test_what_cannot_be_predicted_is_listed_with_the_reason(seen, why):
    (unknown,) = against_observed(state("{podSelector: {}}"), [seen], CILIUM).unknown

    assert why in fact_words(unknown.why_unknown)


def test_two_revisions_of_a_workload_are_judged_by_their_own_labels():
    old = pod("deployment/web", app="web", version="1")
    new = pod("deployment/web", app="web", version="2")
    spec = "{podSelector: {matchLabels: {version: '2'}}}"

    assert foreseen(spec, flow(CLIENT, old), flow(CLIENT, new)) == [True, False]


def suggested(*flows, specs=()):
    told = suggest_observed(state(*specs), flows, CILIUM, closed=lambda n: n == "kube-system")
    found = in_words(told)
    cells = [(f.source, f.target, f.port, f.expect) for f in found.flows]
    return cells, found


def test_a_story_expects_what_was_seen():
    denied = flow(pod("other"), dropped=3)

    cells, found = suggested(flow(), denied)

    assert cells == [("client", "web-pods", 80, "allow"), ("other", "web-pods", 80, "deny")]
    assert found.peers["web-pods"] == {"namespace": "shop", "labels": {"app": "web"}}


def test_a_place_outside_is_asked_at_its_address():
    cells, found = suggested(flow(CLIENT, outside("203.0.113.9"), 443))

    assert cells == [("client", "at-203-0-113-9", 443, "allow")]
    assert found.peers["at-203-0-113-9"] == {"address": "203.0.113.9"}


@pytest.mark.parametrize(
    ("seen", "why"),
    [
        pytest.param(flow(outside("203.0.113.9")), "nothing can ask from there", id="from-outside"),
        pytest.param(
            flow(pod("dns", "kube-system")), "npol starts no pods in kube-system", id="protected"
        ),
        pytest.param(flow(port=33333), "an ephemeral port", id="ephemeral"),
        pytest.param(flow(protocol=Protocol.UDP), "over UDP", id="udp"),
        pytest.param(flow(protocol=Protocol.SCTP), "SCTP", id="sctp"),
        pytest.param(flow(dropped=1), "policies changed meanwhile", id="both"),
        pytest.param(flow(dropped=3), "nobody was seen to get an answer", id="never-answered"),
        pytest.param(replace(flow(), arrived=0), "not seen to arrive", id="on-its-way"),
        pytest.param(
            flow(CLIENT, ObservedEnd(kind=EndKind.OUTSIDE, name="a public network")),
            "its address was not kept",
            id="no-address",
        ),
    ],
)
def test_what_a_story_cannot_ask_again_is_left_out_with_the_reason(seen, why):
    cells, found = suggested(seen)

    assert cells == []
    assert [why in left for left in found.unknown] == [True]


def test_dns_is_asked_over_udp():
    dns = pod("coredns", "kube-system", **{"k8s-app": "kube-dns"})

    cells, _ = suggested(flow(CLIENT, dns, 53, protocol=Protocol.UDP))

    assert [cell[2:] for cell in cells] == [(53, "allow")]


def test_policies_that_mean_something_else_than_what_was_seen_are_doubts():
    _, found = suggested(flow(), flow(pod("other")), specs=[FROM_CLIENT])

    assert found.doubts == (
        "shop/other -> shop/web:80/tcp was seen to pass, and shop/p0 would cut it",
    )


CLUSTER_WIDE = """
apiVersion: policy.networking.k8s.io/v1alpha2
kind: ClusterNetworkPolicy
metadata: {name: wide}
spec:
  tier: Admin
  priority: 1
  subject: {namespaces: %s}
  ingress: %s
"""
ACCEPT = "[{action: Accept, from: [{pods: {namespaceSelector: %s, podSelector: {}}}]%s}]"


@pytest.mark.parametrize(
    ("subject", "peers", "more", "expected"),
    [
        pytest.param("{}", "{matchLabels: {team: red}}", "", None, id="labels-not-told"),
        pytest.param("{}", "{}", "", True, id="any-namespace"),
        pytest.param("{}", "{}", ", protocols: [{destinationNamedPort: http}]", None, id="a-name"),
    ],
)
def test_rules_of_tiers_are_asked_and_leave_open_what_records_do_not_hold(
    subject, peers, more, expected
):
    wide = CLUSTER_WIDE % (subject, ACCEPT % (peers, more))
    world = state("{podSelector: {}}", more=wide)

    plan = against_observed(world, [flow(pod("client", "far", None))], CILIUM)

    assert [f.allowed for f in plan.flows] == [expected]
    assert (plan.policies, plan.unused) == (2, ())


def test_a_rule_of_a_tier_that_accepts_and_is_not_used_is_told():
    wide = CLUSTER_WIDE % ("{}", ACCEPT % ("{matchLabels: {team: blue}}", ""))

    plan = against_observed(state(more=wide), [flow()], CILIUM)

    assert [(u.policy, u.origin.path) for u in plan.unused] == [
        ("ClusterNetworkPolicy wide", "spec.ingress[0]")
    ]


CALICO_POLICY = """
apiVersion: projectcalico.org/v3
kind: %s
metadata: {name: own%s}
spec: %s
"""
GUARDED = "{order: 1, selector: app == 'web', ingress: [%s, {action: Allow}]}"


def of_calico(spec, kind="GlobalNetworkPolicy", place=""):
    return CALICO_POLICY % (kind, place, spec)


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        pytest.param("{action: Deny, source: {selector: app == 'client'}}", False, id="denied"),
        pytest.param("{action: Deny, source: {selector: app == 'other'}}", True, id="allowed"),
        pytest.param(
            "{action: Deny, source: {namespaceSelector: team == 'red'}}", None, id="labels-not-told"
        ),
        pytest.param(
            "{action: Deny, source: {namespaceSelector: projectcalico.org/name == 'x'}}", True,
            id="a-namespace-by-name",
        ),
        pytest.param(
            "{action: Deny, source: {serviceAccounts: {names: [robot]}}}", None, id="an-account"
        ),
        pytest.param(
            "{action: Deny, protocol: TCP, destination: {ports: [http]}}", None, id="a-name"
        ),
    ],
)  # fmt: skip
def test_rules_of_calico_are_asked_and_leave_open_what_records_do_not_hold(rule, expected):
    world = state("{podSelector: {}}", more=of_calico(GUARDED % rule))

    plan = against_observed(world, [flow(pod("client", "far", None))], CALICO)

    assert [f.allowed for f in plan.flows] == [expected]
    assert plan.policies == 2
    used = () if expected is not False else ("spec.ingress[1]",)
    assert tuple(u.origin.path for u in plan.unused) == used


def test_what_a_policy_of_another_namespace_asks_leaves_nothing_open():
    spec = "{ingress: [{action: Deny, source: {namespaceSelector: team == 'red'}}]}"
    elsewhere = of_calico(spec, "NetworkPolicy", ", namespace: elsewhere")

    plan = against_observed(state(more=elsewhere), [flow(pod("client", "far", None))], CALICO)

    assert [f.allowed for f in plan.flows] == [True]


def test_a_rule_behind_a_network_policy_does_not_decide_where_that_one_may_fit():
    """The network policy stands at order 1000, before the one that denies."""
    spec = "{podSelector: {}, ingress: [{ports: [{port: http}]}]}"
    behind = of_calico("{order: 2000, selector: all(), ingress: [{action: Deny}]}")

    assert foreseen(spec, flow(), dialect=CALICO, more=behind) == [None]


def test_an_account_that_ciliums_policies_ask_for_is_known_where_the_state_has_the_pod():
    own = """
apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: own, namespace: shop}
spec:
  endpointSelector: {}
  ingressDeny:
    - fromEndpoints: [{matchLabels: {io.cilium.k8s.policy.serviceaccount: robot}}]
"""
    pods = """---
apiVersion: v1
kind: Pod
metadata: {name: client, namespace: shop, labels: {app: client}}
spec: {serviceAccountName: robot, containers: [{name: c, image: i}]}
---
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
spec: {containers: [{name: c, image: i}]}
"""
    spec = "{podSelector: {}, ingress: [{}]}"

    assert foreseen(spec, flow(), more=own) == [None]
    assert foreseen(spec, flow(), more=own + pods) == [False]


def test_policies_of_one_kind_alone_are_held_against_what_was_seen():
    denying = of_calico("{selector: app == 'web', ingress: [{action: Deny}]}")

    found = suggest_observed(state(more=denying), [flow()], CALICO, closed=lambda _: False)

    assert in_words(found).doubts == (
        "shop/client -> shop/web:80/tcp was seen to pass, and GlobalNetworkPolicy own would cut it",
    )
