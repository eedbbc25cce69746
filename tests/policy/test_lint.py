"""Each lint rule finds its mistake at its line, and stays silent on the policy put right."""

from __future__ import annotations

import pytest

from npol.errors import Mistake, Position
from npol.policy.lint import LintRule, Severity, lint, of_files
from npol.policy.state.apply_changes import apply, build
from npol.policy.state.cluster_state import ClusterState
from tests.policy.worlds import CLUSTER, documents

HEAD = """\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: p, namespace: x}
spec:
"""
WORLD = build(CLUSTER)

FOUND = [
    # id, the spec below line 4, line, part of the message or of the fix
    ("NP001", "  ingress: [{from: [{}]}]", 5, "a peer needs podSelector"),
    ("NP003", "  ingres: []", 5, "did you mean 'ingress'?"),
    ("NP006", "  podSelector: {matchLabels: {app: \u2018a\u2019}}", 5, "write \"'a'\""),
    ("NP010", "  podSelector: {matchLabels: {app: c}}", 5, "pods there have app=a or app=b"),
    ("NP011", "  ingress: [{from: [{namespaceSelector: {matchLabels: {name: z}}}]}]", 5,
     "kubernetes.io/metadata.name=z"),
    ("NP012", "  ingress: [{from: [{podSelector: {matchLabels: {app: web}}}]}]", 5,
     "app=web selects no pod in x"),
    ("NP013", "  ingress:\n  - from:\n    - podSelector: {matchLabels: {app: a}}\n"
     "    - namespaceSelector: {matchLabels: {team: blue}}", 8, "take away the dash"),
    ("NP014", "  ingress: [{from: [{podSelector: {matchExpressions:\n"
     "    [{key: name, operator: In, values: [x]}]}}]}]", 5, "label of pods"),
    ("NP020", "  podSelector: {matchLabels: {app: a}}\n  ingress: [{ports: [{port: 99}]}]", 6,
     "no pod of this rule declares port 99 on TCP"),
    ("NP021", "  policyTypes: [Egress]\n"
     "  egress: [{to: [{podSelector: {matchLabels: {tier: c}}}], ports: [{port: 8080}]}]", 6,
     "translated to pod port 3002 (x/c) before egress policy is judged"),
    ("NP022", "  policyTypes: [Egress]\n  egress: [{to: [{podSelector: {}}]}]", 6,
     "no name will resolve"),
    ("NP023", "  policyTypes: [Egress]\n  egress: [{ports: [{port: 53, protocol: UDP}]}]", 6,
     "over UDP only"),
    ("NP023", "  policyTypes: [Egress]\n  egress: [{ports: [{port: 53}]}]", 6, "over TCP only"),
    ("NP024", "  policyTypes: [Egress]\n  egress:\n  - ports: [{port: 53, protocol: UDP}]\n"
     "    to: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: kube-system}},\n"
     "          podSelector: {matchLabels: {k8s-app: coredns}}}]", 8, "k8s-app=kube-dns"),
    ("NP025", "  ingress: [{ports: [{port: http}]}]", 5, "has a port named http"),
    ("NP030", "  ingress: [{}]", 5, "it means [Ingress]"),
    ("NP031", "  policyTypes: [Ingress]\n  egress: [{}]", 6, "does not name Egress"),
    ("NP031", "  egress: []", 5, "Egress is not in force"),
    ("NP032", "  egress: [{}]", 5, "isolates Ingress as well"),
    ("NP033", "  ingress:\n  - {}", 6, "to allow none write `ingress: []`"),
    ("NP034", "  ingress: [{from: []}]", 5, "every peer"),
    ("NP034", "  ingress: [{ports: []}]", 5, "every port"),
    ("NP040", "  egress: [{to: [{ipBlock: {cidr: 10.0.1.0/24}}]}]", 5, "holds z/a (10.0.1.1)"),
    ("NP041", "  egress: [{to: [{ipBlock: {cidr: 10.0.0.0/8, except: [11.0.0.0/8]}}]}]", 5,
     "must be a strict subset"),
    ("NP042", "  egress: [{to: [{ipBlock: {cidr: 10.9.0.1/8}}]}]", 5, "write 10.0.0.0/8"),
    ("NP043", "  egress: [{to: [{ipBlock: {cidr: 0.0.0.0/0}}]}]", 5, "on Calico"),
    ("NP044", "  egress: [{to: [{ipBlock: {cidr: 10.96.0.2/32}}]}]", 5, "Service x/b"),
    ("NP050", "  ingress:\n  - {}\n  - from: [{podSelector: {}}]", 7, "allows all that this"),
]  # fmt: skip


