"""
The corner cases of Calico's own policies as data: id, policies, flow, what Calico answers.

docs/semantics.md names the source of each.
"""

from __future__ import annotations

from tests.policy.corner_cases import DENY_IN, into_x
from tests.policy.tier_cases import cluster, rule, rules
from tests.policy.worlds import documents

IN = "z/a -> x/a:80"
NEAR = "x/b -> x/a:80"
OUT = "x/a -> outside:80"
FROM_OUT = "outside -> x/a:80"
OPEN_X = into_x("{}")
ON_A = "selector: app == 'a', namespaceSelector: projectcalico.org/name == 'x'"


ASTRAY = f"""{{{ON_A}, types: [Ingress],
  ingress: [{{action: Allow, destination: {{services: {{name: a, namespace: x}}}}}}]}}"""
"""What the validator of `projectcalico.org/v3` refuses, and the API server by itself takes."""


def calico(kind, meta, spec, version="projectcalico.org/v3"):
    (document,) = documents(f"""
apiVersion: {version}
kind: {kind}
metadata: {{{meta}}}
spec: {spec}
""")
    return document.data


def gnp(spec, name="p"):
    """A GlobalNetworkPolicy; `spec` is YAML."""
    return calico("GlobalNetworkPolicy", f"name: {name}", spec)


def np(spec, name="p", namespace="x"):
    """A NetworkPolicy of Calico's."""
    return calico("NetworkPolicy", f"name: {name}, namespace: {namespace}", spec)


def tier(name, order, action="Deny"):
    given = "" if order is None else f"order: {order}, "
    return calico("Tier", f"name: {name}", f"{{{given}defaultAction: {action}}}")


def global_set(nets, labels="kind: partner"):
    return calico("GlobalNetworkSet", f"name: s, labels: {{{labels}}}", f"{{nets: [{nets}]}}")


def own_set(nets, namespace="z"):
    meta = f"name: s, namespace: {namespace}, labels: {{kind: partner}}"
    return calico("NetworkSet", meta, f"{{nets: [{nets}]}}")


def account(labels, name="cook", namespace="z"):
    return {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {"name": name, "namespace": namespace, "labels": labels},
    }


def on_a(sides, more=""):
    """What a policy of the whole cluster says that acts on x/a."""
    return gnp(f"{{{ON_A}, {more}{sides}}}")


def ingress(rules, more=""):
    return on_a(f"ingress: [{rules}]", more)


def source(said):
    """Lets into x/a whom a source means."""
    return ingress(f"{{action: Allow, source: {{{said}}}}}")


def near_source(said):
    """The same by a policy of the namespace."""
    return np(f"{{selector: app == 'a', ingress: [{{action: Allow, source: {{{said}}}}}]}}")


def destination(said):
    return on_a(f"egress: [{{action: Allow, destination: {{{said}}}}}]")


def packet(said):
    return ingress(f"{{action: Allow, {said}}}")


def at(order, action, name, kind=np, tier_name="default"):
    """A policy on x/a that does one thing with all that comes in."""
    place = "namespaceSelector: projectcalico.org/name == 'x'," if kind is gnp else ""
    number = "" if order is None else f"order: {order},"
    spec = f"{{tier: {tier_name}, {number} {place} selector: app == 'a', "
    return kind(f"{spec}ingress: [{{action: {action}}}]}}", name=name)


HOSTS = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {"name": "hosts", "namespace": "z"},
    "spec": {"selector": {"app": "host"}, "ports": [{"port": 80}]},
}
TO_80 = "{protocol: TCP, destination: {ports: [80]}}"

