"""Policies of other kinds on a cluster: `explain`, `probe` and `init` read them as `run` does."""

import pytest
import yaml

pytestmark = pytest.mark.lab
TIER = "/apis/policy.networking.k8s.io/v1alpha1/adminnetworkpolicies"
CALICO = "/apis/projectcalico.org/v3/namespaces/kinds-ops/networkpolicies"
PLAIN = "/apis/networking.k8s.io/v1/namespaces/kinds-ops/networkpolicies"
FLOW = "kinds-web/ui -> kinds-ops/grafana:80"
SPACES = ("-n", "kinds-web", "-n", "kinds-ops")
ADMIN = {
    "apiVersion": "policy.networking.k8s.io/v1alpha1",
    "kind": "AdminNetworkPolicy",
    "metadata": {"name": "no-web-to-ops"},
    "spec": {
        "priority": 10,
        "subject": {"namespaces": {"matchLabels": {"team": "ops"}}},
        "ingress": [
            {
                "name": "deny-web",
                "action": "Deny",
                "from": [{"namespaces": {"matchLabels": {"team": "web"}}}],
            }
        ],
    },
}
ALLOW = {
    "apiVersion": "projectcalico.org/v3",
    "kind": "NetworkPolicy",
    "metadata": {"name": "from-web", "namespace": "kinds-ops"},
    "spec": {
        "order": 100,
        "selector": "all()",
        "types": ["Ingress"],
        "ingress": [{"action": "Allow", "source": {"namespaceSelector": "team == 'web'"}}],
    },
}
OPEN = {
    "apiVersion": "networking.k8s.io/v1",
    "kind": "NetworkPolicy",
    "metadata": {"name": "from-web", "namespace": "kinds-ops"},
    "spec": {
        "podSelector": {},
        "ingress": [{"from": [{"namespaceSelector": {"matchLabels": {"team": "web"}}}]}],
    },
}
DENY = {
    "apiVersion": "networking.k8s.io/v1",
    "kind": "NetworkPolicy",
    "metadata": {"name": "default-deny", "namespace": "kinds-ops"},
    "spec": {"podSelector": {}, "policyTypes": ["Ingress"]},
}


@pytest.fixture(scope="module")
def apps(server):
    for team, name in (("web", "ui"), ("ops", "grafana")):
        space = f"kinds-{team}"
        named = {"name": space, "labels": {"team": team}}
        server.ask("POST", "/api/v1/namespaces", {"metadata": named})
        container = {"name": "c", "image": "nginx", "ports": [{"containerPort": 80}]}
        pod = {
            "metadata": {"name": name, "labels": {"app": name}},
            "spec": {"containers": [container]},
        }
        server.ask("POST", f"/api/v1/namespaces/{space}/pods", pod)


@pytest.fixture
def applied(server, apps):
    """Apply an object; all of them are deleted at the end."""
    made = []

    def apply(path, body):
        server.ask("POST", path, body)
        made.append(f"{path}/{body['metadata']['name']}")

    yield apply
    for path in made:
        server.ask("DELETE", path)


@pytest.fixture
def there(lab):
    return "--kubeconfig", str(lab.kubeconfig), "--context", lab.context


def test_a_policy_of_the_admin_tier_is_read(npol_here, applied, there):
    applied(TIER, ADMIN)
    applied(PLAIN, OPEN)

    flow = npol_here("explain", FLOW, *there)
    policy = npol_here("explain", "no-web-to-ops", *there)
    story = npol_here("init", "--from-cluster", *SPACES, *there)

    assert "predicted deny" in flow.stdout
    assert "AdminNetworkPolicy no-web-to-ops" in flow.stdout
    assert policy.stdout.startswith("AdminNetworkPolicy no-web-to-ops stands in tier Admin")
    assert "\n# read 2 policies, 2 pods" in story.stdout
    assert "allow" not in yaml.safe_load(story.stdout)["steps"][0]["matrix"]
    assert "no flow of the pods at hand is let through by it" in story.stdout


STORY = """
version: 1
name: kinds
peers:
  ui: {namespace: kinds-web, labels: {app: ui}}
  grafana: {namespace: kinds-ops, pod: grafana}
steps:
  - name: applied
    apply: [policies.yaml]
    flows: [{from: ui, to: grafana, port: 80, expect: deny}]
"""


def test_a_page_of_the_cluster_has_it(npol_here, applied, there, tmp_path):
    applied(TIER, ADMIN)
    absent = {**ADMIN, "metadata": {"name": "not-there"}}
    (tmp_path / "policies.yaml").write_text(yaml.safe_dump_all([ADMIN, absent]))
    (tmp_path / "kinds.npol.yaml").write_text(STORY)

    page = npol_here("document", "kinds.npol.yaml", *there)

    assert "| ui | grafana:80/tcp | denied | " in page.stdout, page.stdout + page.stderr
    assert "AdminNetworkPolicy no-web-to-ops stands in tier Admin" in page.stdout
    assert "AdminNetworkPolicy not-there (policies.yaml:" in page.stdout
    assert "AdminNetworkPolicy no-web-to-ops (policies.yaml:" not in page.stdout


def test_a_policy_of_calicos_is_read(npol_here, applied, there):
    applied(PLAIN, DENY)
    applied(CALICO, ALLOW)

    flow = npol_here("explain", FLOW, *there)
    probed = npol_here("probe", FLOW, *there)

    assert "predicted allow" in flow.stdout
    assert "CalicoNetworkPolicy kinds-ops/from-web" in flow.stdout
    assert probed.stdout.startswith(f"{FLOW}: open\n")
    assert "  predicted  allow: packets agree\n" in probed.stdout
    assert probed.returncode == 0
