"""The names of engines that code asks for; all others are rows of a table."""

from __future__ import annotations

CALICO = "calico"
LAB = "npol-lab"
STANDS_FOR = {LAB: CALICO}
"""Engine -> the one for which a story's expectations hold on it, too (docs/semantics.md)."""
ENGINES = (
    "antrea",
    "aws-vpc-cni",
    "azure-npm",
    "calico",
    "cilium",
    "flannel",
    "gke-dataplane-v2",
    "kindnet",
    "kube-network-policies",
    "kube-router",
    LAB,
    "ovn-kubernetes",
    "weave",
)
"""Names that `expect: {ENGINE: WORD}` may use."""