def findings(spec, world=WORLD, head=HEAD):
    return lint(documents(head + spec + "\n", "p.yaml"), world)


@pytest.mark.parametrize(
    ("id_", "spec", "line", "text"), FOUND, ids=[f"{f[0]}-{n}" for n, f in enumerate(FOUND)]
)
def test_lint_rule_finds_its_mistake_at_its_line(id_, spec, line, text):
    found = [f for f in findings(spec) if f.id == id_]

    assert [f.at.line for f in found] == [line]
    assert text in f"{found[0].message} - {found[0].fix}"
    assert found[0].severity is {rule.id: rule for rule in LintRule}[id_].severity


def test_lint_is_silent_on_a_policy_that_is_right():
    spec = """\
  podSelector: {matchLabels: {app: a}}
  policyTypes: [Ingress, Egress]
  ingress:
  - from:
    - namespaceSelector: {matchLabels: {team: blue}}
      podSelector: {matchLabels: {app: a}}
    ports: [{port: web}]
  egress:
  - to:
    - namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: kube-system}}
      podSelector: {matchLabels: {k8s-app: kube-dns}}
    ports: [{port: 53, protocol: UDP}, {port: 53}]
  - to: [{podSelector: {matchLabels: {tier: c}}}]
    ports: [{port: 3002}]
  - to: [{ipBlock: {cidr: 203.0.113.0/24}}]
    ports: [{port: 443}]
"""
    assert findings(spec) == []


@pytest.mark.parametrize("spec", ["  podSelector: {}\n  policyTypes: [Ingress, Egress]"])
def test_plain_deny_all_is_no_mistake(spec):
    assert findings(spec) == []


def test_policy_without_a_cluster_gets_no_finding_about_unseen_objects():
    """Without pods and namespaces around it, nothing can be said to be missing."""
    spec = """\
  podSelector: {matchLabels: {app: db}}
  policyTypes: [Ingress]
  ingress:
  - from:
    - namespaceSelector: {matchLabels: {team: green}}
      podSelector: {matchLabels: {app: web}}
    ports: [{port: 5432}]
"""
    assert findings(spec, world=None) == []


def test_name_of_kube_system_is_no_label_even_if_nothing_else_is_known():
    spec = "  policyTypes: [Ingress]\n  ingress: [{from: [{namespaceSelector: {matchLabels: " \
           "{name: kube-system}}}]}]"  # fmt: skip
    assert [f.id for f in findings(spec, world=None)] == ["NP011"]


def test_dns_is_not_called_forgotten_where_its_namespace_may_bear_the_label():
    spec = "  policyTypes: [Egress]\n  egress: [{to: [{namespaceSelector: {matchLabels: {r: i}}}]}]"
    seen = apply(ClusterState(), [{"kind": "Namespace", "metadata": {"name": "kube-system"}}])

    assert [f.id for f in findings(spec, world=None)] == []
    assert "NP022" in [f.id for f in findings(spec, world=seen)]


@pytest.mark.parametrize(("label", "severity"), [("db", Severity.NOTE), ("dc", Severity.WARNING)])
def test_pods_that_an_operator_may_make_are_not_called_missing(label, severity):
    made = "---\napiVersion: example.com/v1\nkind: Db\nmetadata: {name: db, namespace: x}\n"
    spec = f"  podSelector: {{matchLabels: {{app: {label}}}}}\n  policyTypes: [Ingress]\n"

    found = lint(documents(HEAD + spec + made + PODS % "app", "p.yaml"))

    assert [(f.id, f.severity) for f in found] == [("NP010", severity)]


def test_a_namespace_is_offered_only_where_its_name_is_surely_meant():
    """M14: the value of a label, such as a team's, is no namespace's name."""
    spec = "  ingress: [{from: [{namespaceSelector: {matchLabels: {team: %s}}}]}]"
    for value in ("z", "kube-system"):
        (found,) = [f for f in findings(spec % value) if f.id == "NP011"]
        assert "(kubernetes.io/metadata.name=NAME)" in found.fix
        assert f"name={value}" not in found.fix


def test_policy_of_another_api_group_is_no_policy():
    head = HEAD.replace("networking.k8s.io/v1", "extensions/v1beta1")

    assert [(f.id, f.at.line) for f in findings("  podSelector: {}", head=head)] == [("NP004", 1)]


