"""What the lint says where manifests are all that is known, and others may make what is missing."""

from __future__ import annotations

import pytest

from npol.policy.lint import Severity, lint
from npol.policy.state.apply_changes import build
from tests.policy.worlds import documents

POD = """\
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
spec: {containers: [{name: web, image: web}]}
---
"""
SPACE = "apiVersion: v1\nkind: Namespace\nmetadata: {name: %s, labels: {team: red}}\n---\n"
WAITING = "---\napiVersion: %s\nkind: %s\nmetadata: {name: more, namespace: shop}\nspec: {}\n"
POLICY = """\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: p, namespace: shop}
spec: %s
"""
CILIUM = """\
apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: p, namespace: shop}
spec: {endpointSelector: {matchLabels: %s}, ingress: [{}]}
"""
CLUSTERWIDE = CILIUM.replace("NetworkPolicy", "ClusterwideNetworkPolicy").replace(
    ", namespace: shop", ""
)
CALICO = """\
apiVersion: projectcalico.org/v3
kind: GlobalNetworkPolicy
metadata: {name: p}
spec: {%s, types: [Ingress]}
"""
TIER = """\
apiVersion: policy.networking.k8s.io/v1alpha2
kind: ClusterNetworkPolicy
metadata: {name: p}
spec:
  tier: Admin
  priority: 5
  subject: %s
  ingress: [{action: Deny, from: [{namespaces: {}}]}]
"""


def found(text, id_, world=None):
    return [f for f in lint(documents(text, "p.yaml"), world) if f.id == id_]


@pytest.mark.parametrize(
    ("policy", "severity"),
    [
        pytest.param(CILIUM % "{app: wbe}", Severity.WARNING, id="cilium-value"),
        pytest.param(CILIUM % "{k8s-app: web}", Severity.NOTE, id="cilium-key"),
        pytest.param(
            CLUSTERWIDE % "{app: web, 'k8s:io.kubernetes.pod.namespace': ops}",
            None,
            id="cilium-unknown-namespace",
        ),
        pytest.param(
            CLUSTERWIDE % "{'k8s:io.cilium.k8s.namespace.labels.metrics': 'true'}",
            None,
            id="cilium-unknown-label-of-namespaces",
        ),
        pytest.param(
            CLUSTERWIDE % "{'k8s:io.cilium.k8s.namespace.labels.team': blue}",
            Severity.WARNING,
            id="cilium-label-of-namespaces",
        ),
        pytest.param(CALICO % "selector: app == 'wbe'", Severity.WARNING, id="calico-value"),
        pytest.param(CALICO % "selector: k8s-app == 'web'", Severity.NOTE, id="calico-key"),
        pytest.param(
            CALICO % "namespaceSelector: env == 'dev'", None, id="calico-unknown-label"
        ),
        pytest.param(
            TIER % "{namespaces: {matchLabels: {env: dev}}}", None, id="tier-unknown-label"
        ),
        pytest.param(
            TIER % "{namespaces: {matchLabels: {team: blue}}}", Severity.WARNING, id="tier-label"
        ),
        pytest.param(
            TIER % "{pods: {namespaceSelector: {}, podSelector: {matchLabels: {k: v}}}}",
            Severity.NOTE,
            id="tier-key",
        ),
    ],
)  # fmt: skip
def test_who_other_kinds_select_may_come_from_elsewhere(policy, severity):
    seen = [f.severity for f in found(POD + SPACE % "shop" + policy, "NP010")]

    assert seen == ([severity] if severity else [])


def test_in_a_cluster_all_is_known():
    world = build(documents(POD + SPACE % "shop", "w.yaml"))
    policy = CLUSTERWIDE % "{'k8s:io.cilium.k8s.namespace.labels.metrics': 'true'}"

    assert [f.severity for f in found(policy, "NP010", world)] == [Severity.WARNING]


@pytest.mark.parametrize(
    ("api_version", "kind", "severity"),
    [
        ("apps/v1", "Deployment", Severity.WARNING),
        ("helm.toolkit.fluxcd.io/v2", "HelmRelease", Severity.NOTE),
        ("argoproj.io/v1alpha1", "Application", Severity.NOTE),
        ("apiextensions.k8s.io/v1", "CustomResourceDefinition", Severity.NOTE),
    ],
)
def test_controllers_may_make_the_pods_that_are_missing(api_version, kind, severity):
    policy = POLICY % "{podSelector: {matchLabels: {app: wbe}}, policyTypes: [Ingress]}"
    text = POD + policy + WAITING % (api_version, kind)

    assert [f.severity for f in found(text, "NP010")] == [severity]


