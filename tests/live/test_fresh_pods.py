"""Pods that start under policies, one after the other: none of them gets a packet through."""

from __future__ import annotations

import secrets
from pathlib import Path

import pytest

from npol.model.fresh_start import FreshStart
from npol.model.result import FlowResult
from npol.report.fresh_words import start_words
from tests import shop

pytestmark = [
    pytest.mark.live,
    pytest.mark.nightly,
    pytest.mark.timeout(1800),
    pytest.mark.usefixtures("journals"),
]

TIMES = 20
POLICIES = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {{name: out, namespace: {namespace}}}
spec: {{podSelector: {{matchLabels: {{app: starts}}}}, policyTypes: [Egress]}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {{name: in, namespace: {namespace}}}
spec: {{podSelector: {{matchLabels: {{app: answers}}}}, policyTypes: [Ingress]}}
"""
FLOWS = """
  - name: time {number}
    {change}
    flows:
      - {{name: out, from: starts, to: web, port: 80, expect: deny, leak: 0s}}
      - {{name: in, from: client, to: answers, port: 9000, expect: deny, leak: 0s}}
"""
PEERS = """peers:
  starts: {{namespace: {namespace}, labels: {{app: starts}}, fresh: true}}
  answers: {{namespace: {namespace}, labels: {{app: answers}}, fresh: true}}
"""


def story(directory: Path, namespace: str) -> str:
    steps = [
        FLOWS.format(number=number, change="apply: [policies.yaml]" if number == 1 else "tags: []")
        for number in range(1, TIMES + 1)
    ]
    path = Path(shop.write(directory, namespace, steps="".join(steps)))
    text = path.read_text().replace("peers:\n", PEERS.format(namespace=namespace))
    path.write_text(text)
    (directory / "policies.yaml").write_text(POLICIES.format(namespace=namespace))
    return str(path)


def test_fresh_pods_leak_nothing_twenty_times(options, enforced, tmp_path):
    if not enforced:
        pytest.skip("this cluster does not enforce policies: see test_no_engine.py")
    path = story(tmp_path, f"npol-live-{secrets.token_hex(4)}")

    report = shop.told(shop.read(path), options)

    starts: list[FreshStart] = []
    for flow in (f for step in report.steps[1:] for f in step.flows):
        assert isinstance(flow, FlowResult)
        assert flow.fresh, f"{flow.step}: {flow.reason}"
        starts.append(flow.fresh)
        print(f"{flow.step}: {flow.name}: {start_words(flow.fresh)}")
    assert len(starts) == 2 * TIMES
    assert [start for start in starts if start.leaks] == []
    assert shop.wrong(report) == []
    assert report.restore
    assert report.restore.complete
