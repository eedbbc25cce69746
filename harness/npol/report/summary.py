"""A run in a few sentences: how many, which cluster, what the exit code means."""

from __future__ import annotations

import signal
from collections import Counter
from collections.abc import Iterable, Sequence

from npol.errors import SIGNALLED, ExitCode, worst
from npol.model.expectation import Outcome, Verdict
from npol.model.packet_fate import Fate
from npol.model.result import (
    CheckResult,
    ClusterFacts,
    Diagnosis,
    Evidence,
    FlowResult,
    RestoreResult,
    StoryReport,
    Witnesses,
)
from npol.model.verification import FlowVerification, NotVerified
from npol.report.checks import rests_on_itself
from npol.report.escape import safe

Result = FlowResult | CheckResult
SUMMARY_WIDTH = 80

MEANING = {
    ExitCode.AS_EXPECTED: "as expected",
    ExitCode.DIFFERS: "a verdict differs from the story",
    ExitCode.BAD_INPUT: "bad input; nothing was sent to the cluster",
    ExitCode.UNKNOWN: "something could not be judged, so it is not proven",
    ExitCode.REFUSED: "refused by preflight or a guard",
    ExitCode.LOCK: "another run holds the lock, or took it",
    ExitCode.CRASHED: "npol itself broke",
    ExitCode.RESTORE_INCOMPLETE: "the cluster is not as it was found; run `npol recover`",
}
"""What the command line's exit codes say, for people."""


_VERDICTS = {verdict.value for verdict in Verdict}
_NOT_VERIFIED = {
    NotVerified.NO_BASELINE: (
        "the story has no step before its first change (add one to compare with)"
    ),
    NotVerified.POLICIES_NOT_BACK: "not all policies could be put back",
}


def counted(results: Iterable[Result]) -> str:
    """`24 of 26 as expected, 1 too open, 1 unknown, 3 skipped, 2 cannot fail, 4 by packets only`.

    Those "by packets only" are among the rest: they are as expected without a prediction that
    confirms it. `nothing was asked` where there are none.
    """
    found = list(results)
    return ", ".join(_counts(found)) if found else "nothing was asked"


def _counts(results: Iterable[Result]) -> list[str]:
    """The same in parts, the most telling first."""
    verdicts: Counter[Verdict] = Counter()
    skipped = idle = alone = 0
    for result in results:
        if result.skipped:
            skipped += 1
        elif not_counted(result):
            idle += 1
        else:
            verdicts[result.verdict] += 1
        alone += isinstance(result, FlowResult) and _by_packets_only(result)
    asked = sum(verdicts.values())
    parts = [f"{verdicts.pop(Verdict.AS_EXPECTED, 0)} of {asked} as expected"]
    parts += [f"{n} {v.value}" for v in Verdict if (n := verdicts[v])]
    apart = ((skipped, "skipped"), (idle, "cannot fail"), (alone, "by packets only"))
    return [*parts, *(f"{n} {what}" for n, what in apart if n)]


def _by_packets_only(result: FlowResult) -> bool:
    """As expected, and no prediction confirms it: there is none, or packets are trusted more."""
    expected = result.verdict is Verdict.AS_EXPECTED and not result.skipped
    return expected and result.witnesses is not Witnesses.AGREE


def proven_line(report: StoryReport) -> str:
    """
    `79 of 81 denies proven by Cilium`, where it names another policy than is predicted, and how
    many probes no record could be found for; "" where nothing of this is to be told.
    """
    flows = [r for r in report.results if isinstance(r, FlowResult) and not r.skipped]
    unmarked = unmarked_words([e for f in flows for e in f.evidence])
    if not unmarked and not any(e.fate and e.fate.nodes for f in flows for e in f.evidence):
        return ""
    proven = sum(f.proof is not None for f in flows)
    denies = sum(_closed_by_network(f) for f in flows)
    others = sum(f.diagnosis is Diagnosis.OTHER_POLICY for f in flows)
    noun = "deny" if denies == 1 else "denies"
    teller = _TELLERS.get(report.cluster.engine if report.cluster else "", "the data plane")
    said = f"{proven} of {denies} {noun} proven by {teller}" if denies else ""
    by_others = f"{others} decided by another policy than predicted" if others else ""
    return ", ".join(filter(None, (said, by_others, unmarked)))


