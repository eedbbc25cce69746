"""
The corner cases of NetworkPolicy as data: id, policies, flow, answer.

Answers are those of the specification alone, Calico and Cilium; one word stands for all three.
`?` is: not to be known. docs/semantics.md names the source of each.
"""

from __future__ import annotations

from tests.policy.worlds import policy

DENY_IN = policy("deny-in", "{policyTypes: [Ingress]}")
DENY_OUT = policy("deny-out", "{policyTypes: [Egress]}")
DENY_OUT_Z = policy("deny-out", "{policyTypes: [Egress]}", "z")


def into_x(rule, name="in"):
    return policy(name, f"{{policyTypes: [Ingress], ingress: [{rule}]}}")


def out_of_x(rule, name="out"):
    return policy(name, f"{{policyTypes: [Egress], egress: [{rule}]}}")


ALL_IN = "{from: [{ipBlock: {cidr: 0.0.0.0/0}}]}"
ALL_OUT = "{to: [{ipBlock: {cidr: 0.0.0.0/0}}]}"
OUTSIDE = "{cidr: 203.0.113.0/24, except: [203.0.113.5/32]}"

CASES = [
    # which directions are in force
    ("no-policy", [], "x/a -> z/a:80", "allow"),
    ("types-default-ingress", [policy("p", "{}")], "z/a -> x/a:80", "deny"),
    ("types-default-not-egress", [policy("p", "{}")], "x/a -> z/a:80", "allow"),
    (
        "types-default-egress-with-rule",
        [policy("p", "{egress: [{ports: [{port: 81}]}]}")],
        "x/a -> z/a:80",
        "deny",
    ),
    ("types-default-empty-egress", [policy("p", "{egress: []}")], "x/a -> z/a:80", "allow"),
    ("types-egress-only-leaves-ingress", [DENY_OUT], "z/a -> x/a:80", "allow"),
    (
        "types-without-direction-ignore-rules",
        [policy("p", "{policyTypes: [Ingress], egress: [{ports: [{port: 81}]}]}")],
        "x/a -> z/a:80",
        ("allow", "allow", "deny"),
    ),
    # empty and missing
    ("rules-missing-deny", [DENY_IN], "x/b -> x/a:80", "deny"),
    ("rules-empty-list-deny", [policy("p", "{ingress: []}")], "x/b -> x/a:80", "deny"),
    ("rule-empty-allows-all", [into_x("{}")], "z/a -> x/a:80", "allow"),
    ("rule-empty-allows-outside", [into_x("{}")], "outside -> x/a:80", "allow"),
    ("peers-empty-list-allows-all", [into_x("{from: []}")], "z/a -> x/a:80", "allow"),
    ("ports-empty-list-allows-all", [into_x("{ports: []}")], "z/a -> x/a:80", "allow"),
    ("selector-empty-all-pods", [policy("p", "{podSelector: {}}")], "z/a -> x/c:3002", "deny"),
    ("selector-missing-all-pods", [policy("p", "{}")], "z/a -> x/c:3002", "deny"),
    (
        "selector-other-pods-untouched",
        [policy("p", "{podSelector: {matchLabels: {app: b}}}")],
        "z/a -> x/a:80",
        "allow",
    ),
    (
        "selector-not-in-without-label",
        [
            policy(
                "p",
                "{podSelector: {matchExpressions: [{key: tier, operator: NotIn, values: [c]}]}}",
            )
        ],
        "z/a -> x/a:80",
        "deny",
    ),
    # both sides, and adding up
    ("both-sides-egress-missing", [DENY_OUT_Z, into_x("{}")], "z/a -> x/a:80", "deny"),
    ("both-sides-ingress-missing", [DENY_IN], "z/a -> x/a:80", "deny"),
    ("replies-need-nothing", [DENY_OUT], "z/a -> x/a:80", "allow"),
    ("policies-add-up", [DENY_IN, into_x("{ports: [{port: 80}]}")], "z/a -> x/a:80", "allow"),
    (
        "except-is-no-deny",
        [into_x(f"{{from: [{{ipBlock: {OUTSIDE}}}]}}"), into_x("{}", "wide")],
        "except -> x/a:80",
        "allow",
    ),
    # peers
    (
        "peer-pod-own-namespace",
        [into_x("{from: [{podSelector: {matchLabels: {app: a}}}]}")],
        "z/a -> x/b:3001",
        "deny",
    ),
    (
        "peer-empty-pod-selector-own-namespace",
        [into_x("{from: [{podSelector: {}}]}")],
        "z/a -> x/b:3001",
        "deny",
    ),
    (
        "peer-namespace-all-its-pods",
        [into_x("{from: [{namespaceSelector: {matchLabels: {team: blue}}}]}")],
        "z/a -> x/b:3001",
        "allow",
    ),
    (
        "peer-empty-namespace-selector",
        [into_x("{from: [{namespaceSelector: {}}]}")],
        "z/a -> x/b:3001",
        "allow",
    ),
    (
        "peer-namespace-by-its-own-label",
        [into_x("{from: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: z}}}]}")],
        "z/a -> x/b:3001",
        "allow",
    ),
    (
        "peer-namespace-name-is-no-label",
        [into_x("{from: [{namespaceSelector: {matchLabels: {name: z}}}]}")],
        "z/a -> x/b:3001",
        "deny",
    ),
    (
        "peer-both-selectors-and",
        [
            into_x(
                "{from: [{namespaceSelector: {matchLabels: {team: blue}},"
                " podSelector: {matchLabels: {app: b}}}]}"
            )
        ],
        "z/a -> x/b:3001",
        "deny",
    ),
    (
        "peer-two-entries-or",
        [
            into_x(
                "{from: [{namespaceSelector: {matchLabels: {team: blue}}},"
                " {podSelector: {matchLabels: {app: b}}}]}"
            )
        ],
        "z/a -> x/b:3001",
        "allow",
    ),
    (
        "peer-stray-dash-not-other-namespaces",
        [
            into_x(
                "{from: [{podSelector: {matchLabels: {app: a}}},"
                " {namespaceSelector: {matchLabels: {team: green}}}]}"
            )
        ],
        "z/a -> x/b:3001",
        "deny",
    ),
    (
        "selectors-never-outside",
        [into_x("{from: [{namespaceSelector: {}}]}")],
        "outside -> x/a:80",
        "deny",
    ),
    # ports
    ("port-default-tcp", [into_x("{ports: [{port: 80}]}")], "z/a -> x/a:80/udp", "deny"),
    ("port-missing-all", [into_x("{ports: [{protocol: UDP}]}")], "z/a -> x/a:9/udp", "allow"),
    ("port-missing-one-protocol", [into_x("{ports: [{protocol: UDP}]}")], "z/a -> x/a:9", "deny"),
    ("port-range", [into_x("{ports: [{port: 80, endPort: 82}]}")], "z/a -> x/a:82", "allow"),
    ("port-range-ends", [into_x("{ports: [{port: 80, endPort: 82}]}")], "z/a -> x/a:83", "deny"),
    (
        "port-named-per-pod",
        [out_of_x("{to: [{podSelector: {}}], ports: [{port: web}]}")],
        "x/a -> x/c:3002",
        "allow",
    ),
    (
        "port-named-is-the-destinations",
        [out_of_x("{to: [{podSelector: {}}], ports: [{port: web}]}")],
        "x/a -> x/c:80",
        "deny",
    ),
    (
        "port-named-nothing-outside",
        [out_of_x("{ports: [{port: web}]}")],
        "x/a -> outside:80",
        "deny",
    ),
    (
        "port-named-host-network",
        [out_of_x("{ports: [{port: web}]}")],
        "x/a -> z/far:80",
        ("?", "?", "deny"),
    ),
    # Services
    (
        "service-egress-names-service-port",
        [out_of_x("{ports: [{port: 8080}]}")],
        "x/a -> svc x/b:8080",
        "deny",
    ),
    (
        "service-egress-names-pod-port",
        [out_of_x("{ports: [{port: 3002}]}")],
        "x/a -> svc x/b:8080",
        "allow",
    ),
    (
        "service-ingress-names-service-port",
        [into_x("{ports: [{port: 8080}]}")],
        "z/a -> svc x/b:8080",
        "deny",
    ),
    (
        "service-named-port-per-pod",
        [out_of_x("{ports: [{port: 3001}]}")],
        "x/a -> svc x/both:8080",
        "?",
    ),
    (
        "service-headless-translates-nothing",
        [out_of_x("{ports: [{port: 8080}]}")],
        "x/a -> svc x/headless:8080",
        "allow",
    ),
    ("service-without-pods", [], "x/a -> svc x/empty:80", "?"),
    ("service-without-that-port", [], "x/a -> svc x/b:9", "?"),
    (
        "service-address-in-ip-block",
        [out_of_x("{to: [{ipBlock: {cidr: 10.96.0.2/32}}]}")],
        "x/a -> svc x/b:8080",
        ("?", "deny", "deny"),
    ),
    (
        "service-kubernetes-is-no-pod",
        [out_of_x("{to: [{namespaceSelector: {}}]}")],
        "x/a -> svc default/kubernetes:443",
        "deny",
    ),
    # addresses
    (
        "ip-block-outside",
        [out_of_x(f"{{to: [{{ipBlock: {OUTSIDE}}}]}}")],
        "x/a -> outside:443",
        "allow",
    ),
    (
        "ip-block-except",
        [out_of_x(f"{{to: [{{ipBlock: {OUTSIDE}}}]}}")],
        "x/a -> except:443",
        "deny",
    ),
    (
        "ip-block-as-source",
        [into_x(f"{{from: [{{ipBlock: {OUTSIDE}}}]}}")],
        "outside -> x/a:80",
        "allow",
    ),
    ("ip-block-one-family", [out_of_x(ALL_OUT)], "x/a -> outside6:443 v6", "deny"),
    (
        "ip-block-other-family",
        [out_of_x("{to: [{ipBlock: {cidr: '::/0'}}]}")],
        "x/a -> outside6:443 v6",
        "allow",
    ),
    (
        "ip-block-unknown-address",
        [out_of_x(f"{{to: [{{ipBlock: {OUTSIDE}}}]}}")],
        "x/a -> anywhere:443",
        "?",
    ),
    ("ip-block-whole-unknown-address", [out_of_x(ALL_OUT)], "x/a -> anywhere:443", "allow"),
    ("ip-block-selects-pods-in", [into_x(ALL_IN)], "z/a -> x/a:80", ("?", "allow", "deny")),
    ("ip-block-selects-pods-out", [out_of_x(ALL_OUT)], "x/a -> z/a:80", ("?", "allow", "deny")),
    (
        "ip-block-of-one-pod",
        [out_of_x("{to: [{ipBlock: {cidr: 10.0.1.1/32}}]}")],
        "x/a -> z/a:80",
        ("?", "allow", "deny"),
    ),
    # families
    (
        "family-each-on-its-own",
        [out_of_x("{to: [{podSelector: {}}]}")],
        "x/a -> x/b:3001 v6",
        "allow",
    ),
    ("family-not-there", [], "x/a -> z/a:80 v6", "?"),
    # a pod to itself
    ("itself-by-address", [DENY_IN, DENY_OUT], "x/a -> x/a:80", "allow"),
    (
        "itself-by-service",
        [DENY_IN, DENY_OUT],
        "x/a -> svc x/self:8080",
        ("?", "deny", "allow"),
    ),
    # nodes and host-network pods
    ("node-own-to-pod", [DENY_IN], "node n1 -> x/a:80", "allow"),
    ("node-other-to-pod", [DENY_IN], "node n2 -> x/a:80", "deny"),
    ("host-pod-own-node", [DENY_IN], "z/host -> x/a:80", "allow"),
    ("host-pod-other-node", [DENY_IN], "z/far -> x/a:80", "deny"),
    (
        "host-pod-selected-as-peer",
        [into_x("{from: [{namespaceSelector: {}}]}")],
        "z/far -> x/a:80",
        ("?", "deny", "deny"),
    ),
    ("host-pod-selected-as-subject", [DENY_OUT_Z], "z/far -> x/a:80", ("?", "allow", "allow")),
    ("pod-to-node", [DENY_OUT], "x/a -> node n1:10250", "deny"),
    (
        "pod-to-node-by-selector",
        [out_of_x("{to: [{namespaceSelector: {}}]}")],
        "x/a -> node n1:10250",
        "deny",
    ),
    (
        "pod-to-node-by-ip-block",
        [out_of_x("{to: [{ipBlock: {cidr: 192.168.0.0/24}}]}")],
        "x/a -> node n2:10250",
        ("?", "allow", "deny"),
    ),
    (
        "pod-to-control-plane-by-ip-block",
        [out_of_x("{to: [{ipBlock: {cidr: 192.168.0.0/24}}]}")],
        "x/a -> node cp:6443",
        ("?", "allow", "?"),
    ),
    # from outside
    ("node-port-deny", [DENY_IN], "outside -> svc x/outside:80", "deny"),
    (
        "node-port-all-addresses",
        [into_x(ALL_IN)],
        "outside -> svc x/outside:80",
        ("?", "allow", "allow"),
    ),
    (
        "node-port-clients-address",
        [into_x("{from: [{ipBlock: {cidr: 203.0.113.9/32}}]}")],
        "outside -> svc x/outside:80",
        ("?", "?", "?"),
    ),
    (
        "node-port-local-keeps-address",
        [into_x("{from: [{ipBlock: {cidr: 203.0.113.9/32}}]}")],
        "outside -> svc x/local:80",
        "allow",
    ),
    ("cluster-ip-from-outside", [], "outside -> svc x/b:8080", "?"),
    # pods that are gone
    ("finished-pod", [], "x/a -> z/done:80", "?"),
]
