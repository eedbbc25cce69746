"""
The page of record in Markdown: the same input always gives the same text.

It stands between two marks, so that a page may hold more than what is written here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from npol.model.described_policy import PolicyLine
from npol.model.policy_document import DocumentedPolicy, DocumentedStep, LabelNeed, PolicyDocument
from npol.report.described_policy import line_words
from npol.report.escape import code, fenced, markdown, safe

BEGIN = "<!-- npol document: begin -->"
END = "<!-- npol document: end -->"
NOWHERE = "no namespace now"
CLUSTER = "The whole cluster"


def page_markdown(page: PolicyDocument) -> str:
    """The page, marks included."""
    parts = (
        _head(page),
        _policies(page),
        _flows(page),
        _labels(page.labels),
        _order(page),
        _rollback(page),
        _steps(page.steps),
    )
    blocks = ["\n".join(part) for part in map(list, parts) if part]
    return "\n\n".join([BEGIN, *blocks, END]) + "\n"


def _head(page: PolicyDocument) -> Iterator[str]:
    yield f"# {markdown(page.title)}: network policies"
    yield ""
    yield f"Written by {code(page.command)}; write it again when policies or the story change."
    yield "Paths are relative to where that command names its file, and commands are run there."
    yield ""
    yield markdown(page.state)
    if page.facts:
        yield ""
        yield from (f"- {markdown(fact)}" for fact in page.facts)


def _policies(page: PolicyDocument) -> Iterator[str]:
    yield "## What the policies mean"
    for namespace in dict.fromkeys(p.namespace for p in page.policies):
        yield f"\n### {f'Namespace {markdown(namespace)}' if namespace else CLUSTER}"
        for policy in (p for p in page.policies if p.namespace == namespace):
            yield from _policy(policy)
    if not page.policies:
        yield "\nThere are none."
    if page.refused:
        yield "\nOf no effect:\n"
        yield from (f"- {markdown(str(policy))}" for policy in page.refused)
    if page.missing:
        yield "\nNot applied, although a file holds them:\n"
        yield from (f"- {markdown(name)}" for name in page.missing)


def _policy(policy: DocumentedPolicy) -> Iterator[str]:
    place = f" ({code(policy.place)})" if policy.place else ""
    yield f"\n**{markdown(policy.name)}**{place}\n"
    yield from map(_line, policy.lines)
    if policy.applied:
        yield f"- {markdown(policy.applied)}"


def _line(line: PolicyLine) -> str:
    """Rules are told one level deeper than what they belong to."""
    text = markdown(line_words(line))
    if not line.nested:
        return f"- {text}"
    return f"  - {text}" + (f" (line {line.at.line})" if line.at else "")


def _flows(page: PolicyDocument) -> Iterator[str]:
    yield "## Who may reach whom"
    if page.peers:
        yield "\n| peer | is |\n|---|---|"
        yield from (f"| {markdown(name)} | {markdown(who)} |" for name, who in page.peers)
    if page.flows:
        yield "\n| from | to | | by | asked in step |\n|---|---|---|---|---|"
        for flow in page.flows:
            cells = (flow.source, flow.target, flow.answer)
            because = "<br>".join(map(markdown, flow.because))
            asked = markdown(flow.asked_in) or "none: by the policies' meaning alone"
            yield f"| {' | '.join(map(markdown, cells))} | {because} | {asked} |"
    if page.matrix:
        yield "\nGroups of pods that the policies cannot tell apart, by the policies' meaning:\n"
        yield page.matrix.rstrip("\n")


def _labels(needs: Sequence[LabelNeed]) -> Iterator[str]:
    yield "## Labels that must be there"
    if not needs:
        yield "\nNo policy asks for any."
        return
    yield "\n| of | labels | carried by | needed by |\n|---|---|---|---|"
    for need in needs:
        carried = _listed(need.carried_by) or "**nothing now**"
        of = "namespaces" if need.pods_in is None else f"pods in {need.pods_in or NOWHERE}"
        labels = code(need.labels).replace("|", r"\|")
        cells = (markdown(of), labels, carried, _listed(need.needed_by))
        yield f"| {' | '.join(cells)} |"


def _listed(names: Iterable[str]) -> str:
    return "<br>".join(map(markdown, names))


def _order(page: PolicyDocument) -> Iterator[str]:
    yield "## Order of application\n"
    yield from (f"{n}. {code(file)}" for n, file in enumerate(page.files, 1))
    if page.applying:
        yield f"\nBy hand, one line per namespace:\n\n{_lines(page.applying)}"


def _rollback(page: PolicyDocument) -> Iterator[str]:
    yield "## Rollback\n"
    if page.rollback:
        yield f"{_lines([page.rollback])}\n"
        yield "deletes what the story applies, puts back what was there before, and asks the flows"
        yield "below again; with `--dry-run` it shows that every path resolves and what would go.\n"
    yield "By hand, one line per namespace, the last applied first:\n"
    yield _lines(page.deleting)
    yield "\nThen no policy of these files is left:\n"
    yield _lines(page.verifying)
    if page.proof:
        yield "\nand all of this holds again:\n"
        yield from (f"- {markdown(line)}" for line in page.proof)


def _lines(commands: Iterable[str]) -> str:
    return fenced("\n".join(map(safe, commands)) or "# nothing to do")


def _steps(steps: Sequence[DocumentedStep]) -> Iterator[str]:
    if not steps:
        return
    yield "## What is checked by which step"
    yield "\n| step | changes | asks |\n|---|---|---|"
    for step in steps:
        flows = f"{step.flows} flow{'' if step.flows == 1 else 's'}"
        asks = _listed([flows, *step.checks])
        yield f"| {markdown(step.name)} | {_listed(step.changes) or 'nothing'} | {asks} |"