CALICO_CASES = [
    # which directions are in force
    ("calico-selects-and-denies", [ingress("")], IN, "deny"),
    ("calico-unselected-stays-open", [ingress("")], "z/a -> x/b:80", "allow"),
    ("calico-types-default-ingress", [np("{selector: app == 'a'}")], IN, "deny"),
    ("calico-types-default-not-egress", [np("{selector: app == 'a'}")], OUT, "allow"),
    (
        "calico-types-default-egress-alone",
        [np("{selector: app == 'a', egress: [{action: Allow}]}")],
        IN,
        "allow",
    ),
    (
        "calico-types-default-both",
        [np("{selector: app == 'a', egress: [{action: Allow}], ingress: [{action: Deny}]}")],
        IN,
        "deny",
    ),
    (
        "calico-types-leave-rules-out",
        [np("{selector: app == 'a', types: [Ingress], egress: [{action: Deny}]}")],
        OUT,
        "allow",
    ),
    ("calico-both-sides", [destination("nets: [203.0.113.0/24]")], OUT, "allow"),
    # whom a policy selects
    ("calico-subject-own-namespace", [np("{selector: all()}")], "x/b -> z/a:80", "allow"),
    ("calico-subject-empty-selector", [gnp("{types: [Ingress]}")], IN, "deny"),
    (
        "calico-subject-namespaces",
        [gnp("{namespaceSelector: team == 'blue', types: [Ingress]}")],
        "x/b -> z/a:80",
        "deny",
    ),
    (
        "calico-subject-namespace-by-kubernetes-name",
        [gnp("{namespaceSelector: kubernetes.io/metadata.name == 'z', types: [Ingress]}")],
        "x/b -> z/a:80",
        "deny",
    ),
    (
        "calico-subject-accounts",
        [gnp("{serviceAccountSelector: has(role), types: [Ingress]}")],
        IN,
        "allow",
    ),
    ("calico-subject-not-host-network", [gnp("{types: [Ingress]}")], "x/a -> z/host:80", "allow"),
    # rules and their actions
    ("calico-rule-allows", [ingress("{action: Allow}")], IN, "allow"),
    ("calico-rule-denies", [ingress("{action: Deny}, {action: Allow}")], IN, "deny"),
    ("calico-first-rule-counts", [ingress("{action: Allow}, {action: Deny}")], IN, "allow"),
    ("calico-log-decides-nothing", [ingress("{action: Log}, {action: Allow}")], IN, "allow"),
    ("calico-log-alone-is-denied", [ingress("{action: Log}")], IN, "deny"),
    ("calico-pass-in-the-last-tier-opens", [ingress("{action: Pass}")], IN, "allow"),
    # tiers and orders
    (
        "calico-tier-pass-to-networkpolicies",
        [tier("t", 10), at(1, "Pass", "p", gnp, "t"), DENY_IN],
        IN,
        "deny",
    ),
    (
        "calico-tier-denies-what-no-rule-fits",
        [tier("t", 10), gnp(f"{{tier: t, {ON_A}, ingress: []}}"), OPEN_X],
        IN,
        "deny",
    ),
    (
        "calico-tier-that-passes-by-default",
        [tier("t", 10, "Pass"), gnp(f"{{tier: t, {ON_A}, ingress: []}}"), OPEN_X],
        IN,
        "allow",
    ),
    (
        "calico-tier-selects-nobody",
        [tier("t", 10), gnp("{tier: t, selector: app == 'nobody'}"), OPEN_X],
        IN,
        "allow",
    ),
    (
        "calico-tier-lower-order-first",
        [
            tier("late", 20),
            tier("soon", 10),
            at(1, "Deny", "p", gnp, "late"),
            at(1, "Allow", "q", gnp, "soon"),
        ],
        IN,
        "allow",
    ),
    (
        "calico-tier-tie-by-name",
        [
            tier("b", 10),
            tier("a", 10),
            at(1, "Deny", "p", gnp, "b"),
            at(1, "Allow", "q", gnp, "a"),
        ],
        IN,
        "allow",
    ),
    (
        "calico-tier-without-order-last",
        [tier("last", None), at(1, "Allow", "p", gnp, "last"), DENY_IN],
        IN,
        "deny",
    ),
    ("calico-tier-not-seen", [at(1, "Deny", "p", gnp, "nowhere")], IN, "?"),
    (
        "calico-tier-before-kube-admin",
        [tier("t", 10), at(1, "Deny", "p", gnp, "t"), cluster("c", ingress=rules(rule("Accept")))],
        IN,
        "deny",
    ),
    (
        "calico-tier-behind-kube-admin",
        [
            tier("t", 5000),
            at(1, "Deny", "p", gnp, "t"),
            cluster("c", ingress=rules(rule("Accept"))),
        ],
        IN,
        "allow",
    ),
    (
        "calico-tier-baseline-after-pass",
        [
            ingress("{action: Pass}"),
            cluster("c", tier="Baseline", ingress=rules(rule("Deny"))),
        ],
        IN,
        "deny",
    ),
    (
        "calico-order-lower-first",
        [at(1, "Deny", "b"), at(2, "Allow", "a")],
        IN,
        "deny",
    ),
    ("calico-order-tie-by-name", [at(1, "Deny", "b"), at(1, "Allow", "a")], IN, "allow"),
    ("calico-order-missing-is-last", [at(None, "Deny", "a"), at(1e9, "Allow", "b")], IN, "allow"),
    ("calico-order-fractions", [at(1.5, "Deny", "a"), at(1.25, "Allow", "b")], IN, "allow"),
    ("calico-order-of-both-kinds", [at(5, "Deny", "a"), at(4, "Allow", "b", gnp)], IN, "allow"),
    ("calico-order-before-networkpolicies", [at(999, "Deny", "d"), OPEN_X], IN, "deny"),
    ("calico-order-behind-networkpolicies", [at(1001, "Deny", "d"), OPEN_X], IN, "allow"),
    (
        "calico-order-behind-what-does-not-fit",
        [at(1001, "Allow", "d"), DENY_IN],
        IN,
        "allow",
    ),
    ("calico-order-tie-with-networkpolicy", [at(1000, "Deny", "a"), OPEN_X], IN, "deny"),
    # who is at the other end
    ("calico-peer-anybody", [source("")], FROM_OUT, "allow"),
    ("calico-peer-selector", [source("selector: app == 'b'")], NEAR, "allow"),
    ("calico-peer-selector-other", [source("selector: app == 'b'")], IN, "deny"),
    ("calico-peer-selector-of-all-namespaces", [source("selector: app == 'a'")], IN, "allow"),
    ("calico-peer-all-is-endpoints", [source("selector: all()")], FROM_OUT, "deny"),
    ("calico-peer-selector-never-hosts", [source("selector: all()")], "z/far -> x/a:80", "deny"),
    ("calico-peer-own-namespace", [near_source("selector: all()")], IN, "deny"),
    (
        "calico-peer-own-namespace-for-accounts",
        [near_source("serviceAccounts: {names: [default]}")],
        IN,
        "deny",
    ),
    ("calico-peer-all-namespaces", [near_source("namespaceSelector: all()")], IN, "allow"),
    ("calico-peer-namespace-label", [source("namespaceSelector: team == 'blue'")], IN, "allow"),
    (
        "calico-peer-namespace-by-name",
        [source("namespaceSelector: projectcalico.org/name == 'x'")],
        IN,
        "deny",
    ),
    (
        "calico-peer-both-selectors",
        [source("namespaceSelector: team == 'blue', selector: app == 'b'")],
        IN,
        "deny",
    ),
    (
        "calico-peer-label-of-namespace",
        [source("selector: projectcalico.org/namespace == 'z'")],
        IN,
        "allow",
    ),
    ("calico-peer-inherited-label", [source("selector: pcns.team == 'blue'")], IN, "allow"),
    ("calico-peer-not-selector", [source("notSelector: app == 'a'")], IN, "deny"),
    ("calico-peer-not-selector-outside", [source("notSelector: app == 'a'")], FROM_OUT, "allow"),
    (
        "calico-peer-not-selector-own-namespace",
        [near_source("notSelector: app == 'b'")],
        FROM_OUT,
        "deny",
    ),
    (
        "calico-peer-both-signs",
        [source("selector: has(app), notSelector: app == 'a'")],
        IN,
        "deny",
    ),
    ("calico-peer-account-names", [source("serviceAccounts: {names: [default]}")], IN, "allow"),
    (
        "calico-peer-account-label",
        [source("serviceAccounts: {selector: role == 'x'}"), account({"role": "x"}, "default")],
        IN,
        "allow",
    ),
    (
        "calico-peer-account-by-name",
        [source("serviceAccounts: {selector: projectcalico.org/name == 'default'}")],
        IN,
        "allow",
    ),
    # addresses and network sets
    ("calico-nets-outside", [source("nets: [203.0.113.0/24]")], FROM_OUT, "allow"),
    ("calico-nets-hold-pods", [source("nets: [10.0.1.0/24]")], IN, "allow"),
    ("calico-nets-hold-nodes", [source("nets: [192.168.0.2/32]")], "z/far -> x/a:80", "allow"),
    ("calico-not-nets", [source("notNets: [10.0.1.0/24]")], IN, "deny"),
    (
        "calico-nets-with-a-hole",
        [source("nets: [10.0.0.0/8], notNets: [10.0.1.0/24]")],
        IN,
        "deny",
    ),
    ("calico-nets-unknown-address", [source("nets: [203.0.113.0/24]")], "anywhere -> x/a:80", "?"),
    (
        "calico-set-global",
        [source("selector: kind == 'partner'"), global_set("203.0.113.9")],
        FROM_OUT,
        "allow",
    ),
    (
        "calico-set-global-by-global",
        [near_source("namespaceSelector: global()"), global_set("203.0.113.0/24")],
        FROM_OUT,
        "allow",
    ),
    (
        "calico-set-global-in-no-namespace",
        [near_source("selector: kind == 'partner'"), global_set("203.0.113.0/24")],
        FROM_OUT,
        "deny",
    ),
    (
        "calico-set-of-a-namespace",
        [near_source("selector: kind == 'partner'"), own_set("203.0.113.0/24", "x")],
        FROM_OUT,
        "allow",
    ),
    (
        "calico-set-of-another-namespace",
        [near_source("selector: kind == 'partner'"), own_set("203.0.113.0/24")],
        FROM_OUT,
        "deny",
    ),
    (
        "calico-set-inherits-labels",
        [source("selector: pcns.team == 'blue'"), own_set("203.0.113.0/24")],
        FROM_OUT,
        "allow",
    ),
    (
        "calico-set-holds-pods",
        [source("selector: kind == 'partner'"), global_set("10.0.1.0/24")],
        IN,
        "allow",
    ),
    (
        "calico-set-lacks-labels",
        [source("selector: '!has(app)'"), global_set("203.0.113.0/24")],
        FROM_OUT,
        "allow",
    ),
    (
        "calico-set-left-out",
        [source("notSelector: kind == 'partner'"), global_set("203.0.113.0/24")],
        FROM_OUT,
        "deny",
    ),
    ("calico-set-missing", [source("selector: kind == 'partner'")], FROM_OUT, "deny"),
    # Services
    (
        "calico-service-egress",
        [destination("services: {name: b, namespace: x}")],
        "x/a -> x/c:3002",
        "allow",
    ),
    (
        "calico-service-egress-other-port",
        [destination("services: {name: b, namespace: x}")],
        "x/a -> x/c:80",
        "deny",
    ),
    (
        "calico-service-egress-other-pod",
        [destination("services: {name: b, namespace: x}")],
        "x/a -> x/b:3001",
        "deny",
    ),
    (
        "calico-service-through-its-address",
        [destination("services: {name: b, namespace: x}")],
        "x/a -> svc x/b:8080",
        "allow",
    ),
    (
        "calico-service-of-the-own-namespace",
        [near_source("services: {name: both}")],
        "x/b -> x/a:80",
        "allow",
    ),
    (
        "calico-service-source-any-port",
        [source("services: {name: b, namespace: x}")],
        "x/c -> x/a:80",
        "allow",
    ),
    (
        "calico-service-source-is-its-node",
        [source("services: {name: hosts, namespace: z}"), HOSTS],
        "node n2 -> x/a:80",
        "allow",
    ),
    (
        "calico-service-at-the-own-end",
        [calico("GlobalNetworkPolicy", "name: p", ASTRAY, "crd.projectcalico.org/v1")],
        IN,
        "?",
    ),
    ("calico-service-not-seen", [source("services: {name: nowhere, namespace: x}")], IN, "?"),
    # what a packet is
    ("calico-protocol", [packet("protocol: TCP")], IN, "allow"),
    ("calico-protocol-other", [packet("protocol: UDP")], IN, "deny"),
    ("calico-protocol-number", [packet("protocol: 6")], IN, "allow"),
    ("calico-protocol-lower-case", [packet("protocol: tcp")], IN, "allow"),
    ("calico-protocol-not", [packet("notProtocol: TCP")], IN, "deny"),
    ("calico-protocol-icmp", [packet("protocol: ICMP, icmp: {type: 8}")], IN, "deny"),
    ("calico-not-icmp-without-protocol", [packet("notICMP: {type: 8}")], IN, "?"),
    ("calico-ip-version", [packet("ipVersion: 6")], IN, "deny"),
    ("calico-port", [packet("protocol: TCP, destination: {ports: [80]}")], IN, "allow"),
    ("calico-port-other", [packet("protocol: TCP, destination: {ports: [81]}")], IN, "deny"),
    (
        "calico-port-range",
        [packet("protocol: TCP, destination: {ports: ['1:79', '80:90']}")],
        IN,
        "allow",
    ),
    ("calico-port-not", [packet("protocol: TCP, destination: {notPorts: [80]}")], IN, "deny"),
    ("calico-port-named", [packet("protocol: TCP, destination: {ports: [web]}")], IN, "allow"),
    ("calico-port-named-any-protocol", [packet("destination: {ports: [web]}")], IN, "allow"),
    (
        "calico-port-named-other-protocol",
        [packet("protocol: UDP, destination: {ports: [web]}")],
        "z/a -> x/a:80/udp",
        "deny",
    ),
    ("calico-port-not-named", [packet("destination: {notPorts: [web]}")], IN, "deny"),
    (
        "calico-port-named-not-on-hosts",
        [on_a("egress: [{action: Allow, destination: {ports: [web]}}]")],
        "x/a -> z/far:80",
        "deny",
    ),
    (
        "calico-source-ports-all-that-clients-get",
        [packet("protocol: TCP, source: {ports: ['1024:65535']}")],
        IN,
        "allow",
    ),
    (
        "calico-source-ports-none-of-them",
        [packet("protocol: TCP, source: {ports: [80]}")],
        IN,
        "deny",
    ),
    (
        "calico-source-ports-some-of-them",
        [packet("protocol: TCP, source: {ports: ['40000:50000']}")],
        IN,
        "?",
    ),
    (
        "calico-both-ends",
        [packet("source: {selector: app == 'a'}, destination: {nets: [10.0.0.2/32]}")],
        IN,
        "deny",
    ),
    (
        "calico-own-end-too",
        [packet("destination: {selector: app == 'a'}")],
        IN,
        "allow",
    ),
    # what packets of L3/L4 do not show
    ("calico-http", [packet("http: {methods: [GET]}")], IN, "?"),
    (
        "calico-http-another-peer",
        [packet("http: {methods: [GET]}, source: {selector: app == 'b'}")],
        IN,
        "deny",
    ),
    (
        "calico-http-behind-a-deny",
        [ingress("{action: Deny}, {action: Allow, http: {methods: [GET]}}")],
        IN,
        "deny",
    ),
    (
        "calico-pre-dnat",
        [gnp("{preDNAT: true, applyOnForward: true, ingress: [{action: Deny}]}")],
        IN,
        "?",
    ),
    (
        "calico-do-not-track",
        [gnp("{doNotTrack: true, applyOnForward: true, ingress: [{action: Deny}]}")],
        IN,
        "?",
    ),
    ("calico-apply-on-forward", [gnp("{applyOnForward: true, types: [Ingress]}")], IN, "?"),
    (
        "calico-staged",
        [calico("StagedGlobalNetworkPolicy", "name: p", "{types: [Ingress]}")],
        IN,
        "allow",
    ),
    (
        "calico-stored-group",
        [calico("NetworkPolicy", "name: p, namespace: x", "{}", "crd.projectcalico.org/v1")],
        IN,
        "deny",
    ),
]
