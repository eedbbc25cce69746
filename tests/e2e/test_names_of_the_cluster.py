"""Names that a pod's resolver completes by its search list, as they stand in stories."""

import pytest

from npol.model.expectation import Verdict
from npol.run import Options
from tests import shop

pytestmark = pytest.mark.lab

GIVEN = """
apiVersion: v1
kind: Namespace
metadata: {name: names-inside}
---
apiVersion: v1
kind: Service
metadata: {name: pg, namespace: names-inside}
spec: {clusterIP: None, selector: {app: pg}, ports: [{port: 5432}]}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: pg, namespace: names-inside}
spec:
  serviceName: pg
  replicas: 1
  selector: {matchLabels: {app: pg}}
  template:
    metadata: {labels: {app: pg}}
    spec: {containers: [{name: pg, image: "postgres:16", ports: [{containerPort: 5432}]}]}
"""
STORY = """
version: 1
name: names
given: [given.yaml]
peers: {client: {namespace: names-inside, labels: {app: client}}}
steps:
  - name: open
    flows:
"""
FLOWS = {
    "short": ("pg-0.pg", "allow", Verdict.AS_EXPECTED),
    "with its namespace": ("pg-0.pg.names-inside", "allow", Verdict.AS_EXPECTED),
    "in full": ("pg-0.pg.names-inside.svc.cluster.local", "allow", Verdict.AS_EXPECTED),
    "not there": ("pg-7.pg", "dns negative", Verdict.AS_EXPECTED),
    "there, and expected not to be": ("pg-0.pg", "dns negative", Verdict.TOO_OPEN),
    "absolute": ("pg-0.pg.", "dns negative", Verdict.AS_EXPECTED),
}


def test_a_pod_of_a_statefulset_is_known_by_its_usual_names(lab, tmp_path):
    flows = (
        f"      - {{name: '{name}', from: client, resolve: {looked_up}, expect: {word}}}\n"
        for name, (looked_up, word, _) in FLOWS.items()
    )
    (tmp_path / "given.yaml").write_text(GIVEN)
    (tmp_path / "names.npol.yaml").write_text(STORY + "".join(flows))
    options = Options(
        kubeconfig=str(lab.kubeconfig), context=lab.context, create=True, disposable=True
    )

    report = shop.told(shop.read(str(tmp_path / "names.npol.yaml")), options)

    found = {f.name: f.verdict for f in report.steps[0].flows}
    assert found == {name: verdict for name, (*_, verdict) in FLOWS.items()}
