"""
Defaults of what makes pods.

Source: kubernetes `pkg/apis/{apps,batch,autoscaling}/v1/defaults.go`.
"""

from __future__ import annotations

from npol.api_rules.kinds.pod_defaults import default_template
from npol.api_rules.kinds.storage_kinds import default_template as default_claim_template
from npol.api_rules.objects import Obj

REPLICAS = 1
HISTORY = 10


def default_deployment(obj: Obj) -> None:
    spec = _with_template(obj)
    spec.setdefault("replicas", REPLICAS)
    spec.setdefault("revisionHistoryLimit", HISTORY)
    spec.setdefault("progressDeadlineSeconds", 600)
    strategy = spec.setdefault("strategy", {})
    if strategy.setdefault("type", "RollingUpdate") == "RollingUpdate":
        rolling = strategy.setdefault("rollingUpdate", {})
        rolling.setdefault("maxSurge", "25%")
        rolling.setdefault("maxUnavailable", "25%")


def default_replicaset(obj: Obj) -> None:
    _with_template(obj).setdefault("replicas", REPLICAS)


def default_statefulset(obj: Obj) -> None:
    spec = _with_template(obj)
    spec.setdefault("replicas", REPLICAS)
    spec.setdefault("revisionHistoryLimit", HISTORY)
    spec.setdefault("podManagementPolicy", "OrderedReady")
    retention = spec.setdefault("persistentVolumeClaimRetentionPolicy", {})
    retention.setdefault("whenDeleted", "Retain")
    retention.setdefault("whenScaled", "Retain")
    strategy = spec.setdefault("updateStrategy", {})
    if "type" not in strategy:
        strategy["type"] = "RollingUpdate"
        strategy.setdefault("rollingUpdate", {})
    if "rollingUpdate" in strategy:
        strategy["rollingUpdate"].setdefault("partition", 0)
    for claim in spec.get("volumeClaimTemplates") or []:
        default_claim_template(claim)


def default_daemonset(obj: Obj) -> None:
    spec = _with_template(obj)
    annotations = obj.setdefault("metadata", {}).setdefault("annotations", {})
    annotations.setdefault("deprecated.daemonset.template.generation", "1")
    spec.setdefault("revisionHistoryLimit", HISTORY)
    strategy = spec.setdefault("updateStrategy", {})
    if strategy.setdefault("type", "RollingUpdate") == "RollingUpdate":
        rolling = strategy.setdefault("rollingUpdate", {})
        rolling.setdefault("maxSurge", 0)
        rolling.setdefault("maxUnavailable", 1)


def default_job(obj: Obj) -> None:
    spec = _with_template(obj)
    labels = spec["template"].get("metadata", {}).get("labels")
    if labels and not obj["metadata"].get("labels"):
        obj["metadata"]["labels"] = dict(labels)
    if "completions" not in spec and "parallelism" not in spec:
        spec["completions"] = 1
    spec.setdefault("parallelism", 1)
    spec.setdefault("backoffLimit", 6)
    spec.setdefault("completionMode", "NonIndexed")
    spec.setdefault("suspend", False)
    spec.setdefault("podReplacementPolicy", "TerminatingOrFailed")
    spec.setdefault("manualSelector", False)


def prepare_job(obj: Obj) -> None:
    """A job selects its pods by its own uid, unless it says `manualSelector`."""
    spec, metadata = obj["spec"], obj["metadata"]
    if spec["manualSelector"]:
        return
    labels = spec["template"].setdefault("metadata", {}).setdefault("labels", {})
    shared = metadata.get("labels", {}) == labels
    for prefix in ("batch.kubernetes.io/", ""):
        labels.setdefault(f"{prefix}controller-uid", metadata["uid"])
        labels.setdefault(f"{prefix}job-name", metadata["name"])
    if shared:
        metadata["labels"] = dict(labels)
    selector = {"batch.kubernetes.io/controller-uid": metadata["uid"]}
    spec.setdefault("selector", {"matchLabels": selector})


def default_cronjob(obj: Obj) -> None:
    spec = obj.setdefault("spec", {})
    spec.setdefault("concurrencyPolicy", "Allow")
    spec.setdefault("suspend", False)
    spec.setdefault("successfulJobsHistoryLimit", 3)
    spec.setdefault("failedJobsHistoryLimit", 1)
    job = spec.setdefault("jobTemplate", {}).setdefault("spec", {})
    default_template(job.setdefault("template", {}))


def default_autoscaler(obj: Obj) -> None:
    obj.setdefault("spec", {}).setdefault("minReplicas", 1)


def default_podtemplate(obj: Obj) -> None:
    default_template(obj.setdefault("template", {}))


def default_replicationcontroller(obj: Obj) -> None:
    """Its selector and its own labels come from the template."""
    spec = _with_template(obj)
    spec["replicas"] = spec.get("replicas", REPLICAS)
    labels = spec["template"].get("metadata", {}).get("labels") or {}
    if labels:
        spec["selector"] = spec.get("selector") or dict(labels)
        head = obj.setdefault("metadata", {})
        head["labels"] = head.get("labels") or dict(labels)


def _with_template(obj: Obj) -> Obj:
    spec: Obj = obj.setdefault("spec", {})
    default_template(spec.setdefault("template", {}))
    return spec
