"""
Prints the definition of ClusterNetworkPolicy, for a cluster that acts on the kind and lacks it.

    python tools/tier_definitions.py | kubectl apply -f -
"""

from __future__ import annotations

import json

from npol_lab.registry.policy_definitions import policy_definitions

if __name__ == "__main__":
    stamp = {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition"}
    approval = {"annotations": {"api-approved.kubernetes.io": "unapproved, for tests"}}
    for one in policy_definitions():
        if one["spec"]["names"]["kind"] == "ClusterNetworkPolicy":
            print(json.dumps({**stamp, **one, "metadata": {**one["metadata"], **approval}}))
