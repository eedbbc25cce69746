"""
Failures of one cause, explained: the text that pytest and the command line show.

The line to blame, the flows that it fails, and of the first of them the whole evidence: between
which pods, by which address, with which controls; what the policies say; how to ask again.
"""

from __future__ import annotations

import enum
import itertools
import shlex
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from npol.model.causes import Cause
from npol.model.expectation import Outcome, Verdict
from npol.model.flow_summary import FlowSummary
from npol.model.packet_fate import Fate
from npol.model.probe import Answer, PodRef, Role
from npol.model.result import CheckResult, Diagnosis, Evidence, FlowResult, StoryReport
from npol.model.story import FlowKind
from npol.report.causes import cause_words, fact_words, prediction_words
from npol.report.escape import safe, short
from npol.report.failure_groups import FailureGroup, guilty
from npol.report.fresh_words import start_words
from npol.report.pairs import pair_rows
from npol.report.seen_and_why import expected_words, seen_words, why_words
from npol.report.summary import Result, by_records, span

WIDTH = 100
MOST_LISTED = 20
"""Flows of one cause that are listed; the marks and the other reports have the rest."""
_LABEL = 11
DEBUG_CONTAINER = "npol"
"""The container of a debug pod, which is gone after its run."""
_CONTROLS = (Role.SELF, Role.ALIVE, Role.SENDS, Role.BESIDE)


class Layout(enum.Enum):
    """How the lines of a part stand."""

    BULLETS = "bullets"  # sentences, each wrapped; a bullet before each of several
    LINES = "lines"  # the same without bullets
    COLUMNS = "columns"  # rows of a table, wrapped only where they are too long
    COMMANDS = "commands"  # for copying: never broken


@dataclass(frozen=True, slots=True)
class FailurePart:
    """A labelled paragraph."""

    label: str
    lines: tuple[str, ...]
    layout: Layout = Layout.BULLETS

    @property
    def literal(self) -> bool:
        """Whether its spaces mean something."""
        return self.layout in (Layout.COLUMNS, Layout.COMMANDS)


@dataclass(frozen=True, slots=True, kw_only=True)
class AskAgain:
    """How commands name what they are about."""

    cluster: str = ""
    """`--context dev --kubeconfig FILE`; "" for a lab."""
    rerun: str = ""
    """The command that runs it all again; "" where that is said elsewhere."""
    kept: bool = False
    """Whether the debug pods are still there."""

    @staticmethod
    def of(report: StoryReport) -> AskAgain:
        """What a run says of itself."""
        kept = report.restore is not None and bool(report.restore.kept)
        return AskAgain(cluster=report.cluster.options if report.cluster else "", kept=kept)


IN_A_LAB = AskAgain()


def failure_text(group: FailureGroup, again: AskAgain | None = IN_A_LAB, width: int = WIDTH) -> str:
    """
    The whole explanation, without colours.

    `again`: None where no command asks it again. `width`: columns to wrap at; commands stay whole.
    """
    lines = [f"{heading(group)}{aside(group)}"]
    for part in failure_parts(group, again):
        lines += _laid_out(part, width)
    return "\n".join(lines)


def heading(group: FailureGroup) -> str:
    """`TOO OPEN: frontend loses the database`, `TOO CLOSED: 8 flows, one cause`."""
    verdicts = ", ".join(dict.fromkeys(r.verdict.value.upper() for r in group.results))
    many = len(group.results)
    return f"{verdicts}: {safe(group.first.name) if many == 1 else f'{many} flows, one cause'}"


def aside(group: FailureGroup) -> str:
    """`  (step deny all)`, where it is one step."""
    steps = list(dict.fromkeys(r.step for r in group.results))
    return f"  (step {safe(steps[0])})" if len(steps) == 1 else f"  ({len(steps)} steps)"


def failure_parts(group: FailureGroup, again: AskAgain | None = IN_A_LAB) -> list[FailurePart]:
    """The explanation in paragraphs, for pages that lay them out themselves."""
    result = group.first
    parts = [*blame_parts(group), *_flows_of(group)]
    if isinstance(result, CheckResult):
        parts.append(_why(result))
    else:
        parts += evidence_parts(result)
    parts += _commands(result, again) if again else []
    return [p for p in parts if p.lines]


def _commands(result: Result, again: AskAgain) -> list[FailurePart]:
    probe: tuple[str, ...] = ()
    if isinstance(result, FlowResult) and not result.expected.held:
        probe = (probe_command(result, again.cluster), *exec_commands(result, again))
    rerun = (again.rerun,) if again.rerun else ()
    return [
        FailurePart("by hand", probe, Layout.COMMANDS),
        FailurePart("again", rerun, Layout.COMMANDS),
    ]


