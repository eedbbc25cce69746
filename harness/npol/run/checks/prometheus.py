"""
`prometheus`: Prometheus' own API says that scrape targets are up.

Asked from inside Prometheus' pod at its own address, which no policy closes. The query is
`sum(up)`, so that the answer stays small however many targets there are; it has no row where there
is no target.
"""

from __future__ import annotations

import json
from urllib.parse import quote

from npol.judge.targets import pod_ref
from npol.model.check_claim import CheckClaim, ClaimCode
from npol.model.check_finding import CheckFinding, FindingCode
from npol.model.probe import Answer, Probe, ProbeKind
from npol.model.story import Protocol, StateCheck
from npol.policy.objects.entities import Pod, Service
from npol.policy.state.service_backends import backends_of
from npol.run.checks.aligned import declared_target
from npol.run.checks.view import Observation, View, missing, not_known

TIMEOUT = 2.0
KEY = "prometheus"


def wanted(check: StateCheck) -> CheckClaim:
    return CheckClaim(ClaimCode.UP, check.wants.get("job") or "", check.wants.get("up", 1))


def look(check: StateCheck, view: View) -> Observation:
    service = view.state.service(check.namespace, check.subject.partition("/")[2])
    if service is None:
        return missing(check)
    pod = next((p for p in backends_of(view.state, service) if p.may_be_named), None)
    port = _port(check, service, pod) if pod else None
    if pod is None or port is None:
        code = FindingCode.PROMETHEUS_NOT_FOUND
        return not_known(CheckFinding(code=code, subject=check.subject))
    ref = pod_ref(pod)
    return _read(check, view.ask(ref, [_probe(check, ref.ip, port)])[KEY])


def _port(check: StateCheck, service: Service, pod: Pod) -> int | None:
    port = service.port(check.wants.get("port", 9090), Protocol.TCP)
    return declared_target(port, pod) if port else None


def _probe(check: StateCheck, address: str, port: int) -> Probe:
    job = check.wants.get("job")
    query = f"sum(up{{job={json.dumps(job)}}})" if job else "sum(up)"
    path = f"/api/v1/query?query={quote(query, safe='')}"
    kind = ProbeKind.HTTP
    return Probe(key=KEY, kind=kind, address=address, port=port, path=path, timeout=TIMEOUT)


def _read(check: StateCheck, answer: Answer) -> Observation:
    if answer.status != 200:
        said = f"http {answer.status}" if answer.status else answer.detail or answer.outcome.value
        return not_known(CheckFinding(code=FindingCode.PROMETHEUS_SILENT, said=said))
    try:
        rows = json.loads(answer.body)["data"]["result"]
        up = int(float(rows[0]["value"][1])) if rows else 0
    except (ValueError, LookupError, TypeError):
        return not_known(CheckFinding(code=FindingCode.NOT_PROMETHEUS))
    claimed = check.wants.get("up", 1)
    if not rows and not claimed:  # that targets are down only targets can show
        job = check.wants.get("job") or ""
        return not_known(CheckFinding(code=FindingCode.NO_TARGET, subject=job))
    seen = CheckFinding(code=FindingCode.UP, count=up)
    return Observation(up >= claimed if claimed else up == 0, seen)
