"""
Changes of NetworkPolicies: checked against what others did, written down, then sent.

A policy goes by POST where there was none and by PUT over the version that was read, not by
server-side apply. That would merge into whatever it meets: it could neither notice a foreign
policy of the same name, nor take away what a replaced one held besides.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, cast

from npol.changes import writes
from npol.changes.apply.change_session import (
    ChangeSession,
    PlannedWrite,
    bare,
    slim,
)
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
from npol.errors import NpolError, Refused
from npol.kube.api_errors import ApiError
from npol.kube.objects import Object
from npol.model.policy_kinds import policy_kind

SIDES = ("in the cluster", "after the change")
TOLD = {Action.CREATE: "created", Action.REPLACE: "replaced"}
AHEAD_FOR = 30.0
"""Seconds for which a dry run counts that was made ahead."""


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
class _Tried:
    """A dry run that was made ahead."""

    wanted: Object
    version: str
    """Of the live policy that it was over; "" for none."""
    at: float
    after: Object

    def holds(self, wanted: Object, live: Object | None, now: float) -> bool:
        """Whether it would come out the same now."""
        same_ends = (self.wanted, self.version) == (wanted, _version(live))
        return same_ends and now - self.at < AHEAD_FOR


@dataclass(frozen=True, slots=True)
class Policies:
    """
    The policies of one run's namespaces.

    All methods raise ChangedByOthers where a policy is not what the run knows, LockHeld
    where the namespace is not ours any more, Refused where a policy must not be changed.
    """

    session: ChangeSession
    _ahead: dict[Key, _Tried] = field(default_factory=dict)

    def try_ahead(self, bodies: Sequence[Mapping[str, Any]]) -> None:
        """
        The dry runs of what `apply` will be asked soon, as far as nothing speaks against it by
        now. What has changed by then, and what takes longer, is tried again.
        """
        with ThreadPoolExecutor(max_workers=writes.AT_ONCE) as pool:
            list(pool.map(self._try_ahead, bodies))

    def _try_ahead(self, body: Mapping[str, Any]) -> None:
        with suppress(NpolError):  # it is said when its turn comes
            key = _policy_key(body)
            self.session.check_place(key)
            wanted, live = marked(bare(body), self.session.run_id), self.session.known(key)
            after, now = self._dry_run(wanted, live), self.session.now()
            self._ahead[key] = _Tried(wanted, _version(live), now, after)

    def apply(self, bodies: Sequence[Mapping[str, Any]], *, replace: bool = False) -> list[str]:
        """
        `created`, `replaced`, or `unchanged`, one for each.

        All are looked at and tried before the first is sent; then they are sent side by side.
        What policies refer to comes before them: a server may refuse one whose tier is not there.
        """
        deciding = [decides(_policy_key(body)) for body in bodies]
        told = {
            last: iter(self._apply([*itertools.compress(bodies, which)], replace=replace))
            for last, which in ((False, [not d for d in deciding]), (True, deciding))
            if any(which)
        }
        return [next(told[last]) for last in deciding]

    def _apply(self, bodies: Sequence[Mapping[str, Any]], *, replace: bool) -> list[str]:
        prepared = self._prepared(bodies)
        try:
            tried = self._all_tried(prepared)
        except ApiError as error:
            if error.status not in (404, 409):
                raise
            prepared = self._prepared(bodies)  # not as it was seen a moment ago
            tried = self._all_tried(prepared)
        planned = [
            self._planned(wanted, live, after, replace=replace)
            for (wanted, live), after in zip(prepared, tried, strict=True)
        ]
        self.session.write_all([write for write in planned if write])
        return [TOLD[write.action] if write else "unchanged" for write in planned]

    def _planned(
        self, wanted: Object, live: Object | None, after: Object, *, replace: bool
    ) -> PlannedWrite | None:
        """What makes of a policy what is wanted; None where it is so."""
        if live is None:
            return self._creation(wanted, after)
        if same(unmarked(after), unmarked(live)):
            return None
        self.session.check_replaceable(live, replace)
        return self._replacement(key_of(wanted), live, after)

    def intend_ahead(self, bodies: Sequence[Mapping[str, Any]], *, replace: bool = False) -> None:
        """
        Write down what `apply` will be asked for next, as far as that is known from dry runs made
        ahead. What is not as it was known by then is written down anew.

        Deletions are not written ahead: what is missing carries no mark, so that a policy which
        others delete meanwhile would pass for one that the run deleted.
        """
        with suppress(NpolError):  # it is said when its turn comes
            keys = dict.fromkeys(_policy_key(body) for body in bodies)
            for key in keys:
                self.session.check_place(key)
            known = {key: self.session.known(key) for key in keys}
            planned = [*filter(None, self._foreseen(bodies, known, replace=replace))]
            if planned:
                self.session.writer.intend_ahead([write.record for write in planned])

    def _foreseen(
        self,
        bodies: Sequence[Mapping[str, Any]],
        known: Mapping[Key, Object | None],
        *,
        replace: bool,
    ) -> list[PlannedWrite | None]:
        """What `apply` will send; [] where not all of it was tried."""
        found = []
        for body in bodies:
            wanted, live = marked(bare(body), self.session.run_id), known[key_of(body)]
            tried = self._ahead.get(key_of(body))
            if tried is None or not tried.holds(wanted, live, self.session.now()):
                return []
            found.append(self._planned(wanted, live, tried.after, replace=replace))
        return found

    def create(self, body: Mapping[str, Any]) -> Object:
        """A policy of `given`; one that exists already is returned as it is, unchanged."""
        ((wanted, live),) = self._prepared([body])
        return live if live is not None else self._create(wanted)

    def delete(self, bodies: Sequence[Mapping[str, Any]]) -> list[str]:
        """`deleted`, or `absent`, one for each; side by side, as `apply`."""
        keys = [_policy_key(body) for body in bodies]
        for key in keys:
            self.session.check_place(key)
        known = self.session.as_known(keys)
        for live in filter(None, known.values()):
            self.session.check_owner(live)
        there = {key: live for key, live in known.items() if live is not None}
        for first in (True, False):  # a server may keep a tier that still holds policies
            self._delete({k: live for k, live in there.items() if decides(k) is first})
        return ["absent" if known[key] is None else "deleted" for key in keys]

    def put(self, key: Key, target: Mapping[str, Any] | None) -> str:
        """Bring a policy to a state that it had in this run (None: there was none)."""
        self.session.check_place(key)
        live = self.session.as_known([key])[key]
        if still(target, live):
            return ""
        if live is None:
            self._create(reborn(target or {}))
            return f"made {key} again"
        if target is None:
            self._delete({key: live})
            return f"deleted {key}"
        after = {**target, "metadata": dict(target["metadata"])}
        self.session.write_all([self._replacement(key, live, after)])
        return f"put back {key}"

    # -- dry runs

    def preview_apply(self, body: Mapping[str, Any], *, replace: bool = False) -> Preview:
        """What `apply` would do, the server's admission included."""
        ((wanted, live),) = self._prepared([body])
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
        live = self.session.as_known([key])[key]
        if live is None:
            return Preview(action="absent", key=key)
        self.session.check_owner(live)
        return Preview(action="delete", key=key, diff=_diff(key, live, None))

    # -- below

    def _prepared(self, bodies: Sequence[Mapping[str, Any]]) -> list[tuple[Object, Object | None]]:
        """The bodies as they will be sent, each with the live policy that it meets."""
        keys = [_policy_key(body) for body in bodies]
        for key in keys:
            self.session.check_place(key)
        known = self.session.as_known(keys)
        wanted = [marked(bare(body), self.session.run_id) for body in bodies]
        return [(body, known[key]) for body, key in zip(wanted, keys, strict=True)]

    def _all_tried(self, prepared: Iterable[tuple[Object, Object | None]]) -> list[Object]:
        with ThreadPoolExecutor(max_workers=writes.AT_ONCE) as pool:
            return list(pool.map(lambda each: self._tried(*each), prepared))

    def _tried(self, wanted: Object, live: Object | None) -> Object:
        """What a policy would be once it is sent; a dry run, where none was made ahead."""
        ahead = self._ahead.pop(key_of(wanted), None)
        if ahead and ahead.holds(wanted, live, self.session.now()):
            return ahead.after
        return self._dry_run(wanted, live)

    def _dry_run(self, wanted: Object, live: Object | None) -> Object:
        if live is not None:
            return self._over(wanted, live)
        after = self.session.connection.create(wanted, dry_run=True)
        _check_not_rewritten(wanted, after)
        return after

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
        (made,) = self.session.write_all([self._creation(wanted, self._tried(wanted, None))])
        return cast(Object, made)

    def _creation(self, wanted: Object, after: Object) -> PlannedWrite:
        session, key = self.session, key_of(wanted)

        def send() -> Object:
            with around("policy.create"):
                made: Object = session.sent(
                    key,
                    lambda: writes.create(
                        session.connection, wanted, lambda found: still(after, found)
                    ),
                )
            return made

        return PlannedWrite(
            action=Action.CREATE,
            key=key,
            before=session.first(key, None),
            after=slim(after),
            send=send,
        )

    def _replacement(self, key: Key, live: Object, after: Object) -> PlannedWrite:
        session = self.session

        def send() -> Object:
            with around("policy.replace"):
                made: Object = session.sent_over(
                    key,
                    live,
                    lambda read: writes.replace(
                        session.connection, put_back(after, read), lambda found: still(after, found)
                    ),
                )
            return made

        return PlannedWrite(
            action=Action.REPLACE,
            key=key,
            before=session.first(key, live),
            after=slim(after),
            uid=live["metadata"]["uid"],
            send=send,
        )

    def _delete(self, known: Mapping[Key, Object]) -> None:
        held: dict[Key, list[str]] = {}

        def deletion(key: Key, live: Object) -> PlannedWrite:
            def send() -> None:
                send_one = functools.partial(self._send_delete, key)
                held[key] = self.session.sent_over(key, live, send_one)

            before = self.session.first(key, live)
            return PlannedWrite(action=Action.DELETE, key=key, before=before, send=send)

        self.session.write_all([deletion(key, live) for key, live in known.items()])
        for key, names in held.items():
            if names:
                self.session.wait_until_gone(key)

    def _send_delete(self, key: Key, read: Object) -> list[str]:
        """Delete that version; the finalizers that hold it."""
        with around("policy.delete"):
            self.session.connection.delete(
                ref_of(self.session.connection, key),
                uid=read["metadata"]["uid"],
                resource_version=read["metadata"]["resourceVersion"],
            )
        return finalizers(read)


def decides(key: Key) -> bool:
    """Whether it decides packets by itself, and is not what policies refer to."""
    kind = policy_kind(key.api_version, key.kind)
    return kind is None or kind.decides


def _version(live: Object | None) -> str:
    return str(live["metadata"]["resourceVersion"]) if live else ""


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
