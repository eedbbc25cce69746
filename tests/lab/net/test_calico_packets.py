"""
Calico's own kinds with real packets: tables of what is there, and of who reaches whom.

Every row has flows that pass and flows that do not. Sources of the meanings: the field
descriptions of projectcalico/calico api/pkg/apis/projectcalico/v3, and felix/rules where said.
"""

from __future__ import annotations

import pytest

from tests.lab.net.conftest import Packets

pytestmark = pytest.mark.lab

GROUP = "projectcalico.org"
WEB = {"selector": "app == 'web'"}
PORT = {"protocol": "TCP", "destination": {"ports": [8080]}}
ALL = {"web", "api", "far", "near"}


@pytest.fixture(scope="module")
def cluster():
    """Pods `web`, `api` and `far` in `shop`, `near` in `mall`; each with an account and a port."""
    packets = Packets()
    packets.namespace("shop", team="blue")
    packets.namespace("mall", team="red")
    packets.pod("web", namespace="shop", labels={"app": "web", "tier": "front"})
    packets.pod("api", namespace="shop", labels={"app": "api"}, serviceAccountName="cook")
    packets.pod(
        "far",
        namespace="shop",
        node="lab-2",
        labels={"app": "far", "tier": "front"},
        serviceAccountName="clerk",
    )
    packets.pod("near", namespace="mall", labels={"app": "near"}, serviceAccountName="clerk")
    packets.pod("internet", namespace="outside", node="internet", hostNetwork=True, tcp=(80,))
    packets.pod("backup", namespace="outside", node="backup", hostNetwork=True, tcp=(80,))
    yield packets
    packets.close()


@pytest.fixture
def net(cluster):
    for account, namespace in (("cook", "shop"), ("clerk", "shop"), ("clerk", "mall")):
        cluster.put("serviceaccounts", account, namespace=namespace, labels={"role": account})
    yield cluster
    cluster.clean()


def put(net, kind, name, *, namespace=None, labels=None, **spec):
    net.put(f"{kind}.{GROUP}", name, namespace=namespace, labels=labels, spec=spec)


def gnp(net, name="policy", **spec):
    put(net, "globalnetworkpolicies", name, **spec)


def np(net, name="policy", namespace="shop", **spec):
    put(net, "networkpolicies", name, namespace=namespace, **spec)


def tier(net, name, order, action="Deny"):
    put(net, "tiers", name, order=order, defaultAction=action)


def allowed(**rule):
    return [{"action": "Allow", **rule}]


def denied(**rule):
    return [{"action": "Deny", **rule}, {"action": "Allow"}]


def opened(net, sources, target, port=8080, protocol="TCP"):
    """Those of the sources that reach the target."""
    sources = sorted(sources)
    answers = net.probe_all([(source, target, port, protocol) for source in sources])
    return {s for s, answer in zip(sources, answers, strict=True) if answer == "open"}


def reached(net, source, *flows):
    """Which of (target, port, protocol) the source reaches."""
    answers = net.probe_all([(source, *flow) for flow in flows])
    return {flow for flow, answer in zip(flows, answers, strict=True) if answer == "open"}


