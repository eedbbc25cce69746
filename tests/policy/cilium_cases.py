"""
The corner cases of Cilium's own policies as data: id, policies, flow, what Cilium answers.

docs/semantics.md names the source of each.
"""

from __future__ import annotations

from tests.policy.corner_cases import DENY_IN, into_x
from tests.policy.tier_cases import cluster, rule, rules
from tests.policy.worlds import documents

OPEN_X = into_x("{}")
IN = "z/a -> x/a:80"
NEAR = "x/b -> x/a:80"
OUT = "x/a -> outside:80"


def cnp(name, spec, namespace="x"):
    """A CiliumNetworkPolicy; `spec` is YAML."""
    return own_kind("CiliumNetworkPolicy", f"name: {name}, namespace: {namespace}", f"spec: {spec}")


def ccnp(name, spec):
    """A CiliumClusterwideNetworkPolicy."""
    return own_kind("CiliumClusterwideNetworkPolicy", f"name: {name}", f"spec: {spec}")


def group(name, networks, labels="{}"):
    meta = f"name: {name}, labels: {labels}"
    return own_kind("CiliumCIDRGroup", meta, f"spec: {{externalCIDRs: [{networks}]}}")


def own_kind(kind, meta, body):
    (document,) = documents(f"""
apiVersion: cilium.io/v2
kind: {kind}
metadata: {{{meta}}}
{body}
""")
    return document.data


def on_a(sides):
    """What acts on x/a."""
    return f"{{endpointSelector: {{matchLabels: {{app: a}}}}, {sides}}}"


def on_all(sides):
    return f"{{endpointSelector: {{}}, {sides}}}"


def ingress(entry, deny=False):
    return cnp("p", on_a(f"ingress{'Deny' if deny else ''}: [{entry}]"))


def egress(entry, deny=False):
    return cnp("p", on_a(f"egress{'Deny' if deny else ''}: [{entry}]"))


def ports(*entries):
    return f"toPorts: [{{ports: [{', '.join(entries)}]}}]"


def on_port(entry):
    return ingress("{" + ports(entry) + "}")


def to_port(entry):
    return egress("{" + ports(entry) + "}")


FROM_Z = 'fromEndpoints: [{matchLabels: {"k8s:io.kubernetes.pod.namespace": z}}]'
TCP_80 = "{port: '80', protocol: TCP}"
ALL = "fromEntities: [all]"
NEAR_ONES = "ingress: [{fromEndpoints: [{}]}]"
FROM_Z_ONLY = f"ingress: [{{{FROM_Z}}}]"
PLACE = "k8s:io.kubernetes.pod.namespace"
IN_ANY_PLACE = f'{{matchExpressions: [{{key: "{PLACE}", operator: Exists}}]}}'
DENY_ALL = "ingressDeny: [{fromEntities: [all]}]"
TO_B = "toServices: [{k8sService: {serviceName: b, namespace: x}}]"
LISTENER = "{name: l, envoyConfig: {name: e}}"
GETS = ingress(
    f"{{{FROM_Z}, toPorts: [{{ports: [{TCP_80}], rules: {{http: [{{method: GET}}]}}}}]}}"
)
DENY_Z = cnp("d", on_a(f"ingressDeny: [{{{FROM_Z}}}]"))