def blame_parts(group: FailureGroup) -> list[FailurePart]:
    """The line to blame with what is wrong in it, and what would mend it."""
    cause, result = group.guilty, group.first
    if cause is None or isinstance(result, CheckResult):
        return []
    place = (f"{cause.at.file}:{cause.at.line}",) if cause.at else ()
    words = cause_words(cause) if len(group.results) == 1 else fact_words(cause.what)
    return [
        FailurePart("cause", tuple(map(safe, (*place, words))), Layout.LINES),
        FailurePart("fix", tuple(map(placed, result.fixes))),
    ]


def _flows_of(group: FailureGroup) -> list[FailurePart]:
    """The one flow with its claim, or a line for each."""
    first = group.first
    if len(group.results) > 1:
        listed = FailurePart("flows", tuple(_listed(group.results)), Layout.COLUMNS)
        return [listed, FailurePart("in full", (safe(first.name),))]
    place = f"{first.at.file}:{first.at.line}"
    flow = f"   {_flow(first)}" if isinstance(first, FlowResult) else ""
    return [FailurePart("", (f"{safe(place)}{flow}",)), *_claim(first)]


def _listed(results: Sequence[Result]) -> Iterator[str]:
    """`31  frontend -> db:5432  allow, seen timeout`, below the name of their file."""
    shown = results[:MOST_LISTED]
    name = min(40, max(len(safe(r.name)) for r in shown))
    line = max(len(str(r.at.line)) for r in shown)
    for file, rows in itertools.groupby(shown, key=lambda r: r.at.file):
        yield safe(file)
        for r in rows:
            said = f"{expected_words(r)}, seen {safe(seen_words(r)) or 'nothing'}"
            yield f"{r.at.line:>{line}}  {short(r.name, 40):<{name}}  {said}"
    if len(results) > MOST_LISTED:
        yield f"and {len(results) - MOST_LISTED} more"


def answer_text(result: FlowResult, width: int = WIDTH) -> str:
    """One flow with its evidence, whatever its verdict: `web -> db:5432: timeout`."""
    lines = [f"{safe(result.name)}: {safe(seen_words(result)) or 'no answer'}"]
    group = FailureGroup.of(result)
    parts = [] if result.passed else [FailurePart("verdict", (result.verdict.value,))]
    for part in (*parts, *blame_parts(group), *evidence_parts(result)):
        lines += _laid_out(part, width) if part.lines else []
    return "\n".join(lines)


def evidence_parts(result: FlowResult) -> list[FailurePart]:
    """All that is known of one flow, but for its claim and the line to blame."""
    controls = [e for e in result.evidence if e.role in _CONTROLS]
    asked = [e for e in result.evidence if e.role not in _CONTROLS]
    return [
        _why(result),
        FailurePart("source", tuple(_pod(p) for p in (result.source_pod,) if p)),
        FailurePart("its pods", tuple(_few(list(_by_pod(result)), 10, "pods")), Layout.COLUMNS),
        FailurePart("pairs", tuple(_pairs(result)), Layout.COLUMNS),
        FailurePart("target", tuple(_few([_pod(p) for p in result.target_pods], 4, "pods"))),
        FailurePart("asked", (_timing(result),) if result.rounds else ()),
        FailurePart("evidence", tuple(_table(asked)), Layout.COLUMNS),
        FailurePart("controls", tuple(_table(controls)), Layout.COLUMNS),
        FailurePart("beside it", tuple(_few([*map(_summary, result.told_beside)], 4, "flows"))),
        FailurePart("predicted", tuple(_prediction(result))),
        FailurePart("policies", tuple(_causes(result))),
    ]


def _summary(told: FlowSummary) -> str:
    """`Calico, ingress, 22:40:00 to 22:40:15 UTC: denied by default: NetworkPolicy shop/deny`."""
    start, end = (f"{datetime.fromtimestamp(t, UTC):%H:%M:%S}" for t in (told.start, told.end))
    denied = f"denied{' by default' if told.by_default else ''}"
    names = f": {', '.join(map(str, told.policies))}" if told.policies else ""
    did = denied if told.denied else "allowed"
    return safe(f"Calico, {told.side.value}, {start} to {end} UTC: {did}{names}")


def exec_commands(result: FlowResult, again: AskAgain) -> list[str]:
    """The probes behind the answers, inside a pod that is still there; the first two."""
    pod = result.source_pod
    if pod is None or not (again.kept or pod.container != DEBUG_CONTAINER):
        return []
    container = f" -c {pod.container}" if pod.container else ""
    where = f"kubectl exec {again.cluster} -n {pod.namespace} {pod.name}{container}"
    asked = (e.answer.command for e in result.evidence if e.role not in _CONTROLS)
    return [
        safe(f"{where} -- {command}") for command in list(dict.fromkeys(filter(None, asked)))[:2]
    ]


