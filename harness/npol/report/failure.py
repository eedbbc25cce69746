"""
One failed flow or check, explained: the text that pytest and the command line show.

What was expected and seen, between which pods, by which address, with which controls; what the
policies say, and where; how to ask again by hand.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from npol.model.expectation import Outcome, Verdict
from npol.model.packet_fate import Fate
from npol.model.prediction import Cause
from npol.model.probe import Answer, PodRef, Role
from npol.model.result import CheckResult, Diagnosis, Evidence, FlowResult
from npol.model.story import FlowKind
from npol.report.escape import safe, short
from npol.report.summary import span

WIDTH = 100
_LABEL = 11
_CONTROLS = (Role.SELF, Role.ALIVE, Role.SENDS, Role.BESIDE)


@dataclass(frozen=True, slots=True)
class FailurePart:
    """A labelled paragraph; `literal` lines are for copying and are never broken."""

    label: str
    lines: tuple[str, ...]
    literal: bool = False


def failure_text(
    result: FlowResult | CheckResult, *, rerun: str = "", context: str = "", width: int = WIDTH
) -> str:
    """
    The whole explanation, without colours.

    Args:
        rerun: the command that runs this flow again.
        context: the kubeconfig's context, for the commands to run by hand.
        width: columns to wrap at; commands stay whole.
    """
    lines = [heading(result)]
    for part in failure_parts(result, rerun=rerun, context=context):
        lines += _laid_out(part, width)
    return "\n".join(lines)


def heading(result: FlowResult | CheckResult) -> str:
    """`TOO OPEN: frontend loses the database`."""
    return f"{result.verdict.value.upper()}: {safe(result.name)}"


def failure_parts(
    result: FlowResult | CheckResult, *, rerun: str = "", context: str = ""
) -> list[FailurePart]:
    """The explanation in paragraphs, for pages that lay them out themselves."""
    if isinstance(result, CheckResult):
        parts = _check_parts(result)
    else:
        parts = _flow_parts(result, context)
    if rerun:
        parts.append(FailurePart("again", (rerun,), literal=True))
    return [p for p in parts if p.lines]


def _check_parts(result: CheckResult) -> list[FailurePart]:
    return [
        FailurePart("", (f"{result.at.file}:{result.at.line}",)),
        *_claim(result),
        FailurePart("why", (safe(str(result.reason)),) if result.reason else ()),
    ]


def _flow_parts(result: FlowResult, context: str) -> list[FailurePart]:
    controls = [e for e in result.evidence if e.role in _CONTROLS]
    asked = [e for e in result.evidence if e.role not in _CONTROLS]
    return [
        FailurePart("", (f"{result.at.file}:{result.at.line}   {_flow(result)}",)),
        *_claim(result),
        FailurePart("why", (safe(str(result.reason)),) if result.reason else ()),
        FailurePart("source", tuple(_pod(p) for p in (result.source_pod,) if p)),
        FailurePart("its pods", tuple(_few(list(_by_pod(result)), 10, "pods")), literal=True),
        FailurePart("target", tuple(_few([_pod(p) for p in result.target_pods], 4, "pods"))),
        FailurePart("asked", (_timing(result),) if result.rounds else ()),
        FailurePart("evidence", tuple(_table(asked)), literal=True),
        FailurePart("records", tuple(_records(asked)), literal=True),
        FailurePart("controls", tuple(_table(controls)), literal=True),
        FailurePart("predicted", tuple(_prediction(result))),
        FailurePart("policies", tuple(_causes(result))),
        FailurePart("by hand", tuple(_by_hand(result, asked, context)), literal=True),
    ]


def _claim(result: FlowResult | CheckResult) -> list[FailurePart]:
    return [
        FailurePart("expected", (safe(str(result.expected)),)),
        FailurePart("seen", (safe(result.seen) or "nothing",)),
    ]


def _flow(result: FlowResult) -> str:
    return f"{safe(result.source)} {arrow(result)} {target(result)}"


def is_lookup(result: FlowResult) -> bool:
    """Whether the flow asked for a name, not for a port."""
    return result.kind is FlowKind.DNS


def arrow(result: FlowResult) -> str:
    return "?" if is_lookup(result) else "->"


def target(result: FlowResult) -> str:
    """`backend:80`, `kube-dns:53/udp`: TCP goes without saying."""
    return safe(result.target.removesuffix("/tcp"))


def _pod(pod: PodRef) -> str:
    facts = [pod.ip or "no address", *([f"node {pod.node}"] if pod.node else [])]
    facts += ["host network"] if pod.host_network else []
    return safe(f"{pod} ({', '.join(facts)})")


def _by_pod(result: FlowResult) -> Iterator[str]:
    """Each pod that was asked, those that failed first, and how many were not."""
    for one in sorted(result.by_pod, key=lambda p: p.verdict is Verdict.AS_EXPECTED):
        yield f"{one.pod.name}  {one.verdict.value}, {safe(one.seen)}"
    if result.by_pod and result.source_pods > len(result.by_pod):
        yield f"{result.source_pods - len(result.by_pod)} more were not asked"


def _few(lines: Sequence[str], most: int, what: str) -> list[str]:
    more = len(lines) - most
    return [*lines[:most], *([f"and {more} more {what}"] if more > 0 else [])]


def _timing(result: FlowResult) -> str:
    rounds = f"{result.rounds} round{'s' if result.rounds != 1 else ''}"
    text = f"{rounds} in {span(result.settled_after)}"
    if result.enforced_after:
        text += f"; the last wrong outcome {span(result.enforced_after)} after the change"
    return text


def _table(evidence: Sequence[Evidence]) -> Iterator[str]:
    """One line for each answer: what was asked, the outcome, how long, the tool's words."""
    shown = evidence[:12]
    subject = max((len(safe(e.subject)) for e in shown), default=0)
    outcome = max((len(seen(e.answer)) for e in shown), default=0)
    for e in shown:
        row = f"{safe(e.subject):<{min(subject, 60)}}  {seen(e.answer):<{outcome}}  "
        yield (row + f"{_seconds(e.answer)}  {_detail(e.answer)}").rstrip()
    if len(evidence) > len(shown):
        yield f"and {len(evidence) - len(shown)} more"