def unmarked_words(evidence: Iterable[Evidence]) -> str:
    """`5 of 40 probes unmarked (nslookup 3, wget 2)`: judged as where there are no records."""
    asked = [e for e in evidence if e.fate and e.answer.outcome is not Outcome.ERROR]
    tools = Counter(e.answer.tool for e in asked if e.fate and e.fate.fate is Fate.UNMARKED)
    if not tools:
        return ""
    listed = ", ".join(f"{tool or 'other'} {n}" for tool, n in sorted(tools.items()))
    return f"{sum(tools.values())} of {len(asked)} probes unmarked ({listed})"


_TELLERS = {"cilium": "Cilium", "npol-lab": "the lab"}
"""Who tells flow records, by the engine's name."""


def _closed_by_network(flow: FlowResult) -> bool:
    """Expected to be closed and found so, or found closed and proven to be."""
    denied = flow.expected.closed and flow.verdict is Verdict.AS_EXPECTED
    return flow.proof is not None or denied


def not_counted(result: Result) -> str:
    """What is said behind a result that nothing could falsify; "" for all others."""
    places = result.cannot_fail if isinstance(result, CheckResult) else ()
    return f", not counted: {safe(rests_on_itself(places))}" if places else ""


def cluster_line(cluster: ClusterFacts | None) -> str:
    """Which cluster was spoken to; the last line of every run holds it."""
    if cluster is None:
        return "no cluster was spoken to"
    engine = " ".join(p for p in (cluster.engine, cluster.engine_version) if p)
    facts = f"{cluster.server}, Kubernetes {cluster.version}, engine {engine}"
    return safe(f"cluster {cluster.context} ({facts})")


def enforcement_line(cluster: ClusterFacts | None) -> str:
    """Whether policies are known to bite there."""
    return f"enforcement {safe(cluster.enforcement)}" if cluster and cluster.enforcement else ""


def restore_line(restore: RestoreResult | None) -> str:
    """How the cluster was given back."""
    if restore is None:
        return ""
    if not restore.complete:
        remedy = f"; to go on: {safe(restore.remedy)}" if restore.remedy else ""
        return f"restore INCOMPLETE: {safe('; '.join(restore.problems))}{remedy}"
    kept = f"; debug pods kept for an hour: {safe(restore.kept)}" if restore.kept else ""
    if restore.left:
        return f"left applied, as asked; to take it back: {safe(restore.left)}{kept}"
    flows = f", {verification_words(restore.flows)}" if restore.flows else ""
    return f"restored in {restore.seconds:.1f} s{flows}{kept}"


def restore_lines(restore: RestoreResult | None) -> list[str]:
    """The same on a terminal: each thing that is not back has a line, and so has the way on."""
    if restore is None or restore.complete:
        return [line] if (line := restore_line(restore)) else []
    remedy = [f"  to go on: {safe(restore.remedy)}"] if restore.remedy else []
    problems = [f"  {safe(problem)}" for problem in restore.problems]
    return ["restore INCOMPLETE: the cluster is not as it was found", *problems, *remedy]


def verification_words(flows: FlowVerification) -> str:
    """Whether the flows are as before."""
    if flows.not_verified is NotVerified.PROBES_FAILED:
        return f"flows not verified: {safe(flows.error)}"
    if flows.not_verified:
        return f"flows not verified: {_NOT_VERIFIED[flows.not_verified]}"
    if flows.different:
        return _not_verified(flows.different, flows.asked, "not as before")
    if flows.unknown:
        return _not_verified(flows.unknown, flows.asked, "not known")
    return "flows verified by fresh probes" + (f" of step {safe(flows.step)}" if flows.step else "")


def _not_verified(names: Sequence[str], asked: int, how: str) -> str:
    verb = "is" if len(names) == 1 else "are"
    return f"flows not verified: {len(names)} of {asked} {verb} {how}: {safe(names[0])}"