CLIENTS = {"api", "far", "near", "internet"}
SOURCES = [
    pytest.param({}, CLIENTS, id="nothing-said-is-anybody"),
    pytest.param({"selector": "app == 'api'"}, {"api"}, id="selector"),
    pytest.param({"selector": "all()"}, CLIENTS, id="all-is-pods-and-sets"),
    pytest.param({"selector": "has(app) && !has(tier)"}, {"api", "near"}, id="and-not"),
    pytest.param(
        {"selector": "!has(tier)"}, {"api", "near", "internet"}, id="sets-lack-labels-too"
    ),
    pytest.param({"notSelector": "has(tier)"}, {"api", "near", "internet"}, id="not-selector"),
    pytest.param(
        {"selector": "app in {'api', 'far'}", "notSelector": "tier == 'front'"},
        {"api"},
        id="both-selectors",
    ),
    pytest.param({"selector": "app starts with 'f'"}, {"far"}, id="starts-with"),
    pytest.param({"selector": "app ends with 'ar' && tier != 'front'"}, {"near"}, id="ends-with"),
    pytest.param({"selector": "app contains 'p' || app == 'near'"}, {"api", "near"}, id="or"),
    pytest.param({"selector": "projectcalico.org/namespace == 'mall'"}, {"near"}, id="own-label"),
    pytest.param({"selector": "pcns.team == 'red'"}, {"near"}, id="inherited-label"),
    pytest.param({"namespaceSelector": "team == 'blue'"}, {"api", "far"}, id="namespaces"),
    pytest.param(
        {"namespaceSelector": "projectcalico.org/name == 'mall'"}, {"near"}, id="namespace-by-name"
    ),
    pytest.param(
        {"namespaceSelector": "team == 'blue'", "selector": "app == 'far'"},
        {"far"},
        id="namespaces-and-pods",
    ),
    pytest.param({"namespaceSelector": "global()"}, {"internet"}, id="global-means-global-sets"),
    pytest.param({"serviceAccounts": {"names": ["clerk"]}}, {"far", "near"}, id="accounts"),
    pytest.param(
        {"serviceAccounts": {"selector": "role == 'cook'"}}, {"api"}, id="accounts-by-label"
    ),
    pytest.param(
        {"serviceAccounts": {"names": ["clerk"]}, "namespaceSelector": "team == 'red'"},
        {"near"},
        id="accounts-of-a-namespace",
    ),
    pytest.param({"nets": ["203.0.113.0/24"]}, {"internet"}, id="nets"),
    pytest.param({"notNets": ["10.0.0.0/8"]}, {"internet"}, id="not-nets"),
    pytest.param(
        {"nets": ["10.0.0.0/8"], "notNets": ["10.244.2.0/24"]}, {"api", "near"}, id="hole"
    ),
    pytest.param({"selector": "kind == 'partner'"}, {"internet", "near"}, id="sets-of-everybody"),
    pytest.param(
        {"notSelector": "kind == 'partner'"}, {"api", "far"}, id="sets-are-denied-with-pods"
    ),
    pytest.param(
        {"selector": "pcns.team == 'red' && kind == 'partner'"}, {"near"}, id="sets-labels"
    ),
    pytest.param({"services": {"name": "tills", "namespace": "shop"}}, {"far"}, id="service"),
]


def places(net):
    """A set of the whole cluster, one of a namespace, and a Service of one pod."""
    put(net, "globalnetworksets", "out", labels={"kind": "partner"}, nets=["203.0.113.10"])
    address = f"{net.ips['near']}/32"
    put(net, "networksets", "in", namespace="mall", labels={"kind": "partner"}, nets=[address])
    net.put(
        "endpointslices.discovery.k8s.io",
        "tills-1",
        namespace="shop",
        labels={"kubernetes.io/service-name": "tills"},
        endpoints=[{"addresses": [net.ips["far"]], "conditions": {"ready": False}}],
        ports=[{"port": 8443, "protocol": "TCP"}],
    )


@pytest.mark.nightly
@pytest.mark.parametrize(("source", "who"), SOURCES)
def test_a_global_rule_lets_in_whom_it_names(net, source, who):
    places(net)
    gnp(net, **WEB, ingress=allowed(source=source))
    net.settle()

    assert opened(net, CLIENTS, "web") == who


@pytest.mark.nightly
@pytest.mark.parametrize(("source", "who"), SOURCES)
def test_a_deny_shuts_out_whom_an_allow_lets_in(net, source, who):
    places(net)
    gnp(net, **WEB, ingress=denied(source=source))
    net.settle()

    assert opened(net, CLIENTS, "web") == CLIENTS - who


