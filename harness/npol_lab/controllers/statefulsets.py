"""StatefulSets: pods with numbers, started in their order and replaced from the last."""

from __future__ import annotations

from collections.abc import Iterable

from npol.api_rules.objects import Obj, copied
from npol_lab.controllers.controller import Controller, Key, key_of
from npol_lab.controllers.owners import is_controlled_by, keys_of_controller, reference_to
from npol_lab.controllers.pods import BURST, from_template, is_finished, is_going, is_ready
from npol_lab.controllers.rollout import template_hash
from npol_lab.events import Recorder
from npol_lab.registry import Registry, StatusError
from npol_lab.store import Event

STATEFULSETS = "statefulsets.apps"
HASH = "controller-revision-hash"


class StatefulSets(Controller):
    """OrderedReady and Parallel."""

    watches = (STATEFULSETS, "pods")

    def __init__(self, registry: Registry) -> None:
        super().__init__(registry)
        self._events = Recorder(registry, "statefulset-controller")

    def touches(self, event: Event) -> Iterable[Key]:
        if event.resource == STATEFULSETS:
            return [key_of(STATEFULSETS, event.object)]
        return keys_of_controller(STATEFULSETS, "StatefulSet", event.object)

    def reconcile(self, key: Key) -> None:
        owner = self.one(*key)
        if owner is None:
            return
        pods = {
            _ordinal(p): p for p in self.all("pods", key.namespace) if is_controlled_by(p, owner)
        }
        refused = None if is_going(owner) else self._try(owner, pods)
        self._write_status(key, owner, list(pods.values()))
        if refused is not None:
            raise refused

    def _try(self, owner: Obj, pods: dict[int, Obj]) -> StatusError | None:
        """A template that no pod can be made of is found out here: nothing else looks at it."""
        try:
            self._step(owner, pods)
        except StatusError as error:
            name = owner["metadata"]["name"]
            message = f"create Pod {name} in StatefulSet {name} failed error: {error.message}"
            self._events.warning(owner, "FailedCreate", message)
            return error
        return None

    def _step(self, owner: Obj, pods: dict[int, Obj]) -> None:
        """One thing at a time, unless the pods are managed in parallel."""
        wanted = owner["spec"].get("replicas", 1)
        parallel = owner["spec"].get("podManagementPolicy") == "Parallel"
        for ordinal in range(min(wanted, len(pods) + BURST)):
            pod = pods.get(ordinal)
            if pod is None:
                self._create(owner, ordinal)
            elif is_finished(pod) and not is_going(pod):
                self._delete(owner, pod)
            if not parallel and (pod is None or not is_ready(pod) or is_going(pod)):
                return
        surplus = [pods[n] for n in sorted(pods, reverse=True) if n >= wanted]
        outdated = [pods[n] for n in sorted(pods, reverse=True) if _is_outdated(pods[n], owner)]
        for pod in surplus if parallel else [*surplus, *outdated][:1]:
            self._delete(owner, pod)

    def _create(self, owner: Obj, ordinal: int) -> None:
        for template in owner["spec"].get("volumeClaimTemplates") or []:
            self._claim(owner, template, ordinal)
        made = self.registry.create("pods", _pod(owner, ordinal))
        name, whose = made["metadata"]["name"], owner["metadata"]["name"]
        message = f"create Pod {name} in StatefulSet {whose} successful"
        self._events.normal(owner, "SuccessfulCreate", message)

    def _claim(self, owner: Obj, template: Obj, ordinal: int) -> None:
        namespace = owner["metadata"]["namespace"]
        name = _claim_name(owner, template, ordinal)
        if self.registry.store.get("persistentvolumeclaims", namespace, name) is None:
            head = template["metadata"]
            kept = {k: head[k] for k in ("labels", "annotations") if k in head}
            labels = owner["spec"]["selector"].get("matchLabels") or {}
            kept["labels"] = {**kept.get("labels", {}), **labels}
            metadata = {**kept, "name": name, "namespace": namespace}
            claim = {"metadata": metadata, "spec": template["spec"]}
            self.registry.create("persistentvolumeclaims", claim)

    def _delete(self, owner: Obj, pod: Obj) -> None:
        if is_going(pod):
            return
        metadata = pod["metadata"]
        self.registry.delete("pods", metadata["namespace"], metadata["name"])
        whose = owner["metadata"]["name"]
        message = f"delete Pod {metadata['name']} in StatefulSet {whose} successful"
        self._events.normal(owner, "SuccessfulDelete", message)

    def _write_status(self, key: Key, owner: Obj, pods: list[Obj]) -> None:
        revision = f"{key.name}-{template_hash(owner['spec']['template'])}"
        updated = sum(1 for p in pods if not _is_outdated(p, owner))
        ready = sum(1 for p in pods if is_ready(p) and not is_going(p))
        done = updated == len(pods)
        before = owner.get("status", {}).get("currentRevision", revision)
        status = {
            "replicas": len(pods),
            "readyReplicas": ready,
            "availableReplicas": ready,
            "updatedReplicas": updated,
            "currentReplicas": updated if done else len(pods) - updated,
            "updateRevision": revision,
            "currentRevision": revision if done else before,
            "observedGeneration": owner["metadata"].get("generation", 1),
        }
        self.registry.set_status(STATEFULSETS, key.namespace, key.name, status)


def _ordinal(pod: Obj) -> int:
    return int(pod["metadata"]["name"].rpartition("-")[2])


def _is_outdated(pod: Obj, owner: Obj) -> bool:
    label = pod["metadata"]["labels"].get(HASH, "")
    return not label.endswith("-" + template_hash(owner["spec"]["template"]))


def _claim_name(owner: Obj, template: Obj, ordinal: int) -> str:
    return f"{template['metadata']['name']}-{owner['metadata']['name']}-{ordinal}"


def _pod(owner: Obj, ordinal: int) -> Obj:
    spec, name = owner["spec"], f"{owner['metadata']['name']}-{ordinal}"
    pod: Obj = copied(from_template(spec["template"], owner, reference_to(owner)))
    metadata = pod["metadata"]
    del metadata["generateName"]
    metadata["name"] = name
    metadata["labels"] |= {
        "statefulset.kubernetes.io/pod-name": name,
        "apps.kubernetes.io/pod-index": str(ordinal),
        HASH: f"{owner['metadata']['name']}-{template_hash(spec['template'])}",
    }
    pod["spec"] |= {"hostname": name, "subdomain": spec.get("serviceName", "")}
    claims = [_claim_volume(owner, t, ordinal) for t in spec.get("volumeClaimTemplates") or []]
    named = {volume["name"] for volume in claims}
    others = [v for v in pod["spec"].get("volumes") or [] if v["name"] not in named]
    if claims:
        pod["spec"]["volumes"] = [*claims, *others]
    return pod


def _claim_volume(owner: Obj, template: Obj, ordinal: int) -> Obj:
    claim = {"claimName": _claim_name(owner, template, ordinal)}
    return {"name": template["metadata"]["name"], "persistentVolumeClaim": claim}