@pytest.mark.parametrize(
    ("known", "is_told"),
    [("shopp", True), ("mcp-system", False), ("shop-1", False), ("shop-2", False)],
)
def test_a_namespace_is_missing_only_where_it_is_nearly_one_that_is_there(known, is_told):
    name = "shop" if known == "shopp" else "shop-3" if "-" in known else known
    name = "metallb-system" if known == "mcp-system" else name
    policy = POLICY.replace("namespace: shop", f"namespace: {name}")
    text = SPACE % known + policy % "{podSelector: {}, policyTypes: [Ingress]}"

    assert bool(found(text, "NP015")) is is_told


ELSEWHERE = "nothing, if a chart or an operator makes its pods, which no manifest here shows"


def test_the_labels_that_are_there_are_told_in_few_words():
    pods = "".join(
        POD.replace("name: web,", f"name: web{n},").replace("app: web", f"app: web{n}, v: '{n}'")
        for n in range(5)
    )
    by_value, by_key = (
        found(pods + POLICY % f"{{podSelector: {{matchLabels: {{{label}: x}}}}}}", "NP010")[0].fix
        for label in ("app", "tier")
    )
    assert by_value == "pods there have app=web0 or app=web1 or app=web2 or 2 more"
    assert by_key == ELSEWHERE


def test_who_knows_the_cluster_is_told_the_keys_that_are_there():
    world = build(documents(POD + SPACE % "shop", "w.yaml"))
    policy = POLICY % "{podSelector: {matchLabels: {tier: x}}}"

    assert found(policy, "NP010", world)[0].fix == "no pod there has tier; they have app"


WITH_TWO = "{podSelector: {matchLabels: {app: web, managed-by: argocd}}}"


def test_the_one_label_that_is_too_much_is_named():
    fix = found(POD + POLICY % WITH_TWO, "NP010")[0].fix

    assert fix.startswith("without managed-by=argocd it would select shop/web;")


def test_the_label_that_keeps_a_rule_from_the_dns_is_named():
    dns = "{k8s-app: kube-dns, managed-by: argocd}"
    rule = (
        "{podSelector: {}, policyTypes: [Egress], egress: [{to: [{namespaceSelector: {matchLabels: "
        f"{{kubernetes.io/metadata.name: kube-system}}}}, podSelector: {{matchLabels: {dns}}}}}], "
        "ports: [{port: 53, protocol: UDP}, {port: 53}]}]}"
    )

    assert found(POD + POLICY % rule, "NP024")[0].fix.startswith("without managed-by=argocd")


def test_a_label_of_another_key_with_the_value_that_is_asked_for_is_told():
    pod = POD.replace("app: web", "app: shop, name: web, v: '1'")
    policy = POLICY % "{podSelector: {matchLabels: {app: web}}}"

    assert found(pod + policy, "NP010")[0].fix == "pods there have app=shop,name=web"


ASKING = (
    """\
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web},
  annotations: {prometheus.io/scrape: 'true', prometheus.io/port: '9090'}}
spec: {serviceAccountName: web, containers: [{name: web, image: web}]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: web, namespace: shop}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: web}
subjects: [{kind: ServiceAccount, name: web, namespace: shop}]
---
"""
    + POLICY
    % (
        "{podSelector: {}, policyTypes: [Ingress, Egress], ingress: [{ports: [{port: 80}]}],"
        " egress: [{to: [{podSelector: {}}]}]}"
    )
)


@pytest.mark.parametrize(
    ("beside", "ids"),
    [
        pytest.param("", {"NP022", "NP072", "NP073"}, id="alone"),
        pytest.param(
            "---\n" + CLUSTERWIDE % "{app: web}", set(), id="cilium-may-allow-it"
        ),
        pytest.param(
            "---\n" + (TIER % "{namespaces: {}}").replace("Deny", "Accept"),
            set(),
            id="a-tier-may-allow-it",
        ),
        pytest.param(
            "---\n" + TIER % "{namespaces: {}}",
            {"NP022", "NP072", "NP073"},
            id="a-tier-that-denies-allows-nothing",
        ),
        pytest.param(
            "---\n" + (CILIUM % "{app: web}").replace("shop", "ops"),
            {"NP022", "NP072", "NP073"},
            id="of-another-namespace",
        ),
    ],
)  # fmt: skip
def test_what_is_cut_off_may_be_allowed_by_policies_of_other_kinds(beside, ids):
    told = {f.id for f in lint(documents(ASKING + beside, "p.yaml"))}

    assert told & {"NP022", "NP072", "NP073"} == ids


