"""Stories in a cluster of both IP families: each family is asked, predicted and told apart."""

from __future__ import annotations

from pathlib import Path

import pytest

from npol.errors import ExitCode
from npol.model.reason import ReasonCode
from npol.report.causes import prediction_words
from npol.report.reasons import reason_words
from npol.run import Options
from npol_lab.session import Lab, LabOptions
from tests import shop

pytestmark = [pytest.mark.lab, pytest.mark.without_records]

BLOCK = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: %(name)s, namespace: shop}
spec:
  podSelector: {matchLabels: {app: web}}
  policyTypes: [Ingress]
  ingress: [{from: [%(blocks)s]}]
"""
FOUR, SIX = "{ipBlock: {cidr: 0.0.0.0/0}}", "{ipBlock: {cidr: '::/0'}}"
PEERS = """peers:
  other: {namespace: shop, labels: {app: other}}
  pods: {namespace: shop, labels: {app: web}}
"""
STEPS = """
  - name: http
    flows: [{from: client, to: web, port: 80, http: {path: /}, expect: http 200}]
  - name: both
    apply: [both.yaml]
    flows: [{from: client, to: web, port: 80, expect: allow}]
  - name: one
    change: [{delete: [both.yaml]}, {apply: [four.yaml]}]
    flows:
      - {name: opened, from: client, to: web, port: 80, expect: allow}
      - {name: its pods, from: client, to: pods, port: 8080, expect: allow}
      - {name: closed, from: other, to: web, port: 80, expect: deny}
      - {name: name, from: client, resolve: web.shop, expect: allow}
  - name: none
    change: [{delete: [four.yaml]}, {apply: [deny.yaml]}]
    flows: [{from: client, to: web, port: 80, expect: deny}]
"""


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dual")
    patient = "{timeout: 500ms, settle: {within: 20s}}"
    story = Path(shop.write(folder, "shop", steps=STEPS, defaults=patient))
    for name, blocks in (("four", FOUR), ("both", f"{FOUR}, {SIX}")):
        (folder / f"{name}.yaml").write_text(BLOCK % {"name": name, "blocks": blocks})
    dual = "spec: {ipFamilyPolicy: PreferDualStack, selector"
    _replace(folder / "apps.yaml", "spec: {selector", dual)
    _replace(story, "peers:\n", PEERS)
    with Lab.start(LabOptions(ip_families=("IPv4", "IPv6"))) as lab:
        options = Options(
            kubeconfig=str(lab.kubeconfig), context=lab.context, create=True, disposable=True
        )
        return shop.told(shop.read(str(story)), options)


def _replace(file, old, new):
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


def flow(report, step, name=""):
    (found,) = [f for s in report.steps if s.name == step for f in s.flows if name in f.name]
    return found


def test_every_address_of_a_service_is_asked_in_both_families(report):
    found = flow(report, "http")
    asked = {(e.role.value, ":" in e.address) for e in found.evidence if e.address}
    assert found.passed
    assert asked == {("service", False), ("service", True), ("pod", False), ("pod", True)}
    names = [e.answer.addresses for e in found.evidence if e.role.value == "name"]
    assert [":" in a for addresses in names for a in addresses] == [False, True]


def test_blocks_of_both_families_open_both(report):
    assert flow(report, "both").passed


@pytest.mark.parametrize("name", ["opened", "its pods"])
def test_a_block_of_one_family_leaves_the_other_closed(report, name):
    found = flow(report, "one", name)
    assert (found.verdict.value, found.reason.code) == ("too closed", ReasonCode.ONE_FAMILY_CLOSED)
    assert reason_words(found.reason).startswith("closed over IPv6, open over IPv4; ")
    assert (
        prediction_words(found.predicted) == "differs by family: open over IPv4, closed over IPv6"
    )
    assert found.witnesses.value == "agree"
    assert found.diagnosis.value == "policy bug"
    assert found.settled_after < 15, "both witnesses agree: the deadline is not waited for"


def test_a_deny_that_is_open_in_one_family_is_too_open(report):
    found = flow(report, "one", "closed")
    assert (found.verdict.value, found.reason.code) == ("too open", ReasonCode.ONE_FAMILY_OPEN)
    assert reason_words(found.reason).startswith(
        "open over IPv4, closed over IPv6: ClusterIP 10.96."
    )
    assert found.witnesses.value == "agree"


def test_a_deny_of_both_families_is_as_expected(report):
    found = flow(report, "none")
    assert (found.verdict.value, prediction_words(found.predicted)) == ("as expected", "deny")
    assert report.exit_code == ExitCode.DIFFERS
