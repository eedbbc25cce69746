"""What state checks claim and find, in words: the one place that makes them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from npol.model.check_claim import CheckClaim, ClaimCode
from npol.model.check_finding import CheckFinding, FindingCode
from npol.model.sentence import Sentence

_MOST_NAMES = 3


def check_words(findings: Iterable[CheckFinding]) -> str:
    """All findings of a check; "" for none."""
    return "; ".join(_WORDS[finding.code](finding) for finding in findings)


def rests_on_itself(places: Iterable[str]) -> str:
    """Why a check cannot fail: the places where the run has read what it claims."""
    return f"reads back what the run itself wrote: {', '.join(places)}"


def _objects(number: int) -> str:
    return f"{number} object{'s' if number != 1 else ''} as in the repository"


def claim_words(claim: CheckClaim | Sentence | None) -> str:
    """What a check claims; "" for one that is skipped."""
    return _CLAIMS[claim.code](claim) if isinstance(claim, CheckClaim) else str(claim or "")


def _no_port(f: CheckFinding) -> str:
    declared = ", ".join(f.names) or "none"
    return (
        f"targetPort {f.wanted} is no container port of pod {f.subject}, which declares {declared}"
    )


def _rollout(words: Callable[[CheckFinding], str]) -> Callable[[CheckFinding], str]:
    """With the images, where they are told."""
    return lambda f: words(f) + (f", image {', '.join(f.names)}" if f.names else "")


def _few(f: CheckFinding) -> str:
    return ", ".join(f.names[:_MOST_NAMES])


_WORDS: Mapping[FindingCode, Callable[[CheckFinding], str]] = {
    FindingCode.NOT_KNOWN: lambda f: "not known",
    FindingCode.NOT_FOUND: lambda f: "not found",
    FindingCode.DOES_NOT_EXIST: lambda f: (
        f"{f.subject} does not exist" + (f" in namespace {f.names[0]}" if f.names else "")
    ),
    FindingCode.THERE: lambda f: "there",
    FindingCode.VALUE: lambda f: f.said,
    FindingCode.HIDDEN_VALUE: lambda f: f"a value ({_HIDDEN})",
    FindingCode.RECORDED_DATA: lambda f: (
        "recorded data: no controller of the lab acts on such an object"
    ),
    FindingCode.NO_POD: lambda f: "no pod",
    FindingCode.NO_RUNNING_POD: lambda f: "no running pod",
    FindingCode.NO_POD_SELECTED: lambda f: "no running pod is selected",
    FindingCode.NO_POD_CARRIES: lambda f: (
        f"no running pod carries {f.wanted or 'nothing'}, which the Service selects"
    ),
    FindingCode.READY: lambda f: f"{f.count} of {f.total} ready",
    FindingCode.NOT_READY: lambda f: f"not ready: {_few(f)}",
    FindingCode.HAS_LABELS: lambda f: "has them",
    FindingCode.OTHER_LABELS: lambda f: ", ".join(f.names),
    FindingCode.NOT_SELECTED: lambda f: f"what selects by {f.wanted} does not select it",
    FindingCode.READY_ON: lambda f: f"{f.count} ready on {', '.join(f.names) or 'no port'}",
    FindingCode.PORTS: lambda f: ", ".join(f.names),
    FindingCode.PORT_NOT_DECLARED: _no_port,
    FindingCode.NO_READY_ENDPOINT: lambda f: "no endpoint is ready",
    FindingCode.ENDPOINTS_WITHOUT_PORT: lambda f: "the endpoints have no port",
    FindingCode.AS_IN_REPOSITORY: lambda f: _objects(f.count),
    FindingCode.DIFFER: lambda f: f"{f.count} of {f.total} differ",
    FindingCode.NOT_IN_CLUSTER: lambda f: f"{f.subject}: {f.names[0]} is not in the cluster",
    FindingCode.FIELD_DIFFERS: lambda f: (
        f"{f.subject}: {' '.join(f.names)}: repository {f.wanted}, cluster {f.said}"
    ),
    FindingCode.HIDDEN_FIELD_DIFFERS: lambda f: (
        f"{f.subject}: {' '.join(f.names)}: differs (not shown)"
    ),
    FindingCode.MORE_DIFFER: lambda f: f"and {f.count} more",
    FindingCode.COMPLETE: _rollout(lambda f: "complete"),
    FindingCode.VERSION_NOT_SEEN: _rollout(lambda f: "the new version was not seen yet"),
    FindingCode.PARTLY_NEW: _rollout(
        lambda f: f"{f.count} of {f.total} new, {f.available} available"
    ),
    FindingCode.OLD_TO_GO: _rollout(lambda f: f"{f.count} old to go"),
    FindingCode.ADMITTED: lambda f: "admitted by a dry run",
    FindingCode.REFUSED: lambda f: "refused",
    FindingCode.LISTENS: lambda f: f"listens on {f.subject or 'its own address'}:{f.count}",
    FindingCode.LISTENS_TO_ITSELF: lambda f: f"listens on 127.0.0.1:{f.count} only",
    FindingCode.NOT_LISTENING: lambda f: f"nothing listens on {f.count}",
    FindingCode.UNREACHABLE: lambda f: (
        f"nobody outside pod {f.subject} can reach it, whatever the policies say"
    ),
    FindingCode.PORT_NOT_OPENED: lambda f: f"the process in pod {f.subject} did not open the port",
    FindingCode.IN_LOGS: lambda f: f"in {f.count} of {f.total} logs",
    FindingCode.NOT_IN_LOGS: lambda f: f"not in the log of {_few(f)}",
    FindingCode.UP: lambda f: f"{f.count} up",
    FindingCode.NO_TARGET: lambda f: (
        "Prometheus knows no target" + (f" of job {f.subject}" if f.subject else "")
    ),
    FindingCode.PROMETHEUS_NOT_FOUND: lambda f: f"no pod of Prometheus answers for {f.subject}",
    FindingCode.PROMETHEUS_SILENT: lambda f: f"Prometheus' API did not answer: {f.said}",
    FindingCode.NOT_PROMETHEUS: lambda f: "what answered is not Prometheus' API",
    FindingCode.SAID: lambda f: f"{f.subject}: {f.said}" if f.subject else f.said,
}

_HIDDEN = "not shown: a Secret's"

_CLAIMS: Mapping[ClaimCode, Callable[[CheckClaim], str]] = {
    ClaimCode.READY: lambda c: (
        f"{'some' if c.count is None else c.count} ready" + (f" on {c.text}" if c.text else "")
    ),
    ClaimCode.ALL_READY: lambda c: "all ready",
    ClaimCode.COMPLETE: lambda c: "complete" + (f", image {c.text}" if c.text else ""),
    ClaimCode.LABELS: lambda c: c.text,
    ClaimCode.AS_IN_REPOSITORY: lambda c: _objects(c.count or 0),
    ClaimCode.THERE: lambda c: "there",
    ClaimCode.NOT_THERE: lambda c: "not there",
    ClaimCode.VALUE: lambda c: c.text,
    ClaimCode.MATCHES: lambda c: f"matches {c.text}",
    ClaimCode.HIDDEN_VALUE: lambda c: f"the story's value ({_HIDDEN})",
    ClaimCode.HIDDEN_EXPRESSION: lambda c: f"the story's expression ({_HIDDEN})",
    ClaimCode.AGREE: lambda c: "selector, targetPort, containerPort and endpoints agree",
    ClaimCode.ADMITTED: lambda c: "the next pod is admitted",
    ClaimCode.IN_LOGS: lambda c: f"contain {c.text!r}",
    ClaimCode.LISTENS: lambda c: f"listens on {c.text}",
    ClaimCode.UP: lambda c: f"{c.count or 'none'} up" + (f" in job {c.text}" if c.text else ""),
}