def test_policy_without_namespace_is_noted():
    head = HEAD.replace(", namespace: x", "")

    assert "NP005" in [f.id for f in findings("  policyTypes: [Ingress]", head=head)]


def test_policy_for_a_namespace_that_does_not_exist_is_reported():
    head = HEAD.replace("namespace: x", "namespace: w")

    assert [f.id for f in findings("  policyTypes: [Ingress]", head=head)] == ["NP015"]


def test_policy_that_selects_host_network_pods_only_is_reported():
    head = HEAD.replace("namespace: x", "namespace: z")
    spec = "  podSelector: {matchLabels: {app: host}}\n  policyTypes: [Ingress]"

    assert [f.id for f in findings(spec, head=head)] == ["NP052"]


def test_duplicate_key_is_reported_where_it_stands_again():
    spec = """\
  policyTypes: [Ingress]
  ingress:
  - ports: [{port: 80}]
    ports: [{port: 3001}]
"""
    found = [f for f in findings(spec) if f.id == "NP002"]

    assert [(f.at.line, f.message) for f in found] == [
        (8, "key 'ports' stands twice here, first at p.yaml:7:5")
    ]


def test_option_with_a_typographic_dash_is_reported_where_a_container_is_told_to_run_it():
    """WEB-3: curl takes `\u2013-max-time` for a host, and never asks the one that is meant."""
    text = (
        "apiVersion: v1\nkind: Pod\nmetadata: {name: a, namespace: x}\nspec:\n  containers:\n"
        "  - {name: c, image: c, command: [curl], args: [\u2013-max-time, '2', a\u2013b]}\n"
    )
    (found,) = lint(documents(text, "p.yaml"))

    assert (found.id, found.at.line, found.at.column) == ("NP006", 6, 49)
    assert found.message == (
        "'\u2013-max-time' begins with an en dash: a tool takes it for a name, not for an option; "
        "then it does not run, which is not the same as blocked"
    )
    assert found.fix == "write '--max-time'"


def test_same_name_twice_is_reported_with_both_places():
    text = HEAD + "  policyTypes: [Ingress]\n"
    found = [f for f in lint(documents(f"{text}---\n{text}", "p.yaml"), WORLD) if f.id == "NP007"]

    assert [(f.at.line, f.message) for f in found] == [
        (9, "x/p is written down twice, first at p.yaml:1")
    ]


def test_the_same_name_in_another_directory_may_be_for_another_cluster():
    text = HEAD + "  policyTypes: [Ingress]\n"
    for file, severity in (("a/q.yaml", Severity.WARNING), ("b/q.yaml", Severity.NOTE)):
        found = lint([*documents(text, "a/p.yaml"), *documents(text, file)])
        assert [f.severity for f in found if f.id == "NP007"] == [severity]


def test_policies_of_one_name_without_a_namespace_are_the_same_only_within_a_file():
    """Manifests for installation lie beside their variants (`install.yaml`, `ha/install.yaml`)."""
    text = HEAD.replace(", namespace: x", "") + "  policyTypes: [Ingress]\n"
    one, other = documents(text, "install.yaml"), documents(text, "ha/install.yaml")

    assert "NP007" not in [f.id for f in lint([*one, *other])]
    assert "NP007" in [f.id for f in lint(documents(f"{text}---\n{text}", "install.yaml"))]


def test_files_that_share_other_objects_are_variants():
    pod = "---\napiVersion: v1\nkind: Pod\nmetadata: {name: a, namespace: x}\nspec: {}\n"
    text = HEAD + "  policyTypes: [Ingress]\n"

    for beside, found in ((pod, False), ("", True)):
        files = [*documents(text + beside, "one.yaml"), *documents(text + beside, "two.yaml")]
        assert ("NP007" in [f.id for f in lint(files)]) is found


PODS = (
    "---\napiVersion: v1\nkind: Pod\nmetadata: {name: a, namespace: x, labels: {%s: b}}\n"
    "spec: {containers: [{name: a, image: a}]}\n"
)


@pytest.mark.parametrize(("key", "severity"), [("app", Severity.WARNING), ("k", Severity.NOTE)])
def test_pods_that_others_make_may_be_meant_where_only_manifests_are_known(key, severity):
    """Operators make pods that no manifest shows; a key that pods here bear is their own."""
    spec = "  podSelector: {matchLabels: {app: a}}\n  policyTypes: [Ingress]\n" \
           "  ingress: [{from: [{podSelector: {matchLabels: {app: c}}}]}]\n"  # fmt: skip
    found = lint(documents(HEAD + spec + PODS % key, "p.yaml"))

    assert [(f.id, f.severity) for f in found] == [("NP010", severity), ("NP012", severity)]


