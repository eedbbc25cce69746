"""
One object brought back to what it was before the run.

Every write names uid and resourceVersion of what was just read, and is sent only when that
is what the run left. A conflict means that somebody was faster: read and judge again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from npol.changes import writes
from npol.changes.failpoints import around
from npol.changes.journal_types import Key
from npol.changes.restore.foreign_objects import foreign_objects
from npol.changes.state.claims import delete_claims
from npol.changes.state.compare import put_back, reborn, still
from npol.changes.state.field_owners import MANAGER, given_back, replicas_given_back
from npol.changes.state.label_history import Labelled
from npol.changes.state.object_history import ObjectHistory, ObjectState
from npol.changes.state.scale_history import Scaled, replicas_of
from npol.errors import NpolError
from npol.kube.api_errors import ApiError, LostReply
from npol.kube.connection import Connection
from npol.kube.objects import Object, Ref

TRIES = 5
"""Conflicts in a row after which an object counts as fought over."""

DONE = (ObjectState.AS_BEFORE, ObjectState.MODIFIED_BY_OTHERS, ObjectState.LEAVING)
"""Of an object in these states nothing can be put back now."""

Live = Mapping[str, Any] | None
Inside = Sequence[str] | None


def ref_of(connection: Connection, key: Key) -> Ref:
    return Ref(connection.resource(key.api_version, key.kind), key.namespace, key.name)


def undo(connection: Connection, item: ObjectHistory, live: Live, inside: Inside = None) -> str:
    """
    Bring one object back; what was done, "" when there was nothing to do.

    What others changed is not touched, and not said here: the verification names it.

    Args:
        live: the object as last read, None where there was none.
        inside: of a namespace that the run made: what others have put there, just looked at
            (`foreign_objects`); None: it is looked at now.

    Raises:
        NpolError: it could not be done.
    """
    return _until_calm(connection, item.key, live, lambda now: _step(connection, item, now, inside))


def undo_labels(connection: Connection, item: Labelled) -> str:
    """As `undo`, for the labels of an object; one that is gone needs nothing."""
    live = connection.get(ref_of(connection, item.key))
    return _until_calm(connection, item.key, live, lambda now: _step_labels(connection, item, now))


def undo_scale(connection: Connection, item: Scaled) -> str:
    """As `undo`, for the replicas of a workload."""
    live = connection.get(ref_of(connection, item.key))
    return _until_calm(connection, item.key, live, lambda now: _step_scale(connection, item, now))


def _until_calm(connection: Connection, key: Key, live: Live, step: Callable[[Live], str]) -> str:
    for last in (*[False] * (TRIES - 1), True):
        try:
            return step(live)
        except ApiError as error:
            if last or error.status not in (404, 409) or isinstance(error, LostReply):
                raise
            live = connection.get(ref_of(connection, key))
    raise AssertionError("unreachable")


def _step(connection: Connection, item: ObjectHistory, live: Live, inside: Inside) -> str:
    finding = item.judge(live)
    if finding is ObjectState.AS_BEFORE and _only_ours_besides(item.before, live):
        _hand_back(connection, item.before or {}, live or {})  # a run died between two writes
    if finding in DONE:
        return ""
    if item.before is None:
        return _delete(connection, item, live or {}, inside)
    if live is None:
        return _make_again(connection, item.key, item.before)
    wanted = item.before if finding is ObjectState.OURS else item.before_with_edits(live)
    return _put_back(connection, item.key, wanted, live)


def _delete(
    connection: Connection, item: ObjectHistory, live: Mapping[str, Any], inside: Inside
) -> str:
    metadata = live["metadata"]
    if item.key.kind == "Namespace":
        _check_empty(connection, item, inside)
    if item.key.kind == "StatefulSet":  # first: once it is gone, nothing names its claims
        delete_claims(connection, live, item.run_id)
    version = metadata["resourceVersion"] if item.whole else None
    with around("restore.delete"):
        gone = connection.delete(
            ref_of(connection, item.key), uid=metadata["uid"], resource_version=version
        )
    since = ", which others had changed since" if item.is_rewritten(live) else ""
    return f"deleted {item.key}{since}" if gone else ""


def _check_empty(connection: Connection, item: ObjectHistory, inside: Inside) -> None:
    name = item.key.name
    found = foreign_objects(connection, [name], item.run_id)[name] if inside is None else inside
    if found:
        raise NpolError(
            f"namespace {name} was made by this run and is kept, for others have put "
            f"something into it: {', '.join(found[:5])}"
        )


def _make_again(connection: Connection, key: Key, before: Mapping[str, Any]) -> str:
    with around("restore.create"):
        made = writes.create(connection, reborn(before), lambda found: still(before, found))
    _hand_back(connection, before, made)
    return f"made {key} again"


def _put_back(
    connection: Connection, key: Key, before: Mapping[str, Any], live: Mapping[str, Any]
) -> str:
    with around("restore.replace"):
        made = writes.replace(
            connection, put_back(before, live), lambda found: still(before, found)
        )
    _hand_back(connection, before, made)
    return f"put back {key}"


def _only_ours_besides(before: Live, live: Live) -> bool:
    """Whether npol still owns fields, and nobody else who did not before."""
    if before is None or live is None:
        return False
    return _managers(live) - _managers(before) == {MANAGER}


def _managers(obj: Mapping[str, Any]) -> set[str]:
    return {str(entry.get("manager")) for entry in obj["metadata"].get("managedFields") or ()}


def _hand_back(connection: Connection, before: Mapping[str, Any], made: Mapping[str, Any]) -> None:
    """
    Give the fields back to the managers that owned them.

    A PUT makes its sender the owner of what it changes, and the next `kubectl apply
    --server-side` of the true owner would meet a conflict with npol. A second PUT that
    changes nothing but managedFields is taken as it is (apimachinery, managedfields
    `fieldmanager.go`, Update). The object is as before without it, so a failure is none.
    """
    managed = before["metadata"].get("managedFields")
    if not managed:
        return
    body = put_back(before, made)
    body["metadata"]["managedFields"] = managed
    try:
        with around("restore.owners"):
            connection.replace(body)
    except NpolError:
        return


def _step_scale(connection: Connection, item: Scaled, live: Live) -> str:
    if live is None or not item.is_here(live):
        return ""
    is_back = replicas_of(live) == item.before
    if not is_back and not item.is_ours(live):
        return ""
    ref = ref_of(connection, item.key)
    if not is_back:
        with around("restore.scale"):
            writes.set_replicas(connection, ref, live, item.before)
    with suppress(NpolError):  # it is as before without that
        _hand_back_replicas(connection, item, live if is_back else connection.get(ref))
    return "" if is_back else f"scaled {item.key} back to {item.before}"


def _hand_back_replicas(connection: Connection, item: Scaled, live: Live) -> None:
    """As `_hand_back_labels`; the scale subresource takes no managedFields."""

    def fields_of(now: Mapping[str, Any]) -> list[Object] | None:
        ours = item.is_here(now) and replicas_of(now) == item.before
        return replicas_given_back(now, item.owners) if ours else None

    def send(body: Object) -> None:
        with around("restore.scale-owners"):
            connection.patch(ref_of(connection, item.key), body)

    if live is not None:
        _patch_owners(connection, item.key, live, fields_of, send)


def _step_labels(connection: Connection, item: Labelled, live: Live) -> str:
    if live is None or live["metadata"]["uid"] != item.uid:
        return ""
    wanted, _ = item.to_undo(live)
    if wanted:
        with around("restore.labels"):
            live = writes.set_labels(connection, ref_of(connection, item.key), live, wanted)
    with suppress(NpolError):  # they are as before without that
        _hand_back_labels(connection, item, live)
    if not wanted:
        return ""
    return f"labels of {item.key} put back: {', '.join(sorted(wanted))}"


def _hand_back_labels(connection: Connection, item: Labelled, live: Mapping[str, Any]) -> None:
    """As `_hand_back`, for single labels."""

    def fields_of(now: Mapping[str, Any]) -> list[Object] | None:
        same = now["metadata"]["uid"] == item.uid
        return given_back(now, item.owed(now)) if same else None

    def send(body: Object) -> None:
        with around("restore.label-owners"):
            connection.patch(ref_of(connection, item.key), body)

    _patch_owners(connection, item.key, live, fields_of, send)


def _patch_owners(
    connection: Connection,
    key: Key,
    live: Mapping[str, Any],
    fields_of: Callable[[Mapping[str, Any]], list[Object] | None],
    send: Callable[[Object], None],
) -> None:
    """
    Set managedFields as they should be (None: they are); who else writes the object only makes
    it read again. The object is as before without it, so a failure is none.
    """
    for _ in range(TRIES):
        fields = fields_of(live)
        if fields is None:
            return
        kept = {name: live["metadata"][name] for name in ("uid", "resourceVersion")}
        try:
            send({"metadata": {**kept, "managedFields": fields}})
            return
        except NpolError as error:
            found = connection.get(ref_of(connection, key))
            moved = isinstance(error, ApiError) and error.status == 409
            if not moved or found is None:
                return
            live = found