@pytest.mark.nightly
@pytest.mark.parametrize(
    ("source", "who"),
    [
        pytest.param({}, CLIENTS, id="nothing-said-is-anybody"),
        pytest.param({"selector": "all()"}, {"api", "far"}, id="the-own-namespace"),
        pytest.param({"notSelector": "app == 'api'"}, {"far"}, id="also-for-not-selector"),
        pytest.param({"serviceAccounts": {"names": ["clerk"]}}, {"far"}, id="also-for-accounts"),
        pytest.param({"namespaceSelector": "all()"}, {"api", "far", "near"}, id="all-namespaces"),
        pytest.param({"namespaceSelector": "global()"}, {"internet"}, id="global-sets"),
        pytest.param({"services": {"name": "tills"}}, {"far"}, id="a-service-of-its-own"),
        pytest.param({"notNets": ["10.244.1.0/24"]}, {"far", "internet"}, id="not-nets"),
    ],
)
def test_a_namespaced_rule_means_its_own_namespace(net, source, who):
    places(net)
    np(net, **WEB, ingress=allowed(source=source))
    net.settle()

    assert opened(net, CLIENTS, "web") == who


TCP, TLS, UDP = ("web", 8080, "TCP"), ("web", 8443, "TCP"), ("web", 8081, "UDP")


@pytest.mark.nightly
@pytest.mark.parametrize(
    ("rule", "flows"),
    [
        pytest.param({"protocol": "TCP"}, {TCP, TLS}, id="protocol"),
        pytest.param({"protocol": 17}, {UDP}, id="protocol-number"),
        pytest.param({"notProtocol": "UDP"}, {TCP, TLS}, id="not-protocol"),
        pytest.param({"protocol": "ICMP"}, set(), id="icmp-is-neither"),
        pytest.param({"ipVersion": 4}, {TCP, TLS, UDP}, id="ip-version"),
        pytest.param({"ipVersion": 6}, set(), id="the-other-ip-version"),
        pytest.param({"protocol": "TCP", "destination": {"ports": [8080]}}, {TCP}, id="port"),
        pytest.param(
            {"protocol": "TCP", "destination": {"ports": ["8400:9000", 1]}}, {TLS}, id="range"
        ),
        pytest.param({"protocol": "TCP", "destination": {"ports": ["web"]}}, {TCP}, id="named"),
        pytest.param({"destination": {"ports": ["web"]}}, {TCP}, id="named-of-any-protocol"),
        pytest.param({"protocol": "UDP", "destination": {"ports": ["web"]}}, set(), id="named-udp"),
        pytest.param(
            {"protocol": "TCP", "destination": {"ports": ["web", 8443]}}, {TCP, TLS}, id="either"
        ),
        pytest.param(
            {"protocol": "TCP", "destination": {"notPorts": [8080]}}, {TLS}, id="not-ports"
        ),
        pytest.param({"destination": {"notPorts": ["web"]}}, {TLS, UDP}, id="not-a-named-port"),
        pytest.param(
            {"protocol": "TCP", "destination": {"ports": ["1:9000"], "notPorts": ["web"]}},
            {TLS},
            id="ports-and-not-ports",
        ),
        pytest.param(
            {"protocol": "TCP", "source": {"ports": ["1024:65535"]}}, {TCP, TLS}, id="source-ports"
        ),
        pytest.param({"protocol": "TCP", "source": {"ports": [80]}}, set(), id="no-source-port"),
        pytest.param(
            {"destination": {"selector": "app == 'web'"}}, {TCP, TLS, UDP}, id="the-target-itself"
        ),
        pytest.param({"destination": {"selector": "app == 'api'"}}, set(), id="another-target"),
        pytest.param(
            {"source": {"selector": "app == 'api'"}, "destination": {"notSelector": "has(app)"}},
            set(),
            id="both-ends",
        ),
    ],
)
def test_what_a_rule_says_of_packets(net, rule, flows):
    gnp(net, **WEB, ingress=allowed(**rule))
    net.settle()

    assert reached(net, "api", TCP, TLS, UDP) == flows