SPACES = "---\napiVersion: v1\nkind: Namespace\nmetadata: {name: %s, labels: {%s: red}}\n"


@pytest.mark.parametrize(
    ("name", "label", "found"),
    [("x", "team", ["NP011"]), ("x", "env", []), ("ops", "env", []), ("zz", "team", ["NP011"])],
)
def test_namespaces_of_the_cluster_may_be_meant_where_only_manifests_are_known(name, label, found):
    spec = "  policyTypes: [Ingress]\n" \
           "  ingress: [{from: [{namespaceSelector: {matchLabels: {team: blue}}}]}]\n"  # fmt: skip

    assert [f.id for f in lint(documents(HEAD + spec + SPACES % (name, label), "p.yaml"))] == found


@pytest.mark.parametrize(
    ("name", "known", "meant"),
    [
        ("storefrnt", "storefront", "storefront"),
        ("odrers", "orders", "orders"),
        ("storefront", "storefront", ""),
        ("payments-eu", "payments-us", ""),
        ("payments-a", "payments-b", ""),
        ("team-1", "team-2", ""),
        ("monitoring", "storefront", ""),
    ],
)
@pytest.mark.parametrize(
    "selector",
    [
        "matchLabels: {kubernetes.io/metadata.name: %s}",
        "matchExpressions: [{key: kubernetes.io/metadata.name, operator: In, values: [%s]}]",
    ],
)
def test_a_namespace_whose_name_is_nearly_one_that_is_here_is_told(name, known, meant, selector):
    spec = "  podSelector: {}\n  policyTypes: [Ingress]\n" \
           "  ingress: [{from: [{namespaceSelector: {%s}}]}]\n" % (selector % name)  # fmt: skip
    spaces = SPACES.replace(", labels: {%s: red}", "") % known + SPACES % ("x", "k")
    found = lint(documents(HEAD + spec + spaces, "p.yaml"))

    told = [(f.id, f.fix) for f in found]
    assert told == ([("NP011", f"did you mean {meant}?")] if meant else [])


def test_policy_that_others_make_superfluous_is_noted():
    wide = HEAD.replace("name: p", "name: wide") + "  policyTypes: [Ingress]\n  ingress: [{}]\n"
    narrow = HEAD + (
        "  podSelector: {matchLabels: {app: a}}\n  policyTypes: [Ingress]\n"
        "  ingress: [{from: [{podSelector: {}}], ports: [{port: 80}]}]\n"
    )
    found = lint(documents(f"{narrow}---\n{wide}", "p.yaml"), WORLD)

    (told,) = (f for f in found if f.id != "NP033")
    assert (told.id, told.subject) == ("NP051", "x/p")
    assert told.message.endswith("the same is allowed, by x/wide (p.yaml:9)")


def test_deny_all_beside_an_allow_is_not_superfluous():
    deny = HEAD.replace("name: p", "name: deny") + "  policyTypes: [Ingress]\n"
    allow = HEAD + (
        "  podSelector: {matchLabels: {app: a}}\n  policyTypes: [Ingress]\n"
        "  ingress: [{from: [{podSelector: {}}]}]\n"
    )
    assert lint(documents(f"{deny}---\n{allow}", "p.yaml"), WORLD) == []


def test_a_default_that_denies_all_stays_beside_what_adds_to_it():
    """It is there for the day when the other policy goes."""
    deny = HEAD.replace("name: p", "name: deny") + "  policyTypes: [Ingress]\n"
    allow = HEAD + "  policyTypes: [Ingress]\n  ingress: [{from: [{podSelector: {}}]}]\n"

    assert lint(documents(f"{deny}---\n{allow}", "p.yaml"), WORLD) == []


def test_policies_without_a_namespace_are_for_that_of_their_directory():
    wide = HEAD.replace(", namespace: x", "") + "  policyTypes: [Ingress]\n  ingress: [{}]\n"
    narrow = wide.replace("name: p", "name: q").replace("[{}]", "[{ports: [{port: 80}]}]")

    for file, is_found in (("a/n.yaml", True), ("b/n.yaml", False)):
        found = lint([*documents(wide, "a/p.yaml"), *documents(narrow, file)])
        assert ("NP051" in [f.id for f in found]) is is_found


