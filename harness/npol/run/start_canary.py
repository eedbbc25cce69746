"""Whether a run proves that policies are enforced, and the canary that does it beside the rest."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from npol.cni.canary import EnforcementProof
from npol.cni.catalogue import Engine
from npol.judge.probes import has_denies
from npol.kube.connection import Connection
from npol.kube.guard import STATE_NAMESPACE
from npol.kube.signals import Stop
from npol.run.enforcement_proof import prove_enforcement
from npol.run.run_scope import RunScope


def start_canary(
    connection: Connection, scope: RunScope, engine: Engine, stop: Stop
) -> Callable[[], EnforcementProof | str]:
    """Start it if it is needed; call the result for its proof, or for why there is none."""
    story, options = scope.story, scope.options
    if reason := _unneeded(scope, engine):
        return lambda: reason
    options.say("starting a canary that shows whether policies are enforced")
    pool = ThreadPoolExecutor(max_workers=1)
    proving = pool.submit(
        prove_enforcement,
        connection,
        run_id=scope.run_id,
        settings=story.defaults.pod_outside,
        namespace=story.defaults.canary.namespace or STATE_NAMESPACE,
        say=options.say,
        stop=stop,
        disposable=options.disposable,
    )
    pool.shutdown(wait=False)
    return proving.result


def _unneeded(scope: RunScope, engine: Engine) -> str:
    if engine.is_lab:
        return "by the lab itself"
    if not (scope.story.writes and has_denies(scope.story, engine.name)):
        return "not proven: no step of this story needs it"
    return "assumed, as asked (--assume-enforced)" if scope.options.assume_enforced else ""
