"""
The prober of one source: one exec, kept open for the whole story.

A broken exec is opened again; what was asked and not answered is an error with the reason,
never an outcome. Nothing here raises for what a cluster or a pod does.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress

from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception,
    stop_after_attempt,
    stop_before_delay,
    wait_exponential,
    wait_random,
)

from npol.errors import NpolError
from npol.kube.channels import ExecBroken
from npol.model.expectation import Outcome
from npol.model.probe import Answer, PodRef, Probe
from npol.probe import framing
from npol.probe.attempt import Attempt
from npol.probe.bundle import MANY, MANY_FOR_THE_STARVED
from npol.probe.debug_pod_manifest import CONTAINER
from npol.probe.probe_batch import SLACK, Round
from npol.probe.prober_stream import HELLO_WITHIN, LIFETIME, NoShell, ProberSession, Stream
from npol.probe.shellless import Plain
from npol.probe.source_ports import PortPools
from npol.probe.toolbox import Toolbox

log = logging.getLogger(__name__)

ATTEMPTS = 3
"""Times that a broken exec is opened again for one round."""
ROTATE_AFTER = 0.8 * LIFETIME
AT_ONCE = 96
"""The weight of probes under way, where the source's limits set no lower one."""
MEMORY, CPU = 1 << 20, 0.0025
"""Bytes, and seconds of the CPU, for one unit of weight (measured: 0.4 MiB, 2.2 ms)."""
MEMORY_SHARE, BURST = 0.5, 0.5
"""The share of the memory that probes may take, and the seconds that starting them may."""
PROCESSES, PROCESS_SHARE = 4, 0.75
"""For one unit of weight (two of the shell, `timeout`, the tool), and the share they may take."""
LEAST = 4
LONGEST_SLACK = 30.0
"""Seconds after which a command that should have answered is given up, at any number."""
SLOWER, FASTER, SLOWEST = 0.5, 1.25, 0.1
"""What the pace is multiplied by after a round that starved and after others, and its least."""
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
        """
        self.source = source
        self.execs = 0
        """How many were opened so far."""
        self._unopened = False
        self._ports = ports or PortPools()
        self._plain = Plain(open_command, identify=identify, now=now) if open_command else None
        self._shell = True
        self._open_stream = open_stream
        self._identify = identify
        self._now = now
        self._sleep = sleep
        self._changed = threading.Condition()
        self._opening = threading.Lock()
        self._session: ProberSession | None = None
        self._opened_at = 0.0
        self._under_way = 0
        self._pace = 1.0
        """The share of `at_once` that is used: less after a round in which the source starved."""
        self._marked: dict[int, Attempt] = {}
        """What is under way, by its source ports."""
        self._closed = False

    @property
    def tools(self) -> Mapping[str, str]:
        """Tool -> which program of that name; empty before the first round."""
        return self._session.toolbox.names if self._session else {}

    @property
    def failing(self) -> bool:
        """Whether the last exec broke or could not be opened: the pod may be gone."""
        return self._unopened or bool(self._session and self._session.broken)

    def open(self, *, deadline: float = 30.0) -> None:
        """
        Start the exec now rather than with the first round; `deadline` in seconds.

        Raises:
            ExecBroken: it did not start.
        """
        with suppress(NoShell):
            self._ready(self._now() + deadline)

    def ask(self, probes: Sequence[Probe], *, deadline: float) -> Mapping[str, Answer]:
        """
        All probes at once; one answer each, by key.

        Args:
            deadline: seconds without any answer after which the rest are errors: many probes
                take their turns, and each answer shows that the source is at work.
        """
        until = self._now() + deadline
        try:
            session = self._ready(until)
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
                return self._answers(round_)
            if self._now() >= until:
                self._drop(round_)
                round_.give_up(f"no answer for {deadline:g} s")
            elif session.broken:
                self._drop(round_)
                round_.lose(session.broken)
                session = self._replacement(session, round_, until)
            elif not self._send(session, round_):
                self._wait(session, round_, until)

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
            session = self._session
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
        """End the exec."""
        with self._opening:
            self._closed = True
            if self._session:
                self._session.close()

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
            many=MANY if self._pace == 1.0 else MANY_FOR_THE_STARVED,
            slack=min(LONGEST_SLACK, max(SLACK, deadline - 2 * longest)),
        )

    def _answers(self, round_: Round) -> Mapping[str, Answer]:
        """The round's; the next one is asked at the pace that this one has shown to be good."""
        answers = round_.answers()
        slower, faster = max(SLOWEST, self._pace * SLOWER), min(1.0, self._pace * FASTER)
        self._pace = slower if any(a.starved for a in answers.values()) else faster
        return answers

    def _send(self, session: ProberSession, round_: Round) -> bool:
        """Send what may go; whether anything did."""
        batch: list[Attempt] = []
        limit = max(LEAST, int(self._pace * at_once(session.toolbox)))
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

    def _drop(self, round_: Round) -> None:
        self._over(round_.sent.values())

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
            return self._ready(until)
        except ExecBroken as broken:
            round_.give_up(broken.reason)
            return session

    def _ready(self, until: float) -> ProberSession:
        """
        The session, opened again if need be.

        Raises:
            ExecBroken: not within the budget.
        """
        with self._opening:
            if self._closed:
                raise ExecBroken("the prober was closed", passing=False)
            if not self._shell:
                raise NoShell("the container has no shell")
            session = self._session
            worn = session and not self._under_way and self._age() > ROTATE_AFTER
            if session and not session.broken and not worn:
                return session
            if session:
                session.close("its time was up")
            self._unopened = True
            self._session = self._retried(until)
            self._unopened = False
            return self._session

    def _age(self) -> float:
        return self._now() - self._opened_at

    def _retried(self, until: float) -> ProberSession:
        return Retrying(
            retry=retry_if_exception(_may_pass),
            stop=stop_after_attempt(ATTEMPTS) | stop_before_delay(until - self._now()),
            wait=wait_exponential(multiplier=0.1, max=2.0) + wait_random(0, 1),
            sleep=self._sleep,
            before_sleep=self._log_retry,
            reraise=True,
        )(self._opened, until)

    def _log_retry(self, state: RetryCallState) -> None:
        failure = state.outcome.exception() if state.outcome else None
        wait = state.upcoming_sleep
        log.info("prober in %s failed, the next one in %.1f s: %s", self.source, wait, failure)

    def _opened(self, until: float) -> ProberSession:
        self.execs += 1
        try:
            session = ProberSession(self._open_stream(), on_change=self._notify)
            session.start(within=max(0.1, min(HELLO_WITHIN, until - self._now())))
        except NoShell:
            self._shell = self._unopened = False
            raise
        except ExecBroken:
            raise
        except NpolError as error:
            raise ExecBroken(error.message, passing=False) from error
        self._check_identity(session)
        self._opened_at = self._now()
        return session

    def _check_identity(self, session: ProberSession) -> None:
        uid, wanted = session.toolbox.uid, self.source.uid
        if not uid and self.source.container == CONTAINER:
            session.close()
            raise ExecBroken(f"another pod answers for {self.source}: a debug pod knows its uid")
        if uid and wanted and uid != wanted:
            session.close()
            raise ExecBroken(
                f"{self.source} is another pod now: uid {uid} instead of {wanted}", passing=False
            )
        if not uid and self._identify:
            self._identified(session, self._identify)

    def _identified(self, session: ProberSession, identify: Callable[[], None]) -> None:
        try:
            identify()
        except ExecBroken:
            session.close()
            raise

    def _notify(self) -> None:
        with self._changed:
            self._changed.notify_all()


def _may_pass(error: BaseException) -> bool:
    return isinstance(error, ExecBroken) and not isinstance(error, NoShell) and error.passing


def at_once(box: Toolbox) -> int:
    """How much weight may be under way: a starved source sees silence where there is none."""
    limits = [float(AT_ONCE)]
    if box.memory is not None:
        limits.append(box.memory * MEMORY_SHARE / MEMORY)
    if box.cpus is not None:
        limits.append(box.cpus * BURST / CPU)
    if box.processes is not None:
        limits.append(box.processes * PROCESS_SHARE / PROCESSES)
    return max(LEAST, int(min(limits)))


def _all_failed(probes: Sequence[Probe], reason: str) -> Mapping[str, Answer]:
    return {p.key: Answer(key=p.key, outcome=Outcome.ERROR, detail=reason) for p in probes}
