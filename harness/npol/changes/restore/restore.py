"""
All objects brought back in reverse order, every error collected, then a fresh read.

The fresh read decides: whatever was answered on the way, the cluster is as before when it
reads as before, and not otherwise.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

from npol.changes import writes
from npol.changes.journal.writer import JournalWriter
from npol.changes.journal_types import Key
from npol.changes.restore.foreign_objects import foreign_objects
from npol.changes.restore.undo import ref_of, undo, undo_labels, undo_scale
from npol.changes.restore.verify import ObjectStanding, RestoreComparison, RestoreProblem
from npol.changes.state.label_history import Labelled, labelled
from npol.changes.state.object_history import ObjectHistory, ObjectState, touched
from npol.changes.state.scale_history import Scaled, scaled
from npol.changes.state.snapshot import Snapshot, take_known
from npol.errors import NpolError
from npol.kube.connection import Connection
from npol.kube.get_all import get_all
from npol.kube.signals import Stop
from npol.model.result import RestoreResult

log = logging.getLogger(__name__)

POLL = 0.25
"""Seconds between two looks at objects that take their time to go."""
Item = ObjectHistory | Labelled | Scaled
INTERRUPTED = "the restore was interrupted before its end"


@dataclass(frozen=True, slots=True, kw_only=True)
class Restoration:
    """What was done, and what the fresh read found."""

    actions: tuple[str, ...]
    problems: tuple[RestoreProblem, ...]
    seconds: float
    notes: tuple[str, ...] = ()
    gone: frozenset[str] = frozenset()
    """Namespaces of the run that the fresh read did not find; what was in them is gone, too."""

    @property
    def complete(self) -> bool:
        return not self.problems

    @property
    def ours_left(self) -> bool:
        """Whether something of the run is still in the cluster."""
        return any(problem.ours for problem in self.problems)

    def with_problems(self, problems: Iterable[RestoreProblem]) -> Restoration:
        return replace(self, problems=(*self.problems, *problems))

    def with_notes(self, notes: Iterable[str]) -> Restoration:
        return replace(self, notes=(*self.notes, *notes))

    def accepting_foreign(self) -> Restoration:
        """What others changed is theirs: it is said, and stands in nobody's way."""
        kept = [f"left to others: {problem.text}" for problem in self.problems]
        return replace(self, actions=(*self.actions, *kept), problems=())

    @property
    def result(self) -> RestoreResult:
        return RestoreResult(
            complete=self.complete,
            actions=self.actions,
            problems=tuple(problem.text for problem in self.problems),
            notes=self.notes,
            seconds=self.seconds,
        )


