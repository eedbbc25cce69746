"""A story out of what a lab's data plane told, run in that lab as it is."""

from __future__ import annotations

import time

import pytest

from npol.cli.app import app
from npol.errors import ExitCode
from npol.flow_records.agents import agents_of
from npol.kube.exec import run_once
from npol.model.expectation import Verdict
from npol.model.inventory import pod_ref
from npol.report.json import from_json

pytestmark = [pytest.mark.lab, pytest.mark.nightly]

WITHIN = 60.0
AGNHOST = "registry.k8s.io/e2e-test-images/agnhost:2.53"
LAST = ["hubble", "observe", "-o", "jsonpb", "--last", "2000"]
ONLY_CLIENT = {
    "podSelector": {"matchLabels": {"app": "web"}},
    "ingress": [{"from": [{"podSelector": {"matchLabels": {"app": "client"}}}]}],
}


@pytest.fixture(scope="module")
def pods(api, core, policies):
    """`client`, `other` and `web`, which only `client` may reach."""
    core.create_namespace({"metadata": {"name": "shop"}})
    policy = {"metadata": {"name": "only-client"}, "spec": ONLY_CLIENT}
    policies.create_namespaced_network_policy("shop", policy)
    for number, name in enumerate(("client", "other", "web")):
        container = {"name": "c", "image": AGNHOST, "args": ["netexec", "--http-port=80"]}
        spec = {"nodeName": f"lab-{number % 2 + 1}", "containers": [container]}
        meta = {"name": name, "labels": {"app": name}}
        core.create_namespaced_pod("shop", {"metadata": meta, "spec": spec})
    deadline = time.monotonic() + WITHIN
    while True:
        found = core.list_namespaced_pod("shop").items
        refs = [pod_ref(api.sanitize_for_serialization(pod), "c") for pod in found]
        if all(ref.ready for ref in refs):
            return {ref.name: ref for ref in refs}
        assert time.monotonic() < deadline
        time.sleep(0.05)


def knock(connection, pods, name):
    argv = ["nc", "-z", "-n", "-w", "1", pods["web"].ip, "80"]
    return run_once(connection, pods[name], argv, timeout=20.0).exit_code == 0


def recorded(connection):
    """What the agents of all nodes have told so far, as a user would save it."""
    agents = agents_of(connection).values()
    return "".join(
        run_once(connection, a, LAST, timeout=20.0, limit=1 << 24).stdout for a in agents
    )


def test_a_story_of_what_was_seen_runs_unchanged(lab, connection, pods, tmp_path, capsys):
    assert knock(connection, pods, "client")
    assert not knock(connection, pods, "other")
    flows, story, report = (tmp_path / n for n in ("flows.jsonl", "seen.npol.yaml", "run.json"))
    flows.write_text(recorded(connection))
    capsys.readouterr()

    assert app(["init", "--observed", str(flows)], standalone_mode=False) == ExitCode.AS_EXPECTED
    story.write_text(capsys.readouterr().out)
    where = ["--kubeconfig", str(lab.kubeconfig), "--context", lab.context]
    code = app(["run", str(story), *where, "--report", str(report)], standalone_mode=False)

    assert code == ExitCode.AS_EXPECTED, capsys.readouterr().out
    told = {f.name: (str(f.expected), f.verdict) for f in from_json(report.read_text()).results}
    assert told["client -> web-pods:80"] == ("allow", Verdict.AS_EXPECTED)
    assert told["other -> web-pods:80"] == ("deny", Verdict.AS_EXPECTED)
