"""
The corner cases of policies in tiers as data: id, policies, flow, answer.

Answers as in `corner_cases`; docs/semantics.md names the source of each.
"""

from __future__ import annotations

from tests.policy.corner_cases import DENY_IN, DENY_OUT, into_x
from tests.policy.worlds import documents

EVERY_POD = "{namespaces: {}}"
IN_X = "{namespaces: {matchLabels: {team: red}}}"
A_IN_X = (
    "{pods: {namespaceSelector: {matchLabels: {team: red}}, podSelector: {matchLabels: {app: a}}}}"
)
BLUE = "{namespaces: {matchLabels: {team: blue}}}"
OPEN_X = into_x("{}")


def cluster(name, tier="Admin", *, priority=10, subject=IN_X, ingress="[]", egress="[]"):
    """A ClusterNetworkPolicy."""
    spec = f"tier: {tier}, priority: {priority}, subject: {subject}"
    return _tiered("v1alpha2", "ClusterNetworkPolicy", name, spec, ingress, egress)


def admin(name, *, priority=10, subject=IN_X, ingress="[]", egress="[]"):
    """An AdminNetworkPolicy."""
    spec = f"priority: {priority}, subject: {subject}"
    return _tiered("v1alpha1", "AdminNetworkPolicy", name, spec, ingress, egress)


def baseline(*, subject=IN_X, ingress="[]", egress="[]"):
    """The BaselineAdminNetworkPolicy: there is one at most."""
    spec = f"subject: {subject}"
    return _tiered("v1alpha1", "BaselineAdminNetworkPolicy", "default", spec, ingress, egress)


def _tiered(version, kind, name, spec, ingress, egress):
    (document,) = documents(f"""
apiVersion: policy.networking.k8s.io/{version}
kind: {kind}
metadata: {{name: {name}}}
spec: {{{spec}, ingress: {ingress}, egress: {egress}}}
""")
    return document.data


def rule(action, peer=EVERY_POD, more="", *, to=False):
    side = "to" if to else "from"
    return f"{{action: {action}, {side}: [{peer}]{more}}}"


def rules(*found):
    return f"[{', '.join(found)}]"


DENY_ALL = rules(rule("Deny"))
NETWORK = "{networks: [%s]}"
TCP_80 = ", protocols: [{tcp: {destinationPort: {number: 80}}}]"
RANGE = ", protocols: [{tcp: {destinationPort: {range: {start: 79, end: 81}}}}]"
UDP_80 = ", protocols: [{udp: {destinationPort: {number: 80}}}]"
WEB = ", protocols: [{destinationNamedPort: web}]"
PORT_80 = ", ports: [{portNumber: {protocol: TCP, port: 80}}]"

