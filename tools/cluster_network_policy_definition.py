"""
Prints the definition of ClusterNetworkPolicy, for a cluster that acts on the kind and lacks it.

    python tools/cluster_network_policy_definition.py | kubectl apply -f -
"""

from __future__ import annotations

import json

from npol_lab.registry.policy_definitions import policy_definitions

if __name__ == "__main__":
    stamp = {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition"}
    approval = {"annotations": {"api-approved.kubernetes.io": "unapproved, for tests"}}
    kind = "ClusterNetworkPolicy"
    one = next(d for d in policy_definitions() if d["spec"]["names"]["kind"] == kind)
    print(json.dumps({**stamp, **one, "metadata": {**one["metadata"], **approval}}))