def restore(
    connection: Connection,
    writer: JournalWriter,
    *,
    stop: Stop,
    within: float,
    since: int = 0,
    blocked: Mapping[str, str] | None = None,
    now: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Restoration:
    """
    Undo everything that the journal says, for at most `within` seconds; raises nothing.

    Args:
        since: only what was done after the record of that number.
        blocked: namespaces that another run holds, and who: nothing is written there.
    """
    began = now()
    worker = _Worker(connection, writer, stop, began + within, since, blocked or {}, now, sleep)
    problems = worker.work()
    return Restoration(
        actions=tuple(worker.actions),
        problems=tuple(problems),
        seconds=now() - began,
        gone=worker.gone,
    )


class _Worker:
    def __init__(
        self,
        connection: Connection,
        writer: JournalWriter,
        stop: Stop,
        until: float,
        since: int,
        blocked: Mapping[str, str],
        now: Callable[[], float],
        sleep: Callable[[float], None],
    ) -> None:
        self.actions: list[str] = []
        self.gone = frozenset[str]()
        self._connection = connection
        self._writer = writer
        self._journal = writer.journal
        self._stop = stop
        self._until = until
        self._since = since
        self._blocked = blocked
        self._now = now
        self._sleep = sleep
        self._touched = touched(self._journal, since)
        self._errors: dict[Key, str] = {}
        self._ahead: dict[Key, Mapping[str, Any]] = {}
        """What was read of objects before their turn came."""
        self._inside: dict[str, list[str]] = {}
        """By namespace: what others have put into it."""
        self._held: list[ObjectHistory] = []
        """What finalizers held when its turn came; it may be gone by the fresh read."""

    def work(self) -> list[RestoreProblem]:
        try:
            items = self._in_reverse()
            made = {i.key.name: i for i in items if _is_made_namespace(i)}
            inside = {i.key for i in items if i.key.namespace in made or _is_made_namespace(i)}
            first = [item for item in items if item.key not in inside]
            standing = self._standing({} if first else made)
            self._undo_all(first, standing)
            self._undo_made(made, [i for i in items if i.key in inside], standing)
            nothing_sent = all(i.whole for i in self._touched) and not self.actions
            return self._problems(standing if nothing_sent and not self._errors else None)
        except NpolError as error:
            known = [f"{key}: {text}" for key, text in self._errors.items()]
            text = f"the cluster could not be read to verify the restore: {error}"
            return [RestoreProblem(text=t, ours=True) for t in (text, *known)]

    def _standing(self, made: Mapping[str, Item]) -> ObjectStanding:
        """How all stands, and what is in namespaces of ours that nothing is undone before."""
        free = [item for name, item in made.items() if name not in self._blocked]
        with ThreadPoolExecutor(max_workers=2) as pool:
            looks = [pool.submit(look, free) for look in (self._look_ahead, self._look_inside)]
            standing = ObjectStanding(self._journal, take_known(self._connection, self._journal))
            for look in looks:
                look.result()
        return standing

    def _in_reverse(self) -> list[Item]:
        items: list[Item] = [
            *self._touched,
            *labelled(self._journal, self._since),
            *scaled(self._journal, self._since),
        ]
        return sorted(items, key=lambda item: -item.records[0].number)

    def _undo_made(
        self,
        made: Mapping[str, Item],
        inside: Sequence[Item],
        standing: ObjectStanding,
    ) -> None:
        """
        Namespaces that the run made, with what it made in them: that goes with its namespace,
        where nothing of others is in there.
        """
        there = {n: i for n, i in made.items() if standing.here(n) and n not in self._blocked}
        if there.keys() - self._inside.keys():
            self._look_inside(there.values())
        whole = {name for name in there if self._inside.get(name) == []}
        gone = self._undo_all([i for i in inside if i.key.namespace not in whole], standing)
        stayed = whole - {key.name for key in gone if key.kind == "Namespace"}
        self._undo_all([item for item in inside if item.key.namespace in stayed], standing)

    def _undo_all(self, items: Sequence[Item], standing: ObjectStanding) -> list[Key]:
        """
        Kind by kind, as long as there is time; with which of them something was done. Those of
        one kind that follow each other need none of the others: they are undone side by side.
        """
        done: list[Key] = []
        self._look_ahead([i for i in items if not standing.snapshot.tells(i.key)])
        for _, alike in groupby(items, key=lambda item: (type(item), item.key.kind)):
            together = list(alike)
            if any(_is_made_namespace(i) and i.key.name not in self._inside for i in together):
                self._look_inside(together)
            with ThreadPoolExecutor(max_workers=writes.AT_ONCE) as pool:
                told = pool.map(lambda item: self._undo(item, standing), together)
                what = [(item, text) for item, text in zip(together, told, strict=True) if text]
            self.actions += [text for _, text in what]
            done += [item.key for item, _ in what]
        return done

    def _undo(self, item: Item, standing: ObjectStanding) -> str:
        """What was done."""
        if self._stop.hurried or self._now() >= self._until:
            return ""
        if not standing.here(item.key.namespace) or item.key.place in self._blocked:
            return ""
        try:
            if isinstance(item, Labelled):
                return undo_labels(self._connection, item)
            if isinstance(item, Scaled):
                return undo_scale(self._connection, item)
            live = self._live(item.key, standing.snapshot)
            if item.whole and item.judge(live) is ObjectState.LEAVING:
                self._held.append(item)
                return ""
            inside = self._inside.get(item.key.name) if _is_made_namespace(item) else None
            return undo(self._connection, item, live, inside)
        except NpolError as error:
            self._errors[item.key] = str(error)
            return ""

    def _look_inside(self, made: Iterable[Item]) -> None:
        """What others have put into namespaces that the run made, and that end one by one."""
        runs = {i.key.name: i.run_id for i in made if isinstance(i, ObjectHistory)}
        for run_id in set(runs.values()):  # one, or none
            with suppress(NpolError):  # then each is looked into when its turn comes
                self._inside |= foreign_objects(self._connection, runs, run_id)

    def _look_ahead(self, items: Sequence[Item]) -> None:
        """
        Read side by side. What changes until its turn comes is another version then, or another
        object, and is read again (`undo`).
        """
        keys = {item.key for item in items if isinstance(item, ObjectHistory)} - self._ahead.keys()
        with suppress(NpolError):  # then each is read when its turn comes
            refs = {key: ref_of(self._connection, key) for key in keys}
            found = get_all(self._connection, refs.values())
            self._ahead |= {key: live for key, ref in refs.items() if (live := found[ref])}

    def _live(self, key: Key, snapshot: Snapshot) -> Mapping[str, Any] | None:
        if snapshot.tells(key):
            return snapshot.policies.get(key)
        return self._ahead.get(key) or self._connection.get(ref_of(self._connection, key))

    def _problems(self, standing: ObjectStanding | None) -> list[RestoreProblem]:
        """`standing`: what was read at the beginning, if nothing was sent since."""
        if self._stop.hurried:
            return [RestoreProblem(text=INTERRUPTED, ours=True)]
        standing = self._wait_until_gone() or standing
        self._gone_in_time(self._held)
        comparison, problems = self._compared(None if self._held else standing)
        while self._gone_in_time(comparison.leaving):
            comparison, problems = self._compared()
        self.gone = comparison.gone
        if self._stop.hurried:
            return [*problems, RestoreProblem(text=INTERRUPTED, ours=True)]
        if not self._since:
            self._writer.restored(comparison.as_before)
        return problems

    def _compared(
        self, standing: ObjectStanding | None = None
    ) -> tuple[RestoreComparison, list[RestoreProblem]]:
        comparison = RestoreComparison(
            self._connection,
            self._journal,
            self._errors,
            since=self._since,
            blocked=self._blocked,
            standing=standing,
        )
        return comparison, comparison.problems()

    def _gone_in_time(self, held: list[ObjectHistory]) -> bool:
        """
        Wait for policies that finalizers hold; what was there before is made anew at once.

        Whether any of them went, so that it is worth to compare again.
        """
        left = held
        while left and not self._stop.hurried and self._now() + POLL < self._until:
            names = ", ".join(str(item.key) for item in left)
            log.info("waiting for %s to be gone, %.0f s left", names, self._until - self._now())
            self._sleep(POLL)
            left = [item for item in left if not self._made_anew(item)]
        return len(left) < len(held)

    def _made_anew(self, item: ObjectHistory) -> bool:
        """Bring an object back once its finalizers are gone; whether they are."""
        live = self._connection.get(ref_of(self._connection, item.key))
        if item.judge(live) is ObjectState.LEAVING:
            return False
        try:
            done = undo(self._connection, item, live)
        except NpolError as error:
            self._errors[item.key] = str(error)
        else:
            self.actions += [done] if done else []
        return True

    def _wait_until_gone(self) -> ObjectStanding | None:
        """
        What the run made and is on its way out: pods and namespaces take their time. How all
        stands, as the look that found it gone has seen it; None where nothing had to go.
        """
        standing = None
        made = [item for item in self._touched if item.before is None and not item.whole]
        spaces = {item.key.name for item in made if _is_made_namespace(item)}
        made = [item for item in made if item.key.namespace not in spaces]  # they go with those
        while made and not self._stop.hurried:
            looked = self._now()
            with ThreadPoolExecutor(max_workers=1) as pool:
                known = pool.submit(take_known, self._connection, self._journal)
                rest = self._leaving([i for i in made if not _is_made_namespace(i)])
                standing = ObjectStanding(self._journal, known.result())
            made = [i for i in made if i in rest or _leaves(i, standing.snapshot)]
            if not made or self._now() + POLL >= self._until:
                break
            names = ", ".join(str(item.key) for item in made)
            log.info("waiting for %s to be gone, %.0f s left", names, self._until - self._now())
            self._sleep(max(0.0, looked + POLL - self._now()))
        return None if made else standing

    def _leaving(self, made: Sequence[ObjectHistory]) -> list[ObjectHistory]:
        refs = {item.key: ref_of(self._connection, item.key) for item in made}
        live = get_all(self._connection, refs.values())
        return [item for item in made if item.judge(live[refs[item.key]]) is ObjectState.LEAVING]


def _leaves(item: ObjectHistory, now: Snapshot) -> bool:
    """Whether it is a namespace that is on its way out, and still the one that the run made."""
    name, known = item.key.name, item.records[-1].uid
    leaving = _is_made_namespace(item) and name in now.leaving
    return leaving and known in ("", now.places[name].uid)


def _is_made_namespace(item: Item) -> bool:
    return isinstance(item, ObjectHistory) and item.before is None and item.key.kind == "Namespace"