@pytest.mark.parametrize(
    ("selector", "rule"),
    [
        pytest.param("{matchExpressions: [{key: a, operator: In, values: [b]}]}", "{}", id="open"),
        pytest.param("{matchLabels: {app: web}}", "{to: [{podSelector: {}}]}", id="by-another"),
    ],
)
def test_dns_may_be_allowed_by_what_selects_the_same_pods(selector, rule):
    """The second policy is for all pods, by a label that the namespace of the DNS may bear."""
    spec = f"{{podSelector: {selector}, policyTypes: [Egress], egress: [{rule}]}}"
    other = (POLICY % "{podSelector: {}, policyTypes: [Egress], egress: [{to: "
             "[{namespaceSelector: {matchLabels: {dns: here}}}]}]}")  # fmt: skip

    assert found(f"{POLICY % spec}---\n{other.replace('name: p', 'name: dns')}", "NP022") == []


def test_a_pod_without_a_token_asks_nothing_of_the_api_server():
    for place in ("spec: {automountServiceAccountToken: false, ", "spec: {"):
        account = (
            "---\napiVersion: v1\nkind: ServiceAccount\nmetadata: {name: web, namespace: shop}\n"
            "automountServiceAccountToken: %s\n" % ("true" if "false" in place else "false")
        )
        text = ASKING.replace("spec: {serviceAccountName", f"{place}serviceAccountName")
        assert found(text + account, "NP072") == []
    own = ASKING.replace("spec: {service", "spec: {automountServiceAccountToken: true, service")
    assert found(own + account, "NP072")


def test_an_operator_names_pods_after_the_kind_of_its_object():
    policy = POLICY % "{podSelector: {matchLabels: {app: thanos-ruler}}, policyTypes: [Ingress]}"
    custom = WAITING % ("monitoring.coreos.com/v1", "ThanosRuler")

    assert [f.severity for f in found(POD + policy, "NP010")] == [Severity.WARNING]
    assert [f.severity for f in found(POD + policy + custom, "NP010")] == [Severity.NOTE]


def test_an_operator_gives_pods_the_labels_that_its_object_has_for_them():
    labels = "{template: {spec: {metadata: {labels: {app: mongo-svc}}}}}"
    custom = (WAITING % ("mongodb.com/v1", "Mongo")).replace("spec: {}", f"spec: {labels}")

    for policy in (
        POLICY % "{podSelector: {matchLabels: {app: mongo-svc}}, policyTypes: [Ingress]}",
        CILIUM % "{app: mongo-svc}",
    ):
        assert [f.severity for f in found(POD + policy, "NP010")] == [Severity.WARNING]
        assert [f.severity for f in found(POD + policy + custom, "NP010")] == [Severity.NOTE]


def test_pods_of_another_directory_say_nothing_of_a_policy_without_a_namespace():
    pod = POD.replace(", namespace: shop", "")
    policy = POLICY.replace(", namespace: shop", "") % (
        "{podSelector: {matchLabels: {app: wbe}}, policyTypes: [Ingress],"
        " ingress: [{from: [{podSelector: {matchLabels: {app: ui}}}]}]}"
    )
    for file, ids in (("a/pod.yaml", ["NP010", "NP012"]), ("b/pod.yaml", [])):
        told = lint([*documents(pod, file), *documents(policy, "a/p.yaml")])
        assert [f.id for f in told if f.id != "NP005"] == ids


def test_a_tie_is_told_once_and_between_directories_only_noted():
    one, two, three = (
        (TIER % "{namespaces: {}}").replace("name: p", f"name: {n}").replace("Deny", action)
        for n, action in (("one", "Deny"), ("two", "Accept"), ("three", "Accept"))
    )
    for file, severity in (("a/q.yaml", Severity.WARNING), ("b/q.yaml", Severity.NOTE)):
        told = lint([*documents(f"{one}---\n{two}", "a/p.yaml"), *documents(three, file)])
        ties = [(f.subject[-5:], f.severity) for f in told if f.id == "NP060"]
        assert ties == [("y two", Severity.WARNING), ("three", severity)]


@pytest.mark.parametrize(("cidr", "severity"), [
    ("10.0.0.0/8", Severity.NOTE), ("10.96.0.0/24", Severity.WARNING)
])  # fmt: skip
def test_a_wide_block_happens_to_hold_a_service(cidr, severity):
    service = "apiVersion: v1\nkind: Service\nmetadata: {name: web, namespace: shop}\n" \
              "spec: {clusterIP: 10.96.0.7, ports: [{port: 80}]}\n---\n"  # fmt: skip
    egress = f"egress: [{{to: [{{ipBlock: {{cidr: {cidr}}}}}]}}]"
    rule = f"{{podSelector: {{}}, policyTypes: [Egress], {egress}}}"

    assert [f.severity for f in found(service + POLICY % rule, "NP044")] == [severity]
