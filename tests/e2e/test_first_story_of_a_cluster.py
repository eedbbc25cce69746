"""`npol init --from-cluster`: the story runs as written on the cluster that it was read from."""

from __future__ import annotations

import pytest

from npol.story import read_story
from tests.e2e.shop import await_endpoint

pytestmark = [pytest.mark.lab, pytest.mark.nightly]
AGNHOST = "registry.k8s.io/e2e-test-images/agnhost:2.53"
POD = {"terminationGracePeriodSeconds": 0}


def pod(name, *args):
    container = {"name": "main", "image": AGNHOST, "args": args}
    metadata = {"name": name, "labels": {"app": name}}
    return {"metadata": metadata, "spec": {**POD, "containers": [container]}}


@pytest.fixture
def two_pods(server):
    """A Service on port 80 in front of a port that no pod declares; a policy without a port."""
    core = "/api/v1/namespaces/pair"
    server.ask("POST", "/api/v1/namespaces", {"metadata": {"name": "pair"}})
    server.ask("POST", f"{core}/pods", pod("web", "netexec", "--http-port=8080"))
    server.ask("POST", f"{core}/pods", pod("client", "pause"))
    spec = {"selector": {"app": "web"}, "ports": [{"port": 80, "targetPort": 8080}]}
    server.ask("POST", f"{core}/services", {"metadata": {"name": "web"}, "spec": spec})
    caller = {"from": [{"podSelector": {"matchLabels": {"app": "client"}}}]}
    selected = {"podSelector": {"matchLabels": {"app": "web"}}, "policyTypes": ["Ingress"]}
    server.ask(
        "POST",
        "/apis/networking.k8s.io/v1/namespaces/pair/networkpolicies",
        {"metadata": {"name": "web"}, "spec": {**selected, "ingress": [caller]}},
    )
    await_endpoint(server, "pair")


@pytest.mark.usefixtures("two_pods")
def test_a_policy_without_a_port_is_asked_at_its_services_and_by_a_stranger(
    lab, npol_here, tmp_path
):
    there = ("--kubeconfig", lab.kubeconfig, "--context", lab.context)
    written = npol_here("init", "--from-cluster", "-n", "pair", *there)
    assert written.returncode == 0, written.stderr
    (tmp_path / "first.npol.yaml").write_text(written.stdout)
    story = read_story(written.stdout.encode(), "first.npol.yaml")
    flows = [flow for step in story.steps for flow in step.flows]
    sources = {story.peers[flow.source].namespace for flow in flows}

    assert {flow.port for flow in flows} == {80}
    assert {"allow", "deny"} <= {str(flow.expect) for flow in flows}
    assert "kube-system" not in sources

    ran = npol_here("run", "first.npol.yaml", *there, "--create")
    assert ran.returncode == 0, ran.stdout