CILIUM_CASES = [
    # which rules close what, and what stands empty
    ("cilium-rule-isolates", [ingress("{fromEndpoints: [{}]}")], IN, "deny"),
    ("cilium-rule-allows", [ingress("{fromEndpoints: [{}]}")], NEAR, "allow"),
    ("cilium-other-direction-open", [egress("{toEndpoints: [{}]}")], IN, "allow"),
    ("cilium-deny-isolates", [ingress("{fromEntities: [world]}", deny=True)], NEAR, "deny"),
    (
        "cilium-default-deny-off",
        [
            cnp(
                "p",
                on_a("enableDefaultDeny: {ingress: false}, ingress: [{fromEntities: [world]}]"),
            )
        ],
        IN,
        "allow",
    ),
    (
        "cilium-default-deny-off-still-denies",
        [
            cnp(
                "p",
                on_a(f"enableDefaultDeny: {{ingress: false}}, ingressDeny: [{{{FROM_Z}}}]"),
            )
        ],
        IN,
        "deny",
    ),
    (
        "cilium-default-deny-off-beside-one-that-isolates",
        [
            DENY_IN,
            cnp(
                "p", on_a("enableDefaultDeny: {ingress: false}, ingress: [{fromEntities: [world]}]")
            ),
        ],
        IN,
        "deny",
    ),
    (
        "cilium-default-deny-without-rules",
        [cnp("p", on_a("enableDefaultDeny: {ingress: true}, egress: [{toEntities: [all]}]"))],
        IN,
        "allow",
    ),
    ("cilium-empty-rule-allows-nobody", [ingress("{}")], NEAR, "deny"),
    (
        "cilium-empty-list-beside-another",
        [cnp("p", on_a("ingress: [], egress: [{toEntities: [all]}]"))],
        IN,
        "allow",
    ),
    (
        "cilium-empty-peers-mean-nobody",
        [ingress(f"{{fromEndpoints: [], {ports(TCP_80)}}}")],
        NEAR,
        "deny",
    ),
    ("cilium-ports-alone-mean-everybody", [on_port(TCP_80)], IN, "allow"),
    (
        "cilium-empty-ports-mean-none",
        [ingress("{fromEndpoints: [{}], toPorts: [{}]}")],
        NEAR,
        "deny",
    ),
    (
        "cilium-no-port-groups-mean-all",
        [ingress("{fromEndpoints: [{}], toPorts: []}")],
        NEAR,
        "allow",
    ),
    (
        "cilium-specs-each-on-its-own",
        [
            own_kind(
                "CiliumNetworkPolicy",
                "name: p, namespace: x",
                f"specs: [{on_a(NEAR_ONES)}, {on_a(FROM_Z_ONLY)}]",
            )
        ],
        IN,
        "allow",
    ),
    # denies, and other kinds beside
    ("cilium-deny-over-allow", [ingress(f"{{{FROM_Z}}}"), DENY_Z], IN, "deny"),
    ("cilium-deny-over-networkpolicy", [OPEN_X, DENY_Z], IN, "deny"),
    ("cilium-union-with-networkpolicy", [DENY_IN, ingress(f"{{{FROM_Z}}}")], IN, "allow"),
    (
        "cilium-clusterwide-deny",
        [OPEN_X, ccnp("d", on_all(f"ingressDeny: [{{{ALL}}}]"))],
        IN,
        "deny",
    ),
    (
        "cilium-deny-one-port",
        [
            ingress(f"{{{ALL}, {ports(TCP_80)}}}", deny=True),
            cnp("o", on_a(f"ingress: [{{{ALL}}}]")),
        ],
        "z/a -> x/a:81",
        "allow",
    ),
    (
        "cilium-deny-under-admin-accept",
        [cluster("a", ingress=rules(rule("Accept"))), ingress(f"{{{FROM_Z}}}", deny=True)],
        IN,
        "allow",
    ),
    (
        "cilium-allow-before-baseline",
        [
            cluster("b", "Baseline", ingress=rules(rule("Deny"))),
            cnp("p", on_a(f"enableDefaultDeny: {{ingress: false}}, ingress: [{{{FROM_Z}}}]")),
        ],
        IN,
        "allow",
    ),
    (
        "cilium-baseline-behind-what-isolates-nobody",
        [
            cluster("b", "Baseline", ingress=rules(rule("Deny"))),
            cnp(
                "p", on_a("enableDefaultDeny: {ingress: false}, ingress: [{fromEntities: [world]}]")
            ),
        ],
        IN,
        "deny",
    ),
    # selectors
    (
        "cilium-peer-own-namespace",
        [ingress("{fromEndpoints: [{matchLabels: {app: a}}]}")],
        IN,
        "deny",
    ),
    ("cilium-peer-namespace-by-name", [ingress(f"{{{FROM_Z}}}")], IN, "allow"),
    (
        "cilium-peer-namespace-by-label",
        [ingress("{fromEndpoints: [{matchLabels: {io.cilium.k8s.namespace.labels.team: blue}}]}")],
        IN,
        "allow",
    ),
    (
        "cilium-peer-k8s-prefix",
        [ingress('{fromEndpoints: [{matchLabels: {"k8s:app": b}}]}')],
        NEAR,
        "allow",
    ),
    (
        "cilium-peer-any-prefix",
        [ingress('{fromEndpoints: [{matchLabels: {"any:app": b}}]}')],
        NEAR,
        "allow",
    ),
    (
        "cilium-peer-other-source",
        [ingress('{fromEndpoints: [{matchLabels: {"container:app": b}}]}')],
        NEAR,
        "deny",
    ),
    (
        "cilium-peer-service-account",
        [
            ingress(
                "{fromEndpoints: [{matchLabels: {io.cilium.k8s.policy.serviceaccount: default}}]}"
            )
        ],
        NEAR,
        "allow",
    ),
    (
        "cilium-peer-cluster-unknown",
        [ingress("{fromEndpoints: [{matchLabels: {io.cilium.k8s.policy.cluster: east}}]}")],
        NEAR,
        "?",
    ),
    (
        "cilium-peer-reserved",
        [egress('{toEndpoints: [{matchLabels: {"reserved:world": ""}}]}')],
        OUT,
        "allow",
    ),
    ("cilium-peer-never-outside", [egress("{toEndpoints: [{}]}")], OUT, "deny"),
    (
        "cilium-peer-never-nodes",
        [egress(f"{{toEndpoints: [{IN_ANY_PLACE}]}}")],
        "x/a -> node n2:80",
        "deny",
    ),
    (
        "cilium-clusterwide-peer-every-namespace",
        [ccnp("c", on_all("ingress: [{fromEndpoints: [{}]}]"))],
        IN,
        "allow",
    ),
    (
        "cilium-clusterwide-peer-never-outside",
        [ccnp("c", on_all("egress: [{toEndpoints: [{}]}]"))],
        OUT,
        "deny",
    ),
    (
        "cilium-subject-own-namespace",
        [
            cnp(
                "p",
                f'{{endpointSelector: {{matchLabels: {{"{PLACE}": z}}}}, {DENY_ALL}}}',
            )
        ],
        IN,
        "deny",
    ),
    (
        "cilium-subject-filtered-label",
        [
            cnp(
                "p",
                f"{{endpointSelector: {{matchLabels: {{pod-template-hash: abc}}}}, {DENY_ALL}}}",
            )
        ],
        IN,
        "allow",
    ),
    (
        "cilium-subject-not-host-network",
        [ccnp("c", on_all("ingressDeny: [{fromEntities: [all]}]"))],
        "x/a -> z/far:80",
        "allow",
    ),
    # entities
    ("cilium-entity-all", [ingress(f"{{{ALL}}}")], IN, "allow"),
    ("cilium-entity-world", [egress("{toEntities: [world]}")], OUT, "allow"),
    ("cilium-entity-world-not-pods", [egress("{toEntities: [world]}")], "x/a -> x/b:80", "deny"),
    ("cilium-entity-cluster-pods", [egress("{toEntities: [cluster]}")], "x/a -> z/a:80", "allow"),
    (
        "cilium-entity-cluster-nodes",
        [egress("{toEntities: [cluster]}")],
        "x/a -> node n2:80",
        "allow",
    ),
    ("cilium-entity-cluster-not-outside", [egress("{toEntities: [cluster]}")], OUT, "deny"),
    ("cilium-entity-host", [egress("{toEntities: [host]}")], "x/a -> node n1:80", "allow"),
    (
        "cilium-entity-host-not-remote",
        [egress("{toEntities: [host]}")],
        "x/a -> node n2:80",
        "deny",
    ),
    (
        "cilium-entity-remote-node",
        [egress("{toEntities: [remote-node]}")],
        "x/a -> node n2:80",
        "allow",
    ),
    (
        "cilium-entity-remote-node-host-pod",
        [ingress("{fromEntities: [remote-node]}")],
        "z/far -> x/a:80",
        "allow",
    ),
    ("cilium-own-node-passes", [ingress("{}")], "node n1 -> x/a:80", "allow"),
    ("cilium-own-node-denied", [ingress(f"{{{ALL}}}", deny=True)], "node n1 -> x/a:80", "deny"),
    (
        "cilium-entity-api-server",
        [egress("{toEntities: [kube-apiserver]}")],
        "x/a -> svc default/kubernetes:443",
        "allow",
    ),
    (
        "cilium-entity-api-server-no-other-node",
        [egress("{toEntities: [kube-apiserver]}")],
        "x/a -> node n2:80",
        "deny",
    ),
    ("cilium-entity-none", [ingress("{fromEntities: [none]}")], NEAR, "deny"),
    (
        "cilium-entity-health-init-unmanaged",
        [ingress("{fromEntities: [health, init, unmanaged, ingress]}")],
        NEAR,
        "deny",
    ),
    # addresses
    ("cilium-cidr-outside", [egress("{toCIDR: [203.0.113.0/24]}")], OUT, "allow"),
    ("cilium-cidr-not-pods", [egress("{toCIDR: [0.0.0.0/0]}")], "x/a -> x/b:80", "deny"),
    ("cilium-cidr-not-nodes", [egress("{toCIDR: [0.0.0.0/0]}")], "x/a -> node n2:80", "deny"),
    (
        "cilium-cidr-deny-not-pods",
        [
            egress("{toCIDR: [0.0.0.0/0]}", deny=True),
            cnp("o", on_a("egress: [{toEntities: [all]}]")),
        ],
        "x/a -> x/b:80",
        "allow",
    ),
    (
        "cilium-cidr-except",
        [egress("{toCIDRSet: [{cidr: 203.0.113.0/24, except: [203.0.113.5/32]}]}")],
        "x/a -> except:80",
        "deny",
    ),
    (
        "cilium-cidr-group",
        [group("g", "203.0.113.0/24"), egress("{toCIDRSet: [{cidrGroupRef: g}]}")],
        OUT,
        "allow",
    ),
    ("cilium-cidr-group-missing", [egress("{toCIDRSet: [{cidrGroupRef: g}]}")], OUT, "deny"),
    (
        "cilium-cidr-group-by-label",
        [
            group("g", "203.0.113.0/24", "{side: out}"),
            egress("{toCIDRSet: [{cidrGroupSelector: {matchLabels: {side: out}}}]}"),
        ],
        OUT,
        "allow",
    ),
    (
        "cilium-cidr-group-except",
        [
            group("g", "203.0.113.0/24"),
            egress("{toCIDRSet: [{cidrGroupRef: g, except: [203.0.113.9/32]}]}"),
        ],
        OUT,
        "deny",
    ),
    # Services and nodes
    (
        "cilium-service-by-name",
        [egress("{toServices: [{k8sService: {serviceName: b, namespace: x}}]}")],
        "x/a -> svc x/b:8080",
        "allow",
    ),
    (
        "cilium-service-other",
        [egress("{toServices: [{k8sService: {serviceName: b, namespace: x}}]}")],
        "x/a -> z/a:80",
        "deny",
    ),
    (
        "cilium-service-not-seen",
        [egress("{toServices: [{k8sService: {serviceName: gone, namespace: x}}]}")],
        "x/a -> z/a:80",
        "?",
    ),
    (
        "cilium-service-denied-without-ports",
        [egress(f"{{{TO_B}}}", deny=True), cnp("o", on_a("egress: [{toEntities: [all]}]"))],
        "x/a -> x/c:3002",
        "allow",
    ),
    (
        "cilium-service-denied-with-ports",
        [
            egress(f"{{{TO_B}, {ports(TCP_80)}}}", deny=True),
            cnp("o", on_a("egress: [{toEntities: [all]}]")),
        ],
        "x/a -> z/a:80",
        "deny",
    ),
    (
        "cilium-nodes-by-label",
        [egress("{toNodes: [{matchLabels: {zone: a}}]}")],
        "x/a -> node n2:80",
        "?",
    ),
    (
        "cilium-nodes-need-an-option",
        [cnp("n", on_a("egress: [{toNodes: [{}]}]"))],
        "x/a -> z/a:80",
        "?",
    ),
    (
        "cilium-host-policy-not-on-pods",
        [ccnp("h", "{nodeSelector: {}, ingressDeny: [{fromEntities: [all]}]}")],
        IN,
        "allow",
    ),
    (
        "cilium-host-policy-near-nodes",
        [ccnp("h", "{nodeSelector: {}, ingressDeny: [{fromEntities: [all]}]}")],
        "x/a -> node n2:80",
        "?",
    ),
    # ports
    ("cilium-port-any-protocol", [on_port('{port: "80"}')], "z/a -> x/a:80/udp", "allow"),
    ("cilium-port-one-protocol", [on_port(TCP_80)], "z/a -> x/a:80/udp", "deny"),
    ("cilium-port-zero-all", [on_port('{port: "0", protocol: TCP}')], "z/a -> x/a:81", "allow"),
    ("cilium-port-range", [on_port('{port: "79", endPort: 81}')], IN, "allow"),
    ("cilium-port-range-turned-round", [on_port('{port: "81", endPort: 79}')], IN, "deny"),
    ("cilium-port-named", [on_port("{port: web, protocol: TCP}")], IN, "allow"),
    ("cilium-port-named-egress", [to_port("{port: web}")], "x/a -> x/b:3001", "allow"),
    (
        "cilium-icmps-open-no-port",
        [ingress("{fromEndpoints: [{}], icmps: [{fields: [{type: 8}]}]}")],
        NEAR,
        "deny",
    ),
    # what packets of L3/L4 do not show
    ("cilium-l7-http", [GETS], IN, "?"),
    ("cilium-l7-another-peer", [GETS], NEAR, "deny"),
    (
        "cilium-l7-beside-an-allow",
        [
            GETS,
            cnp("o", on_a(f"ingress: [{{{ALL}}}]")),
        ],
        IN,
        "?",
    ),
    (
        "cilium-l7-under-a-deny",
        [
            GETS,
            cnp("d", on_a(f"ingressDeny: [{{{ALL}}}]")),
        ],
        IN,
        "deny",
    ),
    (
        "cilium-l7-empty-list",
        [ingress(f"{{{FROM_Z}, toPorts: [{{ports: [{TCP_80}], rules: {{http: []}}}}]}}")],
        IN,
        "allow",
    ),
    ("cilium-fqdn-outside", [egress("{toFQDNs: [{matchName: example.org}]}")], OUT, "?"),
    (
        "cilium-fqdn-not-pods",
        [egress("{toFQDNs: [{matchName: example.org}]}")],
        "x/a -> x/b:80",
        "deny",
    ),
    (
        "cilium-fqdn-beside-an-allow",
        [
            egress("{toFQDNs: [{matchName: example.org}]}"),
            cnp("o", on_a("egress: [{toEntities: [world]}]")),
        ],
        OUT,
        "allow",
    ),
    (
        "cilium-fqdn-before-baseline",
        [
            cluster(
                "b", "Baseline", egress=rules(rule("Deny", "{networks: [0.0.0.0/0]}", to=True))
            ),
            cnp(
                "p",
                on_a(
                    "enableDefaultDeny: {egress: false}, "
                    "egress: [{toFQDNs: [{matchName: example.org}]}]"
                ),
            ),
        ],
        OUT,
        "?",
    ),
    ("cilium-groups", [egress("{toGroups: [{aws: {region: r}}]}")], OUT, "?"),
    (
        "cilium-authentication",
        [ingress(f"{{{FROM_Z}, authentication: {{mode: required}}}}")],
        IN,
        "?",
    ),
    (
        "cilium-authentication-disabled",
        [ingress(f"{{{FROM_Z}, authentication: {{mode: disabled}}}}")],
        IN,
        "allow",
    ),
    (
        "cilium-server-names",
        [
            egress(
                "{toEntities: [world], "
                f"toPorts: [{{ports: [{TCP_80}], serverNames: [example.org]}}]}}"
            )
        ],
        OUT,
        "?",
    ),
    (
        "cilium-listener",
        [
            egress(
                f"{{toEntities: [world], toPorts: [{{ports: [{TCP_80}], listener: {LISTENER}}}]}}"
            )
        ],
        OUT,
        "?",
    ),
]