@pytest.mark.nightly
@pytest.mark.parametrize(
    ("rule", "answers"),
    [
        pytest.param({"protocol": "ICMP"}, True, id="any"),
        pytest.param({"protocol": "ICMP", "icmp": {"type": 8}}, True, id="echo"),
        pytest.param({"protocol": "ICMP", "icmp": {"type": 8, "code": 1}}, False, id="other-code"),
        pytest.param({"protocol": "ICMP", "icmp": {"type": 13}}, False, id="other-type"),
        pytest.param({"protocol": "ICMP", "notICMP": {"type": 8}}, False, id="not-echo"),
        pytest.param({"protocol": "ICMP", "notICMP": {"type": 8, "code": 1}}, True, id="not-code"),
        pytest.param({"protocol": "ICMPv6"}, False, id="v6"),
        pytest.param({"protocol": "TCP"}, False, id="tcp"),
    ],
)
def test_what_a_rule_says_of_pings(net, rule, answers):
    gnp(net, **WEB, ingress=allowed(**rule))
    net.settle()

    assert net.ping("api", "web") == answers
    assert net.ping("api", "far")


@pytest.mark.nightly
@pytest.mark.parametrize(
    ("target", "flows"),
    [
        pytest.param({"selector": "app == 'far'"}, {("far", 8080), ("far", 8443)}, id="selector"),
        pytest.param({"nets": ["203.0.113.0/24"]}, {("internet", 80)}, id="nets"),
        pytest.param(
            {"selector": "kind == 'partner'"}, {("internet", 80), ("near", 8080)}, id="sets"
        ),
        pytest.param(
            {"services": {"name": "tills", "namespace": "shop"}}, {("far", 8443)}, id="service"
        ),
        pytest.param({"notSelector": "has(app)"}, {("internet", 80)}, id="no-pod-at-all"),
    ],
)
def test_egress_rules_are_judged_at_the_source(net, target, flows):
    places(net)
    gnp(net, selector="app == 'api'", egress=allowed(destination=target))
    net.settle()

    asked = [("far", 8080), ("far", 8443), ("near", 8080), ("internet", 80), ("web", 8080)]
    assert reached(net, "api", *((*flow, "TCP") for flow in asked)) == {
        (*flow, "TCP") for flow in flows
    }


@pytest.mark.nightly
@pytest.mark.parametrize(
    ("subject", "closed"),
    [
        pytest.param({}, ALL, id="every-pod"),
        pytest.param({"selector": "has(tier)"}, {"web", "far"}, id="selector"),
        pytest.param({"namespaceSelector": "team == 'red'"}, {"near"}, id="namespaces"),
        pytest.param({"serviceAccountSelector": "role == 'clerk'"}, {"far", "near"}, id="accounts"),
        pytest.param(
            {"namespaceSelector": "team == 'blue'", "selector": "app != 'web'"},
            {"api", "far"},
            id="both",
        ),
    ],
)
def test_whom_a_global_policy_selects(net, subject, closed):
    gnp(net, **subject, types=["Ingress"])
    net.settle()

    assert {t for t in ALL if not opened(net, {"internet"}, t)} == closed


@pytest.mark.nightly
@pytest.mark.parametrize(
    ("spec", "inward", "outward"),
    [
        pytest.param({}, False, True, id="ingress-without-rules"),
        pytest.param({"egress": allowed(protocol="UDP")}, True, False, id="egress-rules-alone"),
        pytest.param(
            {"egress": allowed(protocol="UDP"), "ingress": allowed()}, True, False, id="both-rules"
        ),
        pytest.param({"types": ["Egress"]}, True, False, id="stated"),
        pytest.param({"types": ["Ingress"], "egress": denied()}, False, True, id="rules-outside"),
        pytest.param({"types": ["Ingress", "Egress"]}, False, False, id="both-stated"),
    ],
)
def test_which_directions_a_policy_is_in_force_for(net, spec, inward, outward):
    np(net, **WEB, **spec)
    net.settle()

    assert bool(opened(net, {"api"}, "web")) == inward
    assert bool(opened(net, {"web"}, "api")) == outward