def _records(evidence: Sequence[Evidence]) -> Iterator[str]:
    """What the data plane told of each probe, where it told anything."""
    for e in evidence[:12]:
        if e.fate and e.fate.fate is not Fate.UNTOLD:
            yield f"{safe(e.subject)}  {safe(str(e.fate))}"


def seen(answer: Answer) -> str:
    """An answer in a word or two: `open`, `timeout`, `http 504`."""
    return f"http {answer.status}" if answer.status else answer.outcome.value


def _seconds(answer: Answer) -> str:
    return f"{span(answer.seconds) if answer.seconds else '':>6}"


def _detail(answer: Answer) -> str:
    """The tool's own words, where they say more than the outcome."""
    if answer.outcome is Outcome.TIMEOUT:
        return ""
    if answer.addresses:
        return short(", ".join(answer.addresses), 60)
    said = answer.detail if answer.outcome is not Outcome.OPEN else answer.body
    named = not said or not answer.tool or said.startswith(f"{answer.tool}:")
    return short(said if named else f"{answer.tool}: {said}", 100)


_DIAGNOSES = {
    Diagnosis.NONE: "",
    Diagnosis.POLICY_BUG: "packets do what the policies say, the story says otherwise:"
    " mend the policy, or the story",
    Diagnosis.ENFORCEMENT_GAP: "packets do not do what the policies say:"
    " look at the network plugin, not at the manifests",
    Diagnosis.OTHER_POLICY: "the data plane names another policy than the prediction",
    Diagnosis.BROKEN_PROBE: "the probe did not run, which says nothing about any policy",
}


def _prediction(result: FlowResult) -> Iterator[str]:
    diagnosis = _DIAGNOSES[result.diagnosis]
    if result.predicted:
        yield safe(str(result.predicted)) + (f": {diagnosis}" if diagnosis else "")
    elif diagnosis:
        yield diagnosis


def _causes(result: FlowResult) -> Iterator[str]:
    yield from map(placed, result.causes[:8])
    if len(result.causes) > 8:
        yield f"and {len(result.causes) - 8} more"


def placed(cause: Cause) -> str:
    """A cause with the line that says so, unless its text names it already."""
    text, place = str(cause.text), f"{cause.at.file}:{cause.at.line}" if cause.at else ""
    return safe(text if place in text else f"{text} ({place})")


def _by_hand(result: FlowResult, asked: Sequence[Evidence], context: str) -> Iterator[str]:
    """The commands behind the answers that matter: those that are not as expected first."""
    pod = result.source_pod
    if pod is None:
        return
    where = [f"--context {context}"] if context else []
    where += [f"-n {pod.namespace} {pod.name}", *([f"-c {pod.container}"] if pod.container else [])]
    commands = dict.fromkeys(e.answer.command for e in _telling(result, asked) if e.answer.command)
    for command in list(commands)[:2]:
        yield safe(f"kubectl exec {' '.join(where)} -- {command}")


def _telling(result: FlowResult, asked: Sequence[Evidence]) -> list[Evidence]:
    """The answers in the order in which they explain the verdict."""
    wanted_open = result.verdict in (Verdict.TOO_CLOSED, Verdict.WRONG_ANSWER)
    return sorted(asked, key=lambda e: (e.answer.outcome is Outcome.OPEN) is wanted_open)


def _laid_out(part: FailurePart, width: int) -> Iterator[str]:
    label = f"  {part.label:<{_LABEL}}" if part.label else "  "
    blank = " " * len(label)
    bullet = "- " if len(part.lines) > 1 else ""
    for number, line in enumerate(part.lines):
        head = label if number == 0 else blank
        if part.literal:
            yield head + safe(line)
            continue
        yield from textwrap.wrap(
            line,
            width=max(width, 40),
            initial_indent=head + bullet,
            subsequent_indent=blank + " " * len(bullet),
            break_long_words=False,
            break_on_hyphens=False,
        )
