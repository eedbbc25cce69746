"""
The labels that Calico's selectors know pods and network sets by.

Source: projectcalico/calico libcalico-go/lib/backend/k8s/conversion (workload_endpoint_default.go:
a pod's own; conversion.go: those of its namespace and of its service account, which pods inherit).
"""

from __future__ import annotations

from npol.policy.objects.calico_selectors import CalicoSelector, HasLabel, inherited, keys_in
from npol.policy.objects.calico_types import (
    ACCOUNT,
    IN_NAMESPACE,
    IN_NO_NAMESPACE,
    NAMESPACE,
    NetworkSet,
)
from npol.policy.objects.entities import Namespace, Pod
from npol.selectors import Labels

ORCHESTRATOR = "projectcalico.org/orchestrator"
NAME = "projectcalico.org/name"
OF_NAMESPACE = "pcns."
OF_ACCOUNT = "pcsa."
LONGEST_ACCOUNT = 62
"""Longer names are no label of a pod."""


def of_pod(pod: Pod, namespace: Namespace, account: Labels | None) -> Labels:
    """A pod's own labels outrank those that it inherits. `account` None: not known."""
    name = account_of(pod)
    found = {**of_namespace(namespace), OF_ACCOUNT + NAME: name}
    found |= {OF_ACCOUNT + key: value for key, value in (account or {}).items()}
    found |= {**pod.labels, NAMESPACE: pod.namespace, ORCHESTRATOR: "k8s"}
    return {**found, ACCOUNT: name} if len(name) <= LONGEST_ACCOUNT else found


def account_of(pod: Pod) -> str:
    return pod.service_account or "default"


def of_set(one: NetworkSet, namespace: Namespace | None) -> Labels:
    """A GlobalNetworkSet has its own labels alone."""
    if namespace is None:
        return one.labels
    return {**of_namespace(namespace), **one.labels, NAMESPACE: namespace.name}


def of_namespace(namespace: Namespace) -> dict[str, str]:
    labels = {OF_NAMESPACE + key: value for key, value in namespace.labels.items()}
    return {**labels, OF_NAMESPACE + NAME: namespace.name}


def of_namespaces(selector: CalicoSelector) -> CalicoSelector:
    """A selector of namespaces as one of what is in them."""
    return inherited(selector, OF_NAMESPACE, IN_NAMESPACE, IN_NO_NAMESPACE)


def of_accounts(selector: CalicoSelector) -> CalicoSelector:
    """A selector of service accounts as one of their pods."""
    return inherited(selector, OF_ACCOUNT, HasLabel(ACCOUNT), HasLabel(ACCOUNT))


def asks_accounts(selector: CalicoSelector) -> bool:
    """Whether it goes by labels of service accounts, beside their name."""
    own = OF_ACCOUNT + NAME
    return any(key.startswith(OF_ACCOUNT) and key != own for key in keys_in(selector))