TIER_CASES = [
    (
        "tier-admin-deny-over-allow",
        [OPEN_X, cluster("d", ingress=DENY_ALL)],
        "z/a -> x/a:80",
        "deny",
    ),
    (
        "tier-admin-accept-over-deny",
        [DENY_IN, cluster("a", ingress=rules(rule("Accept", BLUE)))],
        "z/a -> x/a:80",
        "allow",
    ),
    (
        "tier-admin-accept-one-side-only",
        [DENY_OUT, DENY_IN, cluster("a", ingress=rules(rule("Accept")))],
        "x/b -> x/a:80",
        "deny",
    ),
    (
        "tier-admin-pass-leaves-policies",
        [DENY_IN, cluster("a", ingress=rules(rule("Pass"), rule("Accept")))],
        "z/a -> x/a:80",
        "deny",
    ),
    (
        "tier-admin-pass-skips-its-tier",
        [
            cluster("a", ingress=rules(rule("Pass"))),
            cluster("b", priority=20, ingress=DENY_ALL),
        ],
        "z/a -> x/a:80",
        "allow",
    ),
    (
        "tier-admin-first-rule-counts",
        [cluster("a", ingress=rules(rule("Accept", BLUE), rule("Deny")))],
        "z/a -> x/a:80",
        "allow",
    ),
    (
        "tier-admin-second-rule-counts",
        [cluster("a", ingress=rules(rule("Accept", BLUE), rule("Deny")))],
        "x/b -> x/a:80",
        "deny",
    ),
    (
        "tier-admin-lower-number-first",
        [
            cluster("late", priority=20, ingress=rules(rule("Accept"))),
            cluster("soon", priority=5, ingress=DENY_ALL),
        ],
        "z/a -> x/a:80",
        "deny",
    ),
    (
        "tier-admin-priority-tie",
        [cluster("one", ingress=rules(rule("Accept"))), cluster("two", ingress=DENY_ALL)],
        "z/a -> x/a:80",
        ("?", "allow", "?"),
    ),
    (
        "tier-admin-priority-tie-agrees",
        [cluster("one", ingress=DENY_ALL), cluster("two", ingress=DENY_ALL)],
        "z/a -> x/a:80",
        "deny",
    ),
    (
        "tier-admin-other-direction",
        [cluster("a", egress=rules(rule("Deny", to=True)))],
        "z/a -> x/a:80",
        "allow",
    ),
    (
        "tier-admin-egress",
        [cluster("a", egress=rules(rule("Deny", BLUE, to=True)))],
        "x/a -> z/a:80",
        "deny",
    ),
    (
        "tier-subject-by-pods",
        [cluster("a", subject=A_IN_X, ingress=DENY_ALL)],
        "x/a -> x/c:3002",
        "allow",
    ),
    (
        "tier-subject-not-host-network",
        [cluster("a", subject=EVERY_POD, ingress=DENY_ALL)],
        "x/b -> z/host:80",
        "allow",
    ),
    (
        "tier-peer-not-host-network",
        [cluster("a", ingress=DENY_ALL)],
        "z/far -> x/a:80",
        "allow",
    ),
    (
        "tier-peer-not-outside",
        [cluster("a", ingress=DENY_ALL)],
        "outside -> x/a:80",
        "allow",
    ),
    (
        "tier-networks-outside",
        [cluster("a", egress=rules(rule("Deny", NETWORK % "203.0.113.0/24", to=True)))],
        "x/a -> outside:80",
        "deny",
    ),
    (
        "tier-networks-hold-pods",
        [cluster("a", egress=rules(rule("Deny", NETWORK % "0.0.0.0/0", to=True)))],
        "x/a -> z/a:80",
        ("deny", "deny", "allow"),
    ),
    (
        "tier-networks-other-family",
        [cluster("a", egress=rules(rule("Deny", NETWORK % "'::/0'", to=True)))],
        "x/a -> outside:80",
        "allow",
    ),
    (
        "tier-nodes-by-label",
        [
            cluster(
                "a",
                egress=rules(
                    rule(
                        "Deny",
                        "{nodes: {matchExpressions: "
                        "[{key: node-role.kubernetes.io/control-plane, operator: Exists}]}}",
                        to=True,
                    )
                ),
            )
        ],
        "x/a -> svc default/kubernetes:443",
        "deny",
    ),
    (
        "tier-domains-are-not-foretold",
        [
            cluster(
                "a",
                egress=rules(
                    rule("Accept", "{domainNames: [example.com]}", to=True),
                    rule("Deny", NETWORK % "0.0.0.0/0", to=True),
                ),
            )
        ],
        "x/a -> outside:80",
        "?",
    ),
    (
        "tier-port",
        [cluster("a", ingress=rules(rule("Deny", more=TCP_80)))],
        "z/a -> x/a:80",
        "deny",
    ),
    (
        "tier-port-range",
        [cluster("a", ingress=rules(rule("Deny", more=RANGE)))],
        "z/a -> x/a:80",
        "deny",
    ),
    (
        "tier-port-other-protocol",
        [cluster("a", ingress=rules(rule("Deny", more=UDP_80)))],
        "z/a -> x/a:80",
        "allow",
    ),
    (
        "tier-port-of-the-pod",
        [cluster("a", ingress=rules(rule("Deny", more=WEB)))],
        "z/a -> svc x/b:8080",
        "deny",
    ),
    (
        "tier-baseline-deny",
        [cluster("b", "Baseline", ingress=DENY_ALL)],
        "z/a -> x/a:80",
        "deny",
    ),
    (
        "tier-baseline-under-policies",
        [OPEN_X, cluster("b", "Baseline", ingress=DENY_ALL)],
        "z/a -> x/a:80",
        "allow",
    ),
    (
        "tier-baseline-accept-does-not-open",
        [DENY_IN, cluster("b", "Baseline", ingress=rules(rule("Accept")))],
        "z/a -> x/a:80",
        ("deny", "deny", "allow"),
    ),
    (
        "tier-baseline-pass-over-policies",
        [OPEN_X, cluster("b", "Baseline", ingress=rules(rule("Pass", more=TCP_80)))],
        "z/a -> x/a:80",
        ("allow", "allow", "?"),
    ),
    (
        "tier-baseline-pass-of-another-port",
        [OPEN_X, cluster("b", "Baseline", ingress=rules(rule("Pass", more=TCP_80)))],
        "z/a -> x/a:81",
        "allow",
    ),
    (
        "tier-baseline-after-pass",
        [
            cluster("a", ingress=rules(rule("Pass", BLUE), rule("Accept"))),
            cluster("b", "Baseline", ingress=DENY_ALL),
        ],
        "z/a -> x/a:80",
        "deny",
    ),
    (
        "tier-baseline-pass-allows",
        [cluster("b", "Baseline", ingress=rules(rule("Pass"), rule("Deny")))],
        "z/a -> x/a:80",
        "allow",
    ),
    (
        "tier-admin-kind-v1alpha1",
        [OPEN_X, admin("d", ingress=rules(rule("Deny", more=PORT_80)))],
        "z/a -> x/a:80",
        "deny",
    ),
    (
        "tier-baseline-kind-v1alpha1",
        [baseline(ingress=rules(rule("Allow", BLUE), rule("Deny")))],
        "z/a -> x/a:80",
        "allow",
    ),
]