def summary_line(report: StoryReport, width: int = SUMMARY_WIDTH) -> str:
    """
    A whole run in one line: what came of it, how long, the cluster, the exit code.

    The least telling parts are left out where it would be longer than `width`, and dots stand for
    verdicts among them; a cluster's long name loses its middle.
    """
    code = f"exit code {report.exit_status}"
    if report.exit_status > SIGNALLED:
        code += f", {meaning(report.exit_status)}"
    nothing = "nothing was asked" if report.asked_nothing else meaning(report.exit_status)
    counts = _counts(report.results) if report.results else [nothing]
    if nothing_proven_line(report):
        counts[0] = "nothing was proven"
    watched = report.watch.flows if report.watch else ()
    if otherwise := sum(bool(flow.over_budget) for flow in watched):
        counts = [counts[0], f"{otherwise} otherwise while watched", *counts[1:]]
    if report.restore and not report.restore.complete:
        counts = ["NOT RESTORED", *counts]
    where, gave_back = cluster_name(report), _gave_back(report)
    for rest in (f" in {report.seconds:.1f} s{gave_back}", gave_back, ""):
        line = f"{', '.join(counts)}{rest}; {where}: {code}"
        if len(line) <= width:
            return line
    where = _shortened(where, width - len(f"{counts[0]}; : {code}"))
    return _cut_to_fit(counts, f"; {where}: {code}", width)


def _cut_to_fit(counts: Sequence[str], tail: str, width: int) -> str:
    """The first part at least; dots, where there is room, say that verdicts are left out."""
    left = list(counts)
    line, dots = f"{', '.join(left)}{tail}", ""
    while len(left) > 1 and len(line) > width:
        dots = ", ..." if left.pop().partition(" ")[2] in _VERDICTS else dots
        line = f"{', '.join(left)}{dots}{tail}"
    return line if len(line) <= width else f"{left[0]}{tail}"


def nothing_proven_line(report: StoryReport) -> str:
    """Why a run to the end that has results proves nothing; "" where it proves something."""
    ended_early = report.error or report.stopped or any(step.error for step in report.steps)
    if ended_early or not report.results or not report.proved_nothing:
        return ""
    skipped = any(r.skipped for r in report.results)
    idle = any(not r.skipped for r in report.results)
    why = ("was skipped" if skipped else "", "reads back what the run itself wrote" if idle else "")
    return f"nothing was proven: all that the story asks {' or '.join(filter(None, why))}"


def _gave_back(report: StoryReport) -> str:
    restore = report.restore
    if restore is None or not restore.complete:
        return ""
    return ", left applied" if restore.left else ", restored" if restore.actions else ""


def cluster_name(report: StoryReport) -> str:
    """`cluster dev`."""
    return safe(f"cluster {report.cluster.context}") if report.cluster else "no cluster"


def _shortened(name: str, most: int) -> str:
    """The ends of a long name, which tell clusters apart better than its middle."""
    most = max(most, 20)
    half = (most - 3) // 2
    return name if len(name) <= most else f"{name[:half]}...{name[-(most - 3 - half) :]}"


def last_line(report: StoryReport) -> str:
    """The cluster with its server, and the exit code with its meaning."""
    return f"{cluster_line(report.cluster)}: {_exit_words(report.exit_status)}"


def together_line(reports: Sequence[StoryReport]) -> str:
    """Several runs in one line: `3 stories: 40 of 41 as expected, 1 too open: exit code 1, ...`."""
    stories = "1 story" if len(reports) == 1 else f"{len(reports)} stories"
    results = counted(result for report in reports for result in report.results)
    return f"{stories}: {results}: {_exit_words(worst(r.exit_status for r in reports))}"


def _exit_words(status: int) -> str:
    return f"exit code {status}, {meaning(status)}"


def meaning(status: int) -> str:
    """What the exit code says."""
    if status > SIGNALLED:
        return f"stopped by {signal.Signals(status - SIGNALLED).name}"
    return MEANING[ExitCode(status)]


def cost_line(report: StoryReport) -> str:
    """What the run took."""
    execs = "1 exec" if report.execs == 1 else f"{report.execs} execs"
    return f"{report.seconds:.1f} s, {execs}, {report.requests} API requests"


def in_a_lab_of_its_own(report: StoryReport) -> bool:
    """Whether the cluster ended with the run: a green run leaves nothing there to know of."""
    return report.cluster is not None and not report.cluster.options


def failures(report: StoryReport) -> list[Result]:
    """Every result that is not as expected, in the order of the story."""
    return [r for r in report.results if not r.passed]
