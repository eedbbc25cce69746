"""
Changes of NetworkPolicies: checked against what others did, written down, then sent.

A policy goes by POST where there was none and by PUT over the version that was read, not by
server-side apply. That would merge into whatever it meets: it could neither notice a foreign
policy of the same name, nor take away what a replaced one held besides.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from npol.changes import writes
from npol.changes.apply.change_session import ChangeSession, bare, slim
from npol.changes.failpoints import around
from npol.changes.journal_types import Action, Key
from npol.changes.restore.undo import ref_of
from npol.changes.state.compare import (
    difference,
    finalizers,
    marked,
    put_back,
    reborn,
    same,
    says_the_same,
    still,
    unmarked,
)
from npol.changes.state.snapshot import key_of
from npol.errors import Refused
from npol.kube.objects import Object

SIDES = ("in the cluster", "after the change")


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What a change would do; nothing was changed."""

    action: str
    """`create`, `replace`, `delete`, `unchanged` or `absent`."""
    key: Key
    diff: str = ""
    """Unified diff, from the cluster now to the cluster after the change."""

    def __str__(self) -> str:
        return f"{self.action} {self.key}"


@dataclass(frozen=True, slots=True)
class Policies:
    """
    The policies of one run's namespaces.

    All methods raise ChangedByOthers where a policy is not what the run knows, LockHeld
    where the namespace is not ours any more, Refused where a policy must not be changed.
    """

    session: ChangeSession

    def apply(self, body: Mapping[str, Any], *, replace: bool = False) -> str:
        """`created`, `replaced`, or `unchanged`."""
        wanted, live = self._prepared(body)
        if live is None:
            self._create(wanted)
            return "created"
        after = self._over(wanted, live)
        if same(unmarked(after), unmarked(live)):
            return "unchanged"
        self.session.check_replaceable(live, replace)
        self._replace(key_of(wanted), live, after)
        return "replaced"

    def create(self, body: Mapping[str, Any]) -> Object:
        """A policy of `given`; one that exists already is returned as it is, unchanged."""
        wanted, live = self._prepared(body)
        return live if live is not None else self._create(wanted)

    def delete(self, body: Mapping[str, Any]) -> str:
        """`deleted`, or `absent`."""
        key = _policy_key(body)
        self.session.check_place(key)
        live = self.session.as_known(key)
        if live is None:
            return "absent"
        self.session.check_owner(live)
        self._delete(key, live)
        return "deleted"

    def put(self, key: Key, target: Mapping[str, Any] | None) -> str:
        """Bring a policy to a state that it had in this run (None: there was none)."""
        self.session.check_place(key)
        live = self.session.as_known(key)
        if still(target, live):
            return ""
        if live is None:
            self._create(reborn(target or {}))
            return f"made {key} again"
        if target is None:
            self._delete(key, live)
            return f"deleted {key}"
        self._replace(key, live, {**target, "metadata": dict(target["metadata"])})
        return f"put back {key}"

    # -- dry runs

    def preview_apply(self, body: Mapping[str, Any], *, replace: bool = False) -> Preview:
        """What `apply` would do, the server's admission included."""
        wanted, live = self._prepared(body)
        key = key_of(wanted)
        if live is None:
            after = self.session.connection.create(wanted, dry_run=True)
            return Preview(action="create", key=key, diff=_diff(key, None, after))
        after = self._over(wanted, live)
        if same(unmarked(after), unmarked(live)):
            return Preview(action="unchanged", key=key)
        self.session.check_replaceable(live, replace)
        return Preview(action="replace", key=key, diff=_diff(key, live, after))

    def preview_delete(self, body: Mapping[str, Any]) -> Preview:
        """What `delete` would do."""
        key = _policy_key(body)
        live = self.session.as_known(key)
        if live is None:
            return Preview(action="absent", key=key)
        self.session.check_owner(live)
        return Preview(action="delete", key=key, diff=_diff(key, live, None))

    # -- below

    def _prepared(self, body: Mapping[str, Any]) -> tuple[Object, Object | None]:
        """The body as it will be sent, and the live policy that it meets."""
        key = _policy_key(body)
        self.session.check_place(key)
        return marked(bare(body), self.session.run_id), self.session.as_known(key)

    def _over(self, wanted: Object, live: Object) -> Object:
        """`live` with the spec of `wanted`, and its labels and annotations added; a dry run."""
        metadata = dict(live["metadata"])
        for part in ("labels", "annotations"):
            both = {**(metadata.get(part) or {}), **(wanted["metadata"].get(part) or {})}
            metadata[part] = both
        body = put_back({**wanted, "metadata": metadata}, live)
        after = self.session.connection.replace(body, dry_run=True)
        _check_not_rewritten(wanted, after)
        return after

    def _create(self, wanted: Object) -> Object:
        session, key = self.session, key_of(wanted)
        after = session.connection.create(wanted, dry_run=True)
        _check_not_rewritten(wanted, after)
        with session.stop.shield():
            record = session.writer.intend(
                Action.CREATE, key, before=session.first(key, None), after=slim(after)
            )
            with around("policy.create"):
                made: Object = session.sent(
                    key,
                    lambda: writes.create(
                        session.connection, wanted, lambda found: still(after, found)
                    ),
                )
            session.done(record, made)
        return made

    def _replace(self, key: Key, live: Object, after: Object) -> None:
        session = self.session
        with session.stop.shield():
            record = session.writer.intend(
                Action.REPLACE,
                key,
                before=session.first(key, live),
                after=slim(after),
                uid=live["metadata"]["uid"],
            )
            with around("policy.replace"):
                made = session.sent_over(
                    key,
                    live,
                    lambda read: writes.replace(
                        session.connection, put_back(after, read), lambda found: still(after, found)
                    ),
                )
            session.done(record, made)

    def _delete(self, key: Key, live: Object) -> None:
        session = self.session
        with session.stop.shield():
            record = session.writer.intend(
                Action.DELETE, key, before=session.first(key, live), after=None
            )
            held = session.sent_over(key, live, lambda read: self._send_delete(key, read))
            session.done(record)
        if held:
            session.wait_until_gone(key)

    def _send_delete(self, key: Key, read: Object) -> list[str]:
        """Delete that version; the finalizers that hold it."""
        with around("policy.delete"):
            self.session.connection.delete(
                ref_of(self.session.connection, key),
                uid=read["metadata"]["uid"],
                resource_version=read["metadata"]["resourceVersion"],
            )
        return finalizers(read)


def _policy_key(body: Mapping[str, Any]) -> Key:
    key = key_of(body)
    if not key.is_policy:
        raise Refused(f"{key}: a step changes policies, and nothing that npol did not make")
    return key


def _check_not_rewritten(wanted: Object, after: Object) -> None:
    """
    Raises:
        Refused: an admission webhook made another policy of it, which is not what was asked.
    """
    if not says_the_same(wanted.get("spec"), after.get("spec")):
        diff = difference(
            wanted, after, name=str(key_of(wanted)), labels=("in the manifest", "as admitted")
        )
        raise Refused(
            f"{key_of(wanted)}: the cluster's admission rewrites the policy\n{diff}",
            hint="put what it wants into the manifest, or exempt the namespace",
        )


def _diff(key: Key, live: Mapping[str, Any] | None, after: Mapping[str, Any] | None) -> str:
    return difference(live, after, name=str(key), labels=SIDES)
