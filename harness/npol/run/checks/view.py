"""What checks may look at, and what they find."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from npol.judge.targets import selected_pods
from npol.model.change import Manifest
from npol.model.check_claim import CheckClaim
from npol.model.check_finding import CheckFinding, FindingCode
from npol.model.inventory import Inventory, Obj
from npol.model.probe import Answer, PodRef, Probe
from npol.model.story import Peer, StateCheck
from npol.policy.state.cluster_state import ClusterState


class View(Protocol):
    """The cluster at one moment. Methods raise NpolError where it cannot be told."""

    @property
    def in_lab(self) -> bool:
        """Whether it is the lab, where no controller acts on custom objects."""
        ...

    @property
    def inventory(self) -> Inventory: ...
    @property
    def state(self) -> ClusterState:
        """What the inventory says."""
        ...

    def get(self, kind: str, namespace: str, name: str) -> Obj | None:
        """Any object; `kind` as in `application.argoproj.io`. InputError: no such kind."""

    def live(self, manifest: Manifest) -> Obj | None:
        """The object that a manifest describes, as it is in the cluster."""

    def refusal(self, obj: Obj) -> str:
        """Why the API server would not take a new object, in its words; "" when it would."""

    def log(self, pod: PodRef, container: str) -> str:
        """A container's log; "" for the pod's only container."""

    def ask(self, pod: PodRef, probes: Sequence[Probe]) -> Mapping[str, Answer]:
        """Answers to probes from inside a running pod, by key."""


@dataclass(frozen=True, slots=True)
class Observation:
    """What a check saw; `holds` is None where it cannot be told."""

    holds: bool | None
    seen: CheckFinding
    reasons: tuple[CheckFinding, ...] = ()


@dataclass(frozen=True, slots=True)
class Checker:
    """One kind of check: what it claims, and how it looks."""

    wanted: Callable[[StateCheck], CheckClaim]
    look: Callable[[StateCheck, View], Observation]


NOT_FOUND = CheckFinding(code=FindingCode.NOT_FOUND)
NOT_KNOWN = CheckFinding(code=FindingCode.NOT_KNOWN)


def missing(check: StateCheck) -> Observation:
    names = (check.namespace,) if check.namespace else ()
    why = CheckFinding(code=FindingCode.DOES_NOT_EXIST, subject=check.subject, names=names)
    return Observation(False, NOT_FOUND, (why,))


def not_known(why: CheckFinding) -> Observation:
    return Observation(None, NOT_KNOWN, (why,))


def named(check: StateCheck, inventory: Inventory) -> Obj | None:
    """The object that `KIND/NAME` of a check's subject names."""
    kind, _, name = check.subject.partition("/")
    if kind == "namespace":
        return _first(inventory.namespaces, "", name)
    if kind == "node":
        return _first(inventory.nodes, "", name)
    if kind == "pod":
        return _first(inventory.pods, check.namespace, name)
    if kind == "service":
        return inventory.service(check.namespace, name)
    return inventory.workload(check.namespace, kind, name)


def _workload_pods(check: StateCheck, state: ClusterState) -> list[PodRef]:
    """The running pods of the workload that a check is about."""
    peer = Peer(name="", at=check.at, namespace=check.namespace, workload=check.subject)
    return list(selected_pods(peer, state))


def of_running_pods(
    check: StateCheck, view: View, look: Callable[[list[PodRef]], Observation]
) -> Observation:
    """What is seen of the running pods of a check's workload, where it has any."""
    if named(check, view.inventory) is None:
        return missing(check)
    pods = _workload_pods(check, view.state)
    return look(pods) if pods else Observation(False, CheckFinding(code=FindingCode.NO_RUNNING_POD))


def _first(objects: Sequence[Obj], namespace: str, name: str) -> Obj | None:
    for obj in objects:
        meta = obj["metadata"]
        if meta["name"] == name and meta.get("namespace", "") == namespace:
            return obj
    return None
