"""
`listens`: a workload's process listens where others can reach it.

Asked from inside the pod: no policy stands between a pod and its own address, so an answer
there and none from elsewhere is a policy's doing, and an answer on loopback alone is the
process's.
"""

from __future__ import annotations

from collections.abc import Sequence

from npol.model.check_claim import CheckClaim, ClaimCode
from npol.model.check_finding import CheckFinding, FindingCode
from npol.model.expectation import Outcome
from npol.model.probe import PodRef, Probe, ProbeKind
from npol.model.story import StateCheck
from npol.run.checks.view import Observation, View, not_known, of_running_pods

LOOPBACK = "127.0.0.1"
TIMEOUT = 1.0
_TOLD = (Outcome.OPEN, Outcome.REFUSED)


def wanted(check: StateCheck) -> CheckClaim:
    return CheckClaim(ClaimCode.LISTENS, f"{_address(check)}:{check.wants['port']}")


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
        said = why.detail or why.outcome.value
        return not_known(CheckFinding(code=FindingCode.SAID, subject=pod.name, said=said))
    outside, inside = (asked[key].outcome is Outcome.OPEN for key in (own, loop))
    if _address(check) == LOOPBACK:
        return Observation(inside and not outside, _seen(outside, inside, port))
    reasons = () if outside else (_why(inside, pod),)
    return Observation(outside, _seen(outside, inside, port), reasons)


def _probe(key: str, address: str, port: int) -> Probe:
    kind = ProbeKind.CONNECT
    return Probe(key=key, kind=kind, address=address, port=port, timeout=TIMEOUT)


def _address(check: StateCheck) -> str:
    return str(check.wants.get("address") or "0.0.0.0")


def _seen(outside: bool, inside: bool, port: int) -> CheckFinding:
    if outside:
        subject = "0.0.0.0" if inside else ""
        return CheckFinding(code=FindingCode.LISTENS, subject=subject, count=port)
    code = FindingCode.LISTENS_TO_ITSELF if inside else FindingCode.NOT_LISTENING
    return CheckFinding(code=code, count=port)


def _why(inside: bool, pod: PodRef) -> CheckFinding:
    code = FindingCode.UNREACHABLE if inside else FindingCode.PORT_NOT_OPENED
    return CheckFinding(code=code, subject=pod.name)
