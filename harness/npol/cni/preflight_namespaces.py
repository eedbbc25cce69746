"""The namespaces that a run is about, and its own: are they there, may they be changed?"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from npol.cni.own_rights import allowed
from npol.cni.preflight_request import PreflightProblem, PreflightRequest
from npol.errors import did_you_mean
from npol.kube.api_client import LISTS_AT_ONCE
from npol.kube.api_errors import Forbidden
from npol.kube.connection import Connection
from npol.kube.get_all import get_all
from npol.kube.guard import PROTECTED, STATE_NAMESPACE, Mode, protected
from npol.kube.objects import NAMESPACES, Object, Ref
from npol.kube.rbac import Right


def read_namespaces(connection: Connection, plan: PreflightRequest) -> dict[str, Object | None]:
    """Those that the run has to do with; without those that may not be read."""

    def read(name: str) -> Object | Forbidden | None:
        try:
            return connection.get(Ref(NAMESPACES, "", name))
        except Forbidden as error:
            return error  # the missing right is a finding of its own

    names = sorted({*plan.namespaces, *plan.changed})
    refs = [Ref(NAMESPACES, "", name) for name in names]
    with suppress(Forbidden):
        found = get_all(connection, refs)
        return {ref.name: found[ref] for ref in refs}
    with ThreadPoolExecutor(max_workers=LISTS_AT_ONCE) as pool:
        each = zip(names, pool.map(read, names), strict=True)
        return {name: obj for name, obj in each if not isinstance(obj, Forbidden)}


def namespace_problems(
    read: Mapping[str, Object | None], plan: PreflightRequest, notes: list[str]
) -> Iterable[PreflightProblem]:
    for name in sorted({*plan.namespaces, *plan.changed}):
        if name in plan.changed and protected(name):
            yield PreflightProblem(
                what=f"namespace {name} is protected and never changed",
                hint=f"the story must not write to {', '.join(PROTECTED)}",
            )
        if name not in read:
            continue
        found = read[name]
        if found is None:
            if name not in (*plan.created, STATE_NAMESPACE):
                known = {n for n, there in read.items() if there} | {*plan.created, *plan.given}
                yield _does_not_exist(name, known, plan)
            continue
        if _terminating(found):
            yield PreflightProblem(what=f"namespace {name} is being deleted")
        notes += _mesh_notes(found)


def _does_not_exist(name: str, known: Collection[str], plan: PreflightRequest) -> PreflightProblem:
    place = f"{plan.named_at[name]}: " if name in plan.named_at else ""
    what = f"{place}namespace {name} does not exist"
    if name in plan.given:
        return PreflightProblem(what=what, hint="create it, or run with --create")
    return PreflightProblem(what=what, hint=did_you_mean(name, sorted(known), "create it"))


def state_namespace_problems(connection: Connection) -> Iterable[PreflightProblem]:
    """It is made by an administrator, or by us where we may."""
    if connection.mode is Mode.READ_ONLY:
        return
    try:
        found = connection.get(Ref(NAMESPACES, "", STATE_NAMESPACE))
    except Forbidden:
        return  # the missing right is a finding of its own
    if found is None and not allowed(
        connection, Right(verb="create", group="", resource="namespaces")
    ):
        yield PreflightProblem(
            what=f"namespace {STATE_NAMESPACE} is missing, and this user may not make it",
            hint=f"an administrator applies what `npol doctor --rbac {connection.mode.value}` "
            "prints",
        )


def _terminating(namespace: Object) -> bool:
    phase = (namespace.get("status") or {}).get("phase")
    return phase == "Terminating" or "deletionTimestamp" in namespace["metadata"]


def _mesh_notes(namespace: Object) -> Iterable[str]:
    labels = namespace["metadata"].get("labels") or {}
    if labels.get("istio.io/dataplane-mode") == "ambient":
        yield (
            f"namespace {namespace['metadata']['name']} is in an Istio ambient mesh: mesh traffic "
            "runs over port 15008, and plain probes do not see it"
        )
