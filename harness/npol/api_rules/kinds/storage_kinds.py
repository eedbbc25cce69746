"""
Claims, volumes, classes and drivers: defaults and what may be said.

Source: kubernetes `pkg/apis/{core,storage}/v1/defaults.go`, `pkg/apis/core/validation`, and the
admission plugin StorageObjectInUseProtection.
"""

from __future__ import annotations

from npol.api_rules.field_errors import FieldError, required, unsupported
from npol.api_rules.objects import Obj

MODES = ("ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod")
CLAIM_IN_USE = "kubernetes.io/pvc-protection"
VOLUME_IN_USE = "kubernetes.io/pv-protection"
DRIVER: Obj = {
    "attachRequired": True,
    "podInfoOnMount": False,
    "storageCapacity": False,
    "fsGroupPolicy": "ReadWriteOnceWithFSType",
    "requiresRepublish": False,
    "seLinuxMount": False,
}


def default_class(obj: Obj) -> None:
    obj.setdefault("reclaimPolicy", "Delete")
    obj.setdefault("volumeBindingMode", "Immediate")


def default_driver(obj: Obj) -> None:
    spec = obj.setdefault("spec", {})
    for key, value in DRIVER.items():
        spec.setdefault(key, value)
    spec["volumeLifecycleModes"] = spec.get("volumeLifecycleModes") or ["Persistent"]


def default_claim(obj: Obj) -> None:
    obj.setdefault("spec", {}).setdefault("volumeMode", "Filesystem")


def prepare_claim(obj: Obj) -> None:
    obj["status"] = {"phase": "Pending"}
    _protect(obj, CLAIM_IN_USE)


def default_template(template: Obj) -> None:
    """A StatefulSet's: a claim that is no object yet."""
    template |= {"apiVersion": "v1", "kind": "PersistentVolumeClaim"}
    default_claim(template)
    template["status"] = {"phase": "Pending"}


def default_volume(obj: Obj) -> None:
    spec = obj.setdefault("spec", {})
    spec.setdefault("volumeMode", "Filesystem")
    spec.setdefault("persistentVolumeReclaimPolicy", "Retain")
    if "hostPath" in spec:
        spec["hostPath"].setdefault("type", "")


def prepare_volume(obj: Obj) -> None:
    now = obj["metadata"]["creationTimestamp"]
    obj["status"] = {"phase": "Pending", "lastPhaseTransitionTime": now}
    _protect(obj, VOLUME_IN_USE)


def _protect(obj: Obj, finalizer: str) -> None:
    finalizers = obj["metadata"].setdefault("finalizers", [])
    if finalizer not in finalizers:
        finalizers.append(finalizer)


def check_claim(obj: Obj) -> list[FieldError]:
    spec, field = obj["spec"], "spec.accessModes"
    given = spec.get("accessModes") or []
    wrong = [] if given else [required(field, "at least 1 access mode is required")]
    wrong += [unsupported(field, mode, MODES) for mode in given if mode not in MODES]
    if "storage" not in (spec.get("resources", {}).get("requests") or {}):
        wrong.append(required("spec.resources[storage]"))
    return wrong


def check_volume(obj: Obj) -> list[FieldError]:
    spec, wrong = obj["spec"], []
    if not spec.get("accessModes"):
        wrong.append(required("spec.accessModes"))
    if "storage" not in (spec.get("capacity") or {}):
        wrong.append(required("spec.capacity[storage]"))
    return wrong