def probe_command(result: FlowResult, cluster: str) -> str:
    """The command that asks this flow, or the pair of it that is shown, up to its step."""
    name, expected = result.name, []
    if result.pairs:
        pair, port = result.pairs.shown, target(result).rpartition(":")[2]
        name = f"{pair.source} -> {pair.target}:{port}" if pair.target else name
        expected = ["--expect", str(result.expected)] if pair.target else []
    words = ["npol", "probe", name, "--story", result.at.file, "--at", result.step, *expected]
    return safe(f"{shlex.join(words)}{f' {cluster}' if cluster else ''}")


def _claim(result: FlowResult | CheckResult) -> list[FailurePart]:
    return [
        FailurePart("expected", (safe(expected_words(result)),)),
        FailurePart("seen", (safe(seen_words(result)) or "nothing",)),
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


def _pairs(result: FlowResult) -> Iterator[str]:
    """Those that failed; all other parts are about the one that is shown."""
    if result.pairs and not result.passed:
        yield from _few(list(pair_rows(result.pairs)), MOST_LISTED, "pairs")
        if len(result.pairs.failing) > 1:
            yield f"in full: {safe(str(result.pairs.shown))}"


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
    if result.enforced_between:
        text += f"; {by_records(result.enforced_between)}"
    if result.fresh:
        text += f"; {start_words(result.fresh)}"
    return text


def _table(evidence: Sequence[Evidence]) -> Iterator[str]:
    """One line for each answer: what was asked, the outcome, how long, the tool's words."""
    shown = evidence[:12]
    subject = max((len(safe(e.subject)) for e in shown), default=0)
    outcome = max((len(seen(e.answer)) for e in shown), default=0)
    for e in shown:
        row = f"{safe(e.subject):<{min(subject, 60)}}  {seen(e.answer):<{outcome}}  "
        words = "; ".join(w for w in (_detail(e.answer), recorded(e)) if w)
        yield f"{row}{_seconds(e.answer)}  {words}".rstrip()
    if len(evidence) > len(shown):
        yield f"and {len(evidence) - len(shown)} more"


def recorded(e: Evidence) -> str:
    """What the data plane told of a probe; "" where it told nothing."""
    silent = e.fate is None or e.fate.fate in (Fate.UNTOLD, Fate.UNMARKED)
    return "" if silent else safe(str(e.fate))


def seen(answer: Answer) -> str:
    """An answer in a word or two: `open`, `timeout`, `http 504`."""
    return f"http {answer.status}" if answer.status else answer.outcome.value


def _seconds(answer: Answer) -> str:
    return f"{span(answer.seconds) if answer.seconds else '':>6}"


def _why(result: Result) -> FailurePart:
    return FailurePart("why", (safe(words),) if (words := why_words(result)) else ())


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
    Diagnosis.POLICY_BUG: "packets agree: mend the policy, or the story",
    Diagnosis.ENFORCEMENT_GAP: "packets do not do what the policies say:"
    " look at the network plugin, not at the manifests",
    Diagnosis.OTHER_POLICY: "the data plane names another policy than the prediction",
    Diagnosis.BROKEN_PROBE: "the probe did not run, which says nothing about any policy",
}


_HELD_AS_FORETOLD = (
    "packets agree, and no policy changes that: network plugins differ in what becomes of open"
    " connections (expect: {calico: lives, cilium: cut})"
)


def _prediction(result: FlowResult) -> Iterator[str]:
    diagnosis = _DIAGNOSES[result.diagnosis]
    if result.expected.held and result.diagnosis is Diagnosis.POLICY_BUG:
        diagnosis = _HELD_AS_FORETOLD
    if result.predicted:
        yield safe(prediction_words(result.predicted)) + (f": {diagnosis}" if diagnosis else "")
    elif diagnosis:
        yield diagnosis


def _causes(result: FlowResult) -> Iterator[str]:
    """The policies' reasons, without the one that is blamed."""
    blamed = guilty(result)
    others = [c for c in result.causes if c is not blamed]
    yield from map(placed, others[:8])
    if len(others) > 8:
        yield f"and {len(others) - 8} more"


def placed(cause: Cause) -> str:
    """A cause with the line that says so, unless its text names it already."""
    text, place = cause_words(cause), f"{cause.at.file}:{cause.at.line}" if cause.at else ""
    return safe(text if place in text else f"{text} ({place})")


def _laid_out(part: FailurePart, width: int) -> Iterator[str]:
    label = f"  {part.label:<{_LABEL}}" if part.label else "  "
    blank = " " * len(label)
    bullet = "- " if len(part.lines) > 1 and part.layout is Layout.BULLETS else ""
    hanging = 2 if bullet or part.layout is Layout.COLUMNS else 0
    for number, line in enumerate(part.lines):
        head = label if number == 0 else blank
        if part.literal and (part.layout is Layout.COMMANDS or len(head + line) <= width):
            yield head + safe(line)
            continue
        yield from textwrap.wrap(
            line,
            width=max(width, 40),
            initial_indent=head + bullet,
            subsequent_indent=blank + " " * hanging,
            break_long_words=False,
            break_on_hyphens=False,
        )
