"""Hosts and ExternalName Services in a lab: prediction and packets follow what the source knows."""

from __future__ import annotations

import secrets
from pathlib import Path

import pytest

from npol.model.expectation import Verdict
from npol.model.probe import Role
from npol.model.result import Witnesses
from npol.report.reasons import reason_words
from npol.run import Options
from tests import shop

pytestmark = [pytest.mark.lab, pytest.mark.nightly]

GIVEN = """
apiVersion: v1
kind: Namespace
metadata: {name: NS}
---
apiVersion: v1
kind: Service
metadata: {name: away, namespace: NS}
spec: {type: ExternalName, externalName: db.example.test}
"""
DNS = "{ports: [{port: 53, protocol: UDP}, {port: 53, protocol: TCP}]}"
STEPS = {
    "only DNS": (f"[{DNS}]", "deny"),
    "its block": (f"[{DNS}, {{to: [{{ipBlock: {{cidr: 203.0.113.0/24}}}}]}}]", "allow"),
    "not even DNS": ("[]", "deny"),
}
POLICY = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: out, namespace: NS}
spec: {podSelector: {}, policyTypes: [Egress], egress: EGRESS}
"""
STORY = """
version: 1
name: names
given: [given.yaml]
peers:
  client: {namespace: NS, labels: {app: client}}
  site: {host: www.example.test}
  away: {namespace: NS, service: away}
  nobody: {host: nobody.invalid}
steps:
"""


def step(name, word, file=""):
    apply = f"    apply: [{file}]\n" if file else ""
    flows = "".join(
        f"      - {{name: '{peer}', from: client, to: {peer}, port: 80, expect: {word}}}\n"
        for peer in ("site", "away")
    )
    return f"  - name: {name}\n{apply}    flows:\n{flows}"


@pytest.fixture
def report(lab, tmp_path: Path):
    space = f"names-{secrets.token_hex(3)}"
    story = STORY + step("open", "allow")
    story += "      - {name: nobody, from: client, to: nobody, port: 80, expect: dns negative}\n"
    for number, (name, (egress, word)) in enumerate(STEPS.items()):
        file = f"{number}.yaml"
        (tmp_path / file).write_text(POLICY.replace("NS", space).replace("EGRESS", egress))
        story += step(name, word, file)
    (tmp_path / "given.yaml").write_text(GIVEN.replace("NS", space))
    (tmp_path / "names.npol.yaml").write_text(story.replace("NS", space))
    options = Options(
        kubeconfig=str(lab.kubeconfig), context=lab.context, create=True, disposable=True
    )
    return shop.told(shop.read(str(tmp_path / "names.npol.yaml")), options)


def test_packets_and_predictions_follow_what_the_source_resolved(report):
    found = {(s.name, f.name): f for s in report.steps for f in s.flows}
    nobody = found.pop(("open", "nobody"))

    for where, flow in found.items():
        assert (flow.verdict, flow.witnesses) == (
            Verdict.AS_EXPECTED,
            Witnesses.AGREE,
        ), (where, reason_words(flow.reason), flow.predicted)
        asked = {e.address for e in flow.evidence if e.role is Role.HOST}
        assert asked == {"203.0.113.10"}, where
    assert nobody.verdict is Verdict.AS_EXPECTED, reason_words(nobody.reason)
