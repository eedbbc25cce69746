"""
What the API server's admission plugins add to objects, and what they refuse.

NamespaceLifecycle, ServiceAccount, DefaultTolerationSeconds, Priority, DefaultIngressClass
and the pod count of ResourceQuota; PodSecurity is in `podsecurity.py`.
"""

from __future__ import annotations

import secrets

from npol.api_rules.kinds.pod_defaults import containers_of
from npol.api_rules.objects import Obj
from npol.api_rules.resources import ApiResource
from npol_lab.registry import errors
from npol_lab.store import Store

TOKEN_PATH = "/var/run/secrets/kubernetes.io/serviceaccount"
TOLERATION_SECONDS = 300
SYSTEM_PRIORITIES = {
    "system-cluster-critical": 2_000_000_000,
    "system-node-critical": 2_000_001_000,
}
DEFAULT_CLASS = "ingressclass.kubernetes.io/is-default-class"
PROTECTED = ("default", "kube-system", "kube-public")


def check_namespace(store: Store, kind: ApiResource, obj: Obj) -> None:
    """
    Raises:
        StatusError: 404 for a namespace that is not there, 403 for one that is going.
    """
    if not kind.namespaced:
        return
    name = obj["metadata"]["namespace"]
    namespace = store.get("namespaces", None, name)
    if namespace is None:
        raise errors.not_found(ApiResource(plural="namespaces", kind="Namespace"), name)
    if "deletionTimestamp" in namespace["metadata"]:
        why = f"unable to create new content in namespace {name} because it is being terminated"
        refusal = errors.forbidden(kind, obj["metadata"]["name"], why)
        cause = {
            "reason": "NamespaceTerminating",
            "message": f"namespace {name} is being terminated",
            "field": "metadata.namespace",
        }
        refusal.details = {**(refusal.details or {}), "causes": [cause]}
        raise refusal


def admit_pod(store: Store, kind: ApiResource, pod: Obj) -> None:
    """
    Fill in the service account, its token, tolerations and priority of a new pod.

    Raises:
        StatusError: 403 when the service account is not there.
    """
    spec, metadata = pod["spec"], pod["metadata"]
    name = spec.get("serviceAccountName") or "default"
    spec["serviceAccountName"] = spec["serviceAccount"] = name
    account = store.get("serviceaccounts", metadata["namespace"], name)
    if account is None:
        why = f"error looking up service account {metadata['namespace']}/{name}: "
        raise errors.forbidden(kind, metadata["name"], f'{why}serviceaccount "{name}" not found')
    if account.get("imagePullSecrets"):
        spec.setdefault("imagePullSecrets", account["imagePullSecrets"])
    _mount_token(spec, account)
    _tolerate(spec)
    _prioritise(store, kind, pod)


def _mount_token(spec: Obj, account: Obj) -> None:
    wanted = spec.get("automountServiceAccountToken")
    if wanted is None:
        wanted = account.get("automountServiceAccountToken", True)
    bare = [
        c
        for c in containers_of(spec)
        if all(m.get("mountPath") != TOKEN_PATH for m in c.get("volumeMounts") or [])
    ]
    if not wanted or not bare:
        return
    name = "kube-api-access-" + "".join(secrets.choice("bcdfghjklmnpqrstvwxz") for _ in range(5))
    for container in bare:
        mount = {"name": name, "mountPath": TOKEN_PATH, "readOnly": True}
        container.setdefault("volumeMounts", []).append(mount)
    spec.setdefault("volumes", []).append({"name": name, "projected": _token_volume()})


def _token_volume() -> Obj:
    certificate = {"items": [{"key": "ca.crt", "path": "ca.crt"}], "name": "kube-root-ca.crt"}
    reference = {"apiVersion": "v1", "fieldPath": "metadata.namespace"}
    return {
        "defaultMode": 0o644,
        "sources": [
            {"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}},
            {"configMap": certificate},
            {"downwardAPI": {"items": [{"fieldRef": reference, "path": "namespace"}]}},
        ],
    }


def _tolerate(spec: Obj) -> None:
    tolerations = spec.setdefault("tolerations", [])
    for key in ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"):
        if not any(
            t.get("key", key) == key and t.get("effect", "NoExecute") == "NoExecute"
            for t in tolerations
        ):
            tolerations.append(
                {
                    "effect": "NoExecute",
                    "key": key,
                    "operator": "Exists",
                    "tolerationSeconds": TOLERATION_SECONDS,
                }
            )


def _prioritise(store: Store, kind: ApiResource, pod: Obj) -> None:
    spec = pod["spec"]
    name, value = spec.get("priorityClassName"), 0
    if name:
        found = store.get("priorityclasses.scheduling.k8s.io", None, name)
        if found is None and name not in SYSTEM_PRIORITIES:
            why = f"no PriorityClass with name {name} was found"
            raise errors.forbidden(kind, pod["metadata"]["name"], why)
        value = found["value"] if found else SYSTEM_PRIORITIES[name]
    spec.setdefault("priority", value)
    spec.setdefault("preemptionPolicy", "PreemptLowerPriority")


def check_quota(store: Store, kind: ApiResource, obj: Obj) -> None:
    """
    Count pods against the ResourceQuotas of their namespace; other limits are data only.

    Raises:
        StatusError: 403 with the quota, what is asked, used and allowed.
    """
    namespace = obj["metadata"]["namespace"]
    for quota in store.list("resourcequotas", namespace):
        hard = quota.get("spec", {}).get("hard") or {}
        limit = hard.get("pods", hard.get("count/pods"))
        if limit is None:
            continue
        used = sum(1 for p in store.list("pods", namespace) if not _ended(p))
        if used + 1 > int(limit):
            key = "pods" if "pods" in hard else "count/pods"
            why = (
                f"exceeded quota: {quota['metadata']['name']}, requested: {key}=1, "
                f"used: {key}={used}, limited: {key}={limit}"
            )
            raise errors.forbidden(kind, obj["metadata"]["name"], why)


def _ended(pod: Obj) -> bool:
    return pod.get("status", {}).get("phase") in ("Succeeded", "Failed")


def default_ingress_class(store: Store, ingress: Obj) -> None:
    """An Ingress that names no class gets the one that is marked as the default."""
    named = (ingress["metadata"].get("annotations") or {}).get("kubernetes.io/ingress.class")
    if named or "ingressClassName" in ingress.get("spec", {}):
        return
    marked = [
        c["metadata"]["name"]
        for c in store.list("ingressclasses.networking.k8s.io")
        if (c["metadata"].get("annotations") or {}).get(DEFAULT_CLASS) == "true"
    ]
    if marked:
        ingress.setdefault("spec", {})["ingressClassName"] = marked[0]


def check_namespace_deletion(kind: ApiResource, name: str) -> None:
    """
    Raises:
        StatusError: 403 for the namespaces that must stay.
    """
    if name in PROTECTED:
        raise errors.forbidden(kind, name, "this namespace may not be deleted")
