"""Whether a run proves that policies are enforced, and the canary that does it beside the rest."""

from __future__ import annotations

import logging
import signal
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from functools import partial

from npol.cni.canary import EnforcementProof
from npol.cni.catalogue import Engine
from npol.errors import RestoreIncomplete
from npol.judge.probes import has_denies
from npol.kube.connection import Connection
from npol.kube.guard import STATE_NAMESPACE
from npol.kube.signals import Stop, Stopped
from npol.model.expectation import Outcome
from npol.model.result import RestoreResult
from npol.run.enforcement_proof import prove_enforcement
from npol.run.run_scope import RunScope

log = logging.getLogger(__name__)

HINT = "`npol recover` gives back what it has left"


class StartedCanary:
    """A canary in a thread of its own: while it proves, and while its pods go, steps are told."""

    def __init__(self, prove: Callable[..., object], stop: Stop) -> None:
        """
        Args:
            prove: `prove_enforcement`, but for `denied`, `proven` and `stop`.
            stop: that of the run.
        """
        self._denial: Future[frozenset[Outcome]] = Future()
        self._proof: Future[EnforcementProof] = Future()
        self._stop = stop.child()
        pool = ThreadPoolExecutor(max_workers=1)
        self._ended = pool.submit(self._run, prove)
        pool.shutdown(wait=False)

    def _run(self, prove: Callable[..., object]) -> None:
        try:
            prove(denied=self._denial.set_result, proven=self._proof.set_result, stop=self._stop)
        except BaseException as error:
            for promised in (self._denial, self._proof):
                if not promised.done():
                    promised.set_exception(error)
            raise

    def denial(self) -> frozenset[Outcome]:
        """
        Waits until policies have closed both ways: how a denied packet ends.

        Raises:
            Refused: policies are not enforced, or the canary may not be made.
            UnknownVerdict, LockHeld: nothing was proven.
        """
        return self._denial.result()

    def proof(self) -> EnforcementProof:
        """
        Waits until both ways are open again, too.

        Raises:
            UnknownVerdict: they are not; or see `denial`.
        """
        return self._proof.result()

    def __str__(self) -> str:
        if not self._proof.done():
            return "not proven yet"
        error = self._proof.exception()
        if isinstance(error, Stopped):
            return "not proven: the run ended before"
        return f"not proven: {error}" if error else str(self._proof.result())

    def end(self, given_back: RestoreResult) -> RestoreResult:
        """
        What became of the cluster, once nothing is left of the canary either.

        A proof that no step has waited for is given up.
        """
        if not self._proof.done():
            self._stop.ask(signal.SIGTERM)
        error = self._ended.exception()
        if isinstance(error, RestoreIncomplete):
            return _incomplete(given_back, error.message, error.hint)
        if error is None or isinstance(error, Stopped) or self._proof.exception():
            return given_back
        log.error("the canary broke as it went", exc_info=error)
        return _incomplete(given_back, f"the canary broke as it went: {error!r}", HINT)


def _incomplete(given_back: RestoreResult, problem: str, remedy: str) -> RestoreResult:
    return replace(
        given_back,
        complete=False,
        problems=(*given_back.problems, problem),
        remedy=given_back.remedy or remedy,
    )


def start_canary(
    connection: Connection, scope: RunScope, engine: Engine, stop: Stop
) -> StartedCanary | str:
    """The canary; or why none is needed."""
    story, options = scope.story, scope.options
    if reason := _unneeded(scope, engine):
        return reason
    options.say("starting a canary that shows whether policies are enforced")
    prove = partial(
        prove_enforcement,
        connection,
        run_id=scope.run_id,
        settings=story.defaults.pod_outside,
        namespace=story.defaults.canary.namespace or STATE_NAMESPACE,
        say=options.say,
        disposable=options.disposable,
    )
    return StartedCanary(prove, stop)


def _unneeded(scope: RunScope, engine: Engine) -> str:
    if engine.is_lab:
        return "by the lab itself"
    if not (scope.story.writes and has_denies(scope.story.steps, engine.name)):
        return "not proven: no step of this story needs it"
    return "assumed, as asked (--assume-enforced)" if scope.options.assume_enforced else ""
