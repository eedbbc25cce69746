"""
The prober of one source: one exec, kept open for the whole story.

A broken exec is opened again; what was asked and not answered is an error with the reason,
never an outcome. Nothing here raises for what a cluster or a pod does.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress

from npol.kube.channels import ExecBroken
from npol.model.expectation import Outcome
from npol.model.probe import Answer, PodRef, Probe
from npol.probe import framing
from npol.probe.attempt import Attempt
from npol.probe.holder import Holder
from npol.probe.kept_session import KeptSession
from npol.probe.probe_batch import SLACK, Round
from npol.probe.probe_pace import ProbePace
from npol.probe.prober_stream import NoShell, ProberSession, Stream
from npol.probe.shellless import Plain
from npol.probe.source_ports import PortPools
from npol.probe.toolbox import Toolbox

LONGEST_SLACK = 30.0
"""Seconds after which a command that should have answered is given up, at any number."""
POLL = 1.0


class Prober:
    """Asks from one source. Thread-safe; several rounds may be under way."""

    def __init__(
        self,
        open_stream: Callable[[], Stream],
        source: PodRef,
        *,
        open_command: Callable[[Sequence[str]], Stream] | None = None,
        identify: Callable[[], None] | None = None,
        ports: PortPools | None = None,
        ends_early: bool = True,
        now: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """
        Args:
            open_stream: starts `framing.BOOTSTRAP` by the source's `sh`; raises ExecBroken.
            open_command: starts one command, for a container that has no shell.
            identify: makes sure that it runs in the pod that is meant, where it cannot tell itself;
                raises ExecBroken. None: `open_stream` has done so.
            ports: shared by all that ask from the same network namespace.
            ends_early: whether somebody may call `end`.
        """
        self.source = source
        self._ports = ports or PortPools()
        self._plain = Plain(open_command, identify=identify, now=now) if open_command else None
        self.holder = Holder(open_command, identify=identify, now=now) if open_command else None
        """What keeps connections open from here; it outlives the prober's own execs."""
        self._now = now
        self._changed = threading.Condition()
        self._kept = KeptSession(
            open_stream,
            source,
            identify=identify,
            on_change=self._notify,
            in_use=lambda: bool(self._under_way),
            now=now,
            sleep=sleep,
        )
        self._under_way = 0
        self._pace = ProbePace(ends_early=ends_early)
        self._marked: dict[int, Attempt] = {}
        """What is under way, by its source ports."""

    @property
    def execs(self) -> int:
        """How many were opened so far."""
        return self._kept.execs + (self.holder.execs if self.holder else 0)

    @property
    def tools(self) -> Mapping[str, str]:
        """Tool -> which program of that name; empty before the first round."""
        return self._kept.tools

    @property
    def cluster_domain(self) -> str:
        """The domain of the cluster's own names, as the source searches it; "" for none."""
        return self._kept.cluster_domain

    @property
    def failing(self) -> bool:
        """Whether the last exec broke or could not be opened: the pod may be gone."""
        return self._kept.failing

    def open(self, *, deadline: float = 30.0) -> None:
        """
        Start the exec now rather than with the first round; `deadline` in seconds.

        Raises:
            ExecBroken: it did not start.
        """
        with suppress(NoShell):
            self._kept.ready(self._now() + deadline)

    def ask(self, probes: Sequence[Probe], *, deadline: float) -> Mapping[str, Answer]:
        """
        All probes at once; one answer each, by key.

        Args:
            deadline: seconds without any answer after which the rest are errors: many probes
                take their turns, and each answer shows that the source is at work.
        """
        held = [p for p in probes if p.held]
        if not held or self.holder is None:
            return self._ask(probes, deadline=deadline)
        asked = self.holder.begin_asking(held)
        new = [p for p in probes if not p.held]
        answers = dict(self._ask(new, deadline=deadline)) if new else {}
        return answers | self.holder.answers(asked, deadline=deadline)

    def _ask(self, probes: Sequence[Probe], *, deadline: float) -> Mapping[str, Answer]:
        until = self._now() + deadline
        try:
            session = self._kept.ready(until)
        except NoShell as none:
            if self._plain is None:
                return _all_failed(probes, none.reason)
            ports = self._ports.of(self.source, Toolbox())
            return self._plain.ask(probes, deadline=until - self._now(), ports=ports)
        except ExecBroken as broken:
            return _all_failed(probes, broken.reason)
        round_ = self._round(probes, session.toolbox, deadline)
        while True:
            if self._take(session, round_):
                until = self._now() + deadline
            if round_.done:
                answers = round_.answers()
                self._pace.note(answers.values())
                return answers
            if self._now() >= until:
                self._over(round_.sent.values())
                round_.give_up(f"no answer for {deadline:g} s")
            elif session.broken:
                self._over(round_.sent.values())
                round_.lose(session.broken)
                session = self._replacement(session, round_, until)
            elif not self._send(session, round_):
                self._wait(session, round_, until)

    def hold(self, probe: Probe) -> None:
        """Open a connection and keep it, for later probes that ask what it does (`held`)."""
        if self.holder:
            self.holder.hold(probe)

    def held_silent_for(self, probe: Probe) -> float:
        """Seconds for which it is unanswered by now."""
        return self.holder.silent_for(probe.key) if self.holder else 0.0

    def asked_from(self, source_port: int) -> Probe | None:
        """What is being asked from this port right now."""
        with self._changed:
            attempt = self._marked.get(source_port)
        return attempt.asked_from(source_port).probe if attempt else None

    def end(self, source_ports: Collection[int]) -> None:
        """
        End what is being asked from these ports: it is known otherwise that nothing will come.

        Each answers at once, with a silence that was not waited for, or with what came meanwhile;
        what is bundled, once that is known of all of the bundle.
        """
        with self._changed:
            session = self._kept.latest
            marked = {port: a for port in source_ports if (a := self._marked.get(port))}
            fresh = {}
            for port, attempt in marked.items():
                part = attempt.asked_from(port)
                if not part.end_asked:
                    part.end_asked, fresh[attempt.id] = True, attempt
            over = [name for name, attempt in fresh.items() if attempt.may_end]
        if over and session:
            session.send(framing.end(over))

    def close(self) -> None:
        """End the execs."""
        if self.holder:
            self.holder.close()
        self._kept.close()

    def _take(self, session: ProberSession, round_: Round) -> bool:
        """Take what came; whether anything did."""
        heard = [t for t in round_.sent.values() if t.id in session.heard]
        for attempt in heard:
            self._over([attempt])
            round_.end(session.heard.pop(attempt.id))
        if heard:
            round_.alive(self._now())
        return bool(heard)

    def _round(self, probes: Sequence[Probe], box: Toolbox, deadline: float) -> Round:
        longest = max((p.timeout for p in probes), default=0.0)
        return Round(
            probes,
            box,
            self._ports.of(self.source, box),
            many=self._pace.many(box),
            slack=min(LONGEST_SLACK, max(SLACK, deadline - 2 * longest)),
        )

    def _send(self, session: ProberSession, round_: Round) -> bool:
        """Send what may go; whether anything did."""
        batch: list[Attempt] = []
        limit = self._pace.limit(session.toolbox)
        with self._changed:
            while round_.unsent:
                attempt = round_.unsent[0]
                if self._under_way and self._under_way + attempt.weight > limit:
                    break
                self._under_way += attempt.weight
                round_.send(attempt, self._now())
                batch.append(attempt)
                self._marked |= dict.fromkeys(attempt.source_ports, attempt)
        if batch:
            session.send(framing.requests([(a.id, a.sent_as) for a in batch]))
        return bool(batch)

    def _wait(self, session: ProberSession, round_: Round, until: float) -> None:
        """Until something changes, or an answer is overdue: then the session is given up."""
        if round_.overdue(self._now()):
            session.close("the prober does not answer any more")
        with self._changed:
            news = session.broken or any(t in session.heard for t in round_.sent)
            if not news:
                self._changed.wait(min(POLL, max(0.0, until - self._now())))

    def _over(self, attempts: Collection[Attempt]) -> None:
        with self._changed:
            for attempt in attempts:
                self._under_way -= attempt.weight
                for port in attempt.source_ports:
                    self._marked.pop(port, None)
            self._changed.notify_all()

    def _replacement(self, session: ProberSession, round_: Round, until: float) -> ProberSession:
        """A new session for what was not sent yet."""
        if round_.done:
            return session
        try:
            return self._kept.ready(until)
        except ExecBroken as broken:
            round_.give_up(broken.reason)
            return session

    def _notify(self) -> None:
        with self._changed:
            self._changed.notify_all()


def _all_failed(probes: Sequence[Probe], reason: str) -> Mapping[str, Answer]:
    return {p.key: Answer(key=p.key, outcome=Outcome.ERROR, detail=reason) for p in probes}
