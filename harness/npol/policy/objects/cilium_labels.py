"""
The labels that Cilium knows an end of a flow by: its identity.

Of a pod's labels those that its default filter leaves out select nothing (cilium/cilium v1.20.2
pkg/labelsfilter/filter.go). Each label stands twice: with its source, and with `any:`.
"""

from __future__ import annotations

import functools
import re

from npol.policy.objects.entities import Namespace, Pod
from npol.selectors import Labels

NAMESPACE = "io.kubernetes.pod.namespace"
NAMESPACE_LABELS = "io.cilium.k8s.namespace.labels."
SERVICE_ACCOUNT = "io.cilium.k8s.policy.serviceaccount"
CLUSTER = "io.cilium.k8s.policy.cluster"
"""Its value is the cluster's name, which is not known here."""
_KEPT = [re.compile(re.escape(key)) for key in (NAMESPACE, "app.kubernetes.io", SERVICE_ACCOUNT)]
_LEFT_OUT = [
    re.compile(key)
    for key in (
        r"io\.kubernetes",
        r"kubernetes\.io",
        r"statefulset\.kubernetes\.io/pod-name",
        r"apps\.kubernetes\.io/pod-index",
        r"batch\.kubernetes\.io/job-completion-index",
        r"batch\.kubernetes\.io/controller-uid",
        r".*beta\.kubernetes\.io",
        r"k8s\.io",
        r"pod-template-generation",
        r"pod-template-hash",
        r"controller-revision-hash",
        r"controller-uid",
        r"annotation.*",
        r"etcd_node",
        r"topology\.kubernetes\.io",
    )
]


@functools.cache
def is_kept(key: str) -> bool:
    """Whether a pod's label counts: the longest pattern for it beats the shortest against it."""
    kept = [m.end() for pattern in _KEPT if (m := pattern.match(key))]
    left_out = [m.end() for pattern in _LEFT_OUT if (m := pattern.match(key))]
    return not left_out or max(kept, default=0) > min(left_out)


def of_pod(pod: Pod, namespace: Namespace) -> Labels:
    """The labels of a pod with an address of its own."""
    own = {key: value for key, value in pod.labels.items() if is_kept(key)}
    around = {f"{NAMESPACE_LABELS}{key}": value for key, value in namespace.labels.items()}
    account = {SERVICE_ACCOUNT: pod.service_account or "default"}
    return _sourced("k8s", {**own, **around, **account, NAMESPACE: pod.namespace, CLUSTER: ""})


def of_namespace(namespace: Namespace) -> Labels:
    """Those that all pods of a namespace share."""
    around = {f"{NAMESPACE_LABELS}{key}": value for key, value in namespace.labels.items()}
    return _sourced("k8s", {**around, NAMESPACE: namespace.name})


def reserved(*words: str) -> Labels:
    """Of what is no pod: `host`, `remote-node`, `world`, `kube-apiserver`."""
    return _sourced("reserved", dict.fromkeys(words, ""))


def _sourced(source: str, labels: Labels) -> Labels:
    return {f"{where}:{key}": value for key, value in labels.items() for where in (source, "any")}


def without_source(key: str) -> str:
    return key.partition(":")[2]


def names_cluster(keys: list[str]) -> bool:
    return any(without_source(key) == CLUSTER for key in keys)
