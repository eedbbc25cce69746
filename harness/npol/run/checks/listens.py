"""
`listens`: a workload's process listens where others can reach it.

Asked from inside the pod: no policy stands between a pod and its own address, so an answer
there and none from elsewhere is a policy's doing, and an answer on loopback alone is the
process's.
"""

from __future__ import annotations

from collections.abc import Sequence

from npol.model.expectation import Outcome
from npol.model.probe import Answer, PodRef, Probe, ProbeKind
from npol.model.story import StateCheck
from npol.run.checks.view import Observation, View, of_running_pods

LOOPBACK = "127.0.0.1"
TIMEOUT = 1.0
_TOLD = (Outcome.OPEN, Outcome.REFUSED)


def wanted(check: StateCheck) -> str:
    return f"listens on {_address(check)}:{check.wants['port']}"


def look(check: StateCheck, view: View) -> Observation:
    return of_running_pods(check, view, lambda pods: _of_pods(check, view, pods))


def _of_pods(check: StateCheck, view: View, pods: Sequence[PodRef]) -> Observation:
    every = [_pod(check, pod, view) for pod in pods]
    return next((f for f in every if f.holds is False), None) or next(
        (f for f in every if f.holds is None), every[0]
    )


def _pod(check: StateCheck, pod: PodRef, view: View) -> Observation:
    port = check.wants["port"]
    own, loop = f"own {pod.ip}", f"own {LOOPBACK}"
    asked = view.ask(pod, [_probe(own, pod.ip, port), _probe(loop, LOOPBACK, port)])
    if any(asked[key].outcome not in _TOLD for key in (own, loop)):
        why = next(a for a in asked.values() if a.outcome not in _TOLD)
        return Observation(None, "not known", f"{pod.name}: {_words(why)}")
    outside, inside = (asked[key].outcome is Outcome.OPEN for key in (own, loop))
    if _address(check) == LOOPBACK:
        return Observation(inside and not outside, _seen(outside, inside, port))
    reason = "" if outside else _why(inside, pod)
    return Observation(outside, _seen(outside, inside, port), reason)


def _probe(key: str, address: str, port: int) -> Probe:
    kind = ProbeKind.CONNECT
    return Probe(key=key, kind=kind, address=address, port=port, timeout=TIMEOUT)


def _address(check: StateCheck) -> str:
    return str(check.wants.get("address") or "0.0.0.0")


def _seen(outside: bool, inside: bool, port: int) -> str:
    if outside:
        return f"listens on {'0.0.0.0' if inside else 'its own address'}:{port}"
    return f"listens on {LOOPBACK}:{port} only" if inside else f"nothing listens on {port}"


def _why(inside: bool, pod: PodRef) -> str:
    if inside:
        return f"nobody outside pod {pod.name} can reach it, whatever the policies say"
    return f"the process in pod {pod.name} did not open the port"


def _words(answer: Answer) -> str:
    return answer.detail or answer.outcome.value