def first_tier(net):
    tier(net, "first", 10)
    gnp(net, "tiered", tier="first", **WEB, ingress=[{"action": "Pass", **PORT}])


def k8s(net, *ports, name="kube"):
    rules = [{"ports": [{"port": port} for port in ports]}] if ports else []
    selected = {"podSelector": {"matchLabels": {"app": "web"}}, "policyTypes": ["Ingress"]}
    net.put(
        "networkpolicies.networking.k8s.io",
        name,
        namespace="shop",
        spec={**selected, "ingress": rules},
    )


def cluster_policy(net, tier, action):
    rule = {"action": action, "from": [{"namespaces": {}}]}
    subject = {"namespaces": {"matchLabels": {"team": "blue"}}}
    spec = {"tier": tier, "priority": 5, "subject": subject, "ingress": [rule]}
    net.put("clusternetworkpolicies.policy.networking.k8s.io", "cluster", spec=spec)


def order(net, policy, *orders):
    """Policies that deny and allow, in this order of names."""
    for name, number, action in orders:
        spec = {} if number is None else {"order": number}
        policy(net, name, **WEB, **spec, ingress=[{"action": action, "protocol": "TCP"}])


WALKS = [
    pytest.param([first_tier], {8080}, id="pass-goes-on-and-the-rest-is-denied"),
    pytest.param([first_tier, lambda n: k8s(n, 8443)], set(), id="pass-leaves-kubernetes-policies"),
    pytest.param([first_tier, lambda n: k8s(n, 8080)], {8080}, id="which-may-allow"),
    pytest.param(
        [lambda n: tier(n, "soft", 10, "Pass"), lambda n: gnp(n, tier="soft", **WEB)],
        {8080, 8443},
        id="a-tier-that-passes-by-default",
    ),
    pytest.param(
        [lambda n: tier(n, "soft", 10, "Pass"), lambda n: gnp(n, tier="soft", **WEB), k8s],
        set(),
        id="goes-on-to-the-next",
    ),
    pytest.param(
        [lambda n: tier(n, "late", 2_000_000), lambda n: gnp(n, tier="late", **WEB), k8s],
        set(),
        id="default-tier-denies-first",
    ),
    pytest.param(
        [
            lambda n: tier(n, "last", None),
            lambda n: gnp(n, "p", tier="last", **WEB, ingress=allowed(**PORT)),
        ],
        {8080},
        id="a-tier-without-order-is-last",
    ),
    pytest.param(
        [
            lambda n: tier(n, "b", 10),
            lambda n: tier(n, "a", 10),
            lambda n: gnp(n, "p", tier="a", **WEB, ingress=allowed(**PORT)),
            lambda n: gnp(n, "q", tier="b", **WEB),
        ],
        {8080},
        id="tiers-of-one-order-by-name",
    ),
    pytest.param([lambda n: gnp(n, tier="nowhere", **WEB)], {8080, 8443}, id="no-such-tier"),
    pytest.param(
        [lambda n: order(n, gnp, ("b", 1, "Deny"), ("a", 2, "Allow"))],
        set(),
        id="lower-order-first",
    ),
    pytest.param(
        [lambda n: order(n, gnp, ("b", 1, "Deny"), ("a", 1, "Allow"))],
        {8080, 8443},
        id="tie-by-name",
    ),
    pytest.param(
        [lambda n: order(n, gnp, ("a", None, "Deny"), ("b", 1e9, "Allow"))],
        {8080, 8443},
        id="no-order-is-last",
    ),
    pytest.param(
        [lambda n: order(n, np, ("b", 1.5, "Deny"), ("a", 1.25, "Allow"))],
        {8080, 8443},
        id="orders-are-fractions",
    ),
    pytest.param(
        [lambda n: order(n, np, ("a", 5, "Deny")), lambda n: order(n, gnp, ("b", 4, "Allow"))],
        {8080, 8443},
        id="both-kinds-in-one-order",
    ),
    pytest.param(
        [lambda n: np(n, **WEB, order=999, ingress=allowed(**PORT)), k8s],
        {8080},
        id="before-kubernetes-policies",
    ),
    pytest.param(
        [lambda n: np(n, **WEB, order=1001, ingress=allowed(**PORT)), k8s],
        {8080},
        id="behind-kubernetes-policies-that-do-not-fit",
    ),
    pytest.param(
        [lambda n: order(n, np, ("deny", 1001, "Deny")), lambda n: k8s(n, 8080)],
        {8080},
        id="kubernetes-policies-allow-first",
    ),
    pytest.param(
        [lambda n: order(n, np, ("a", 1000, "Deny")), lambda n: k8s(n, 8080, name="b")],
        set(),
        id="a-thousand-is-theirs-too-a-name-before",
    ),
    pytest.param(
        [lambda n: order(n, np, ("c", 1000, "Deny")), lambda n: k8s(n, 8080, name="b")],
        {8080},
        id="a-thousand-is-theirs-too-a-name-behind",
    ),
    pytest.param(
        [
            lambda n: np(
                n,
                **WEB,
                ingress=[{"action": "Log"}, {"action": "Allow", **PORT}, {"action": "Log"}],
            )
        ],
        {8080},
        id="log-decides-nothing",
    ),
    pytest.param(
        [
            lambda n: np(n, "a", **WEB, ingress=[{"action": "Pass", **PORT}]),
            lambda n: np(n, "b", **WEB, ingress=denied()),
        ],
        {8080},
        id="pass-in-the-default-tier-opens",
    ),
    pytest.param(
        [
            lambda n: np(n, "a", **WEB, ingress=[{"action": "Pass"}]),
            lambda n: cluster_policy(n, "Baseline", "Deny"),
        ],
        set(),
        id="unless-the-baseline-denies",
    ),
    pytest.param(
        [first_tier, lambda n: cluster_policy(n, "Admin", "Accept")],
        {8080},
        id="a-tier-before-the-admin-tier",
    ),
    pytest.param(
        [
            lambda n: tier(n, "second", 5000),
            lambda n: gnp(n, tier="second", **WEB),
            lambda n: cluster_policy(n, "Admin", "Accept"),
        ],
        {8080, 8443},
        id="a-tier-behind-the-admin-tier",
    ),
]


@pytest.mark.nightly
@pytest.mark.parametrize(("made", "ports"), WALKS)
def test_the_walk_through_tiers_and_orders(net, made, ports):
    for make in made:
        make(net)
    net.settle()

    flows = [("web", 8080, "TCP"), ("web", 8443, "TCP")]
    assert {port for _, port, _ in reached(net, "api", *flows)} == ports


def test_a_policy_that_goes_and_a_set_that_changes_are_followed(net):
    places(net)
    gnp(net, **WEB, ingress=allowed(source={"selector": "kind == 'partner'"}))
    net.settle()
    assert opened(net, CLIENTS, "web") == {"internet", "near"}

    nets = ["10.244.0.0/16", "10.244.2.0/24"]
    put(net, "globalnetworksets", "out", labels={"kind": "partner"}, nets=nets)
    net.settle()
    assert opened(net, CLIENTS, "web") == {"api", "far", "near"}

    net.remove(f"globalnetworkpolicies.{GROUP}", None, "policy")
    net.settle()
    assert opened(net, CLIENTS, "web") == CLIENTS
