"""Nine sources and nine targets in three namespaces: 81 flows, cut on either side, let through."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

PODS = "abc"
TARGET = """\
apiVersion: apps/v1
kind: Deployment
metadata: {{name: t-{pod}, namespace: {space}}}
spec:
  selector: {{matchLabels: {{app: t-{pod}, role: target}}}}
  template:
    metadata: {{labels: {{app: t-{pod}, role: target}}}}
    spec:
      terminationGracePeriodSeconds: 0
      containers:
        - name: web
          image: registry.k8s.io/e2e-test-images/agnhost:2.53
          args: [netexec, --http-port=80]
          readinessProbe: {{tcpSocket: {{port: 80}}, periodSeconds: 1}}
"""
POLICY = """\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {{name: {name}, namespace: {space}}}
spec: {spec}
"""
SPECS = {
    "deny-in": "{podSelector: {matchLabels: {role: target}}, policyTypes: [Ingress]}",
    "deny-out": "{podSelector: {matchLabels: {role: source}}, policyTypes: [Egress]}",
    "allow-in": "{podSelector: {matchLabels: {role: target}}, policyTypes: [Ingress], ingress: "
    "[{from: [{namespaceSelector: {}, podSelector: {matchLabels: {role: source}}}]}]}",
}
STEPS = """\
steps:
  - name: open
{allow}
  - name: cut at the targets
    apply: [deny-in.yaml]
{deny}
  - name: cut at the sources
    change: [{{delete: [deny-in.yaml]}}, {{apply: [deny-out.yaml]}}]
{deny}
  - name: let through by one policy
    change: [{{delete: [deny-out.yaml]}}, {{apply: [allow-in.yaml]}}]
{allow}
  - name: asked once more
{allow}
"""
TIER = """\
apiVersion: policy.networking.k8s.io/v1alpha2
kind: ClusterNetworkPolicy
metadata: {{name: {name}}}
spec:
  tier: Admin
  priority: 10
  subject:
    pods:
      namespaceSelector: {{matchLabels: {{kubernetes.io/metadata.name: {space}}}}}
      podSelector: {{matchLabels: {{role: target}}}}
  ingress:
    - action: Deny
      from: [{{namespaces: {{}}}}]
"""
DENIED = 20
TIER_STEP = """\
  - name: denied by a policy of the whole cluster
    apply: [tier.yaml]
    flows:
"""


def tier_name(suffix: str) -> str:
    return f"npol-nine-{suffix}"


def write_story(folder: Path, suffix: str, *, tier: bool = False) -> str:
    """
    The story's path; its manifests stand beside it.

    `tier`: its last step denies 20 of the flows by a ClusterNetworkPolicy (`tier_name`).
    """
    spaces = [f"npol-nine-{letter}-{suffix}" for letter in "xyz"]
    given = [f"apiVersion: v1\nkind: Namespace\nmetadata: {{name: {s}}}\n" for s in spaces]
    given += [TARGET.format(pod=pod, space=space) for space in spaces for pod in PODS]
    (folder / "given.yaml").write_text("---\n".join(given))
    for name, spec in SPECS.items():
        made = [POLICY.format(name=name, space=space, spec=spec) for space in spaces]
        (folder / f"{name}.yaml").write_text("---\n".join(made))
    sources = [f"s{i}{pod}" for i in range(3) for pod in PODS]
    targets = [f"t{i}{pod}" for i in range(3) for pod in PODS]
    story = folder / "nine.npol.yaml"
    story.write_text(
        "version: 1\nname: nine by nine\ngiven: [given.yaml]\n"
        "defaults: {timeout: 1s}\npeers:\n"
        + "".join(_peers(spaces))
        + STEPS.format(
            allow=_matrix(sources, targets, "allow"), deny=_matrix(sources, targets, "deny")
        )
        + (TIER_STEP + "".join(_denied(sources)) if tier else "")
    )
    if tier:
        (folder / "tier.yaml").write_text(TIER.format(name=tier_name(suffix), space=spaces[0]))
    return str(story)


def _peers(spaces: list[str]) -> Iterator[str]:
    for i, space in enumerate(spaces):
        for pod in PODS:
            yield f"  s{i}{pod}: {{namespace: {space}, labels: {{app: s-{pod}, role: source}}}}\n"
            yield f"  t{i}{pod}: {{namespace: {space}, workload: deployment/t-{pod}}}\n"


def _denied(sources: list[str]) -> Iterator[str]:
    """Flows to the targets of the first namespace."""
    pairs = [(source, f"t0{pod}") for source in sources for pod in PODS]
    for source, target in pairs[:DENIED]:
        yield f"      - {{from: {source}, to: {target}, port: 80, expect: deny}}\n"


def _matrix(sources: list[str], targets: list[str], word: str) -> str:
    head = " | ".join(f"{target}:80" for target in targets)
    row = " | ".join([word] * len(targets))
    lines = [f"| from \\ to | {head} |", *(f"| {source} | {row} |" for source in sources)]
    return "    matrix: |\n" + "\n".join(f"      {line}" for line in lines)