def test_of_two_equal_policies_only_the_later_one_is_superfluous():
    first, second = (
        HEAD.replace("name: p", f"name: {n}") + "  policyTypes: [Ingress]\n  ingress: [{}]\n"
        for n in ("one", "two")
    )
    found = lint(documents(f"{first}---\n{second}", "p.yaml"), WORLD)

    assert [f.subject for f in found if f.id == "NP051"] == ["x/two"]


def test_versions_of_one_policy_do_not_make_each_other_superfluous():
    wide = HEAD + "  policyTypes: [Ingress]\n  ingress: [{}]\n"
    narrow = HEAD + "  policyTypes: [Ingress]\n  ingress: [{ports: [{port: 80}]}]\n"

    found = lint(documents(f"{wide}---\n{narrow}", "p.yaml"), WORLD)

    assert {f.id for f in found} == {"NP007", "NP033"}


TO_C = """\
  policyTypes: [Egress]
  egress: [{to: [{podSelector: {matchLabels: {tier: c}}}], ports: %s}]
"""


@pytest.mark.parametrize(
    ("ports", "severity"),
    [
        ("[{port: 8080}]", Severity.ERROR),
        ("[{port: 8080}, {port: 3002}]", Severity.NOTE),
        ("[{port: 8080}, {port: web}]", Severity.NOTE),
        ("[{port: 8080}, {port: 3000, endPort: 3010}]", Severity.NOTE),
        ("[{port: 8080}, {port: 3002, protocol: UDP}]", Severity.ERROR),
    ],
    ids=["cut", "pod port beside", "its name beside", "a range beside", "another protocol"],
)
def test_the_port_of_a_service_is_an_error_only_where_the_flow_is_cut(ports, severity):
    (found,) = [f for f in findings(TO_C % ports) if f.id == "NP021"]

    assert found.severity is severity
    assert ("8080 never matches here; 3002 beside it" in found.fix) is (severity is Severity.NOTE)


def test_the_port_of_a_service_may_be_the_port_of_somebody_else():
    """An egress rule for every peer means places outside, such as the API server on 443."""
    spec = "  policyTypes: [Egress]\n  egress: [{ports: [{port: 8080}]}]\n"

    assert "NP021" not in [f.id for f in findings(spec)]


@pytest.mark.parametrize(
    ("peer", "is_found"),
    [
        ("{namespaceSelector: {}}", False),
        ("{namespaceSelector: {matchExpressions: [{key: team, operator: DoesNotExist}]}}", False),
        ("{podSelector: {matchLabels: {app: a}}}", True),
        ("{namespaceSelector: {matchLabels: {team: blue}}}", True),
    ],
    ids=["all namespaces", "unlabelled ones", "pods at hand", "a namespace at hand"],
)
def test_an_undeclared_port_is_a_note_and_none_where_unseen_pods_may_be_meant(peer, is_found):
    found = findings(
        f"  policyTypes: [Egress]\n  egress: [{{to: [{peer}], ports: [{{port: 99}}]}}]"
    )

    assert [f.severity for f in found if f.id == "NP020"] == [Severity.NOTE] * is_found


def test_dns_pods_are_taken_to_exist_where_no_manifest_shows_them():
    spec = """\
  policyTypes: [Egress]
  egress:
  - to: [{namespaceSelector: {}, podSelector: {matchLabels: {k8s-app: kube-dns}}}]
    ports: [{port: 53, protocol: UDP}, {port: 53}]
"""
    assert findings(spec) == []


def test_objects_of_a_cluster_are_linted_without_positions():
    (document,) = documents(HEAD + "  ingress: [{from: []}]\n")

    found = [f for f in lint([document.data], WORLD) if f.id == "NP034"]

    assert [(f.at, f.path) for f in found] == [(None, "spec.ingress[0].from")]


def test_findings_come_in_the_order_of_the_file():
    found = findings("  egress: [{to: [], prots: []}]\n  podSelector: {app: a}")

    assert [f.at.line for f in found] == sorted(f.at.line for f in found)


def test_unreadable_files_are_findings_of_their_own():
    at = Position("p.yaml", 3, 5)
    unreadable, no_object = of_files(
        [Mistake(at, "not YAML: a tab", "use blanks")], [Mistake(at, "not a Kubernetes object")]
    )

    assert str(unreadable) == "p.yaml:3:5: NP008 error: not YAML: a tab - use blanks"
    assert str(no_object) == "p.yaml:3:5: NP009 note: not a Kubernetes object"
