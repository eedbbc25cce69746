"""`npol check`: is it well written, and is it covered?"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from npol import __version__
from npol.cli import inputs
from npol.cli.arguments.check import CheckArguments, CheckFormat
from npol.cli.check_repository import check_repositories
from npol.cli.mutation import print_lab_mutation
from npol.cli.streams import say
from npol.errors import PRECEDENCE, ExitCode, InputError
from npol.model.story import Apply, Manifest, Story
from npol.mutation.score import MutantResult, mutate
from npol.policy.lint import LintFinding, LintRule, Severity, of_files
from npol.policy.lint.sarif import github_annotations, sarif
from npol.policy.objects.dialects import CALICO, Dialect
from npol.policy.simulate.coverage import coverage
from npol.policy.simulate.forecast import forecast
from npol.policy.simulate.simulated_steps import scenes
from npol.policy.state.cluster_state import ClusterState
from npol.report.escape import safe
from npol.story import Survey, load_story

_PLAIN = re.compile(r"(?!(?i:true|false|null|yes|no|on|off)$)[A-Za-z][\w./-]*( [a-z]+)*")
"""Text that YAML takes for text without quotes."""


def check(arguments: CheckArguments) -> int:
    if arguments.lab and not arguments.mutated:
        raise InputError("--lab requires --mutate", hint="add --mutate")
    stories = [load_story(file, root=arguments.root) for file in _story_files(arguments.paths)]
    repositories = [p for p in arguments.paths if Path(p).is_dir() and not any(_story_files([p]))]
    files = [p for p in arguments.paths if p not in repositories]
    looked_at = _looked_at(files, stories, arguments.root)
    seen = (
        inputs.of_cluster(arguments.kubeconfig, arguments.context)
        if arguments.context
        else inputs.Inputs(world=ClusterState())
    )
    dialect = inputs.spoken(arguments.engine) or seen.dialect
    found = check_repositories(
        repositories, looked_at.manifests, arguments.root, seen.world, dialect
    )
    findings = [
        *of_files(looked_at.unreadable, looked_at.left_out),
        *_not_meant(found.findings, stories),
    ]
    scope = () if arguments.covered or arguments.mutated else found.lines
    _print(findings, arguments.shape, scope)
    worst = ExitCode.UNKNOWN if found.incomplete else ExitCode.AS_EXPECTED
    if any(f.severity is Severity.ERROR for f in findings):
        worst = ExitCode.DIFFERS
    if arguments.covered:
        _print_coverage(stories, dialect)
    if arguments.mutated:
        reader = inputs.spoken(arguments.engine) or CALICO
        survived = (
            print_lab_mutation(stories, arguments.most)
            if arguments.lab
            else _print_mutation(stories, reader)
        )
        return next(code for code in PRECEDENCE if code in (worst, survived))
    return worst


def _not_meant(findings: Iterable[LintFinding], stories: Iterable[Story]) -> Iterator[LintFinding]:
    """The findings without names that stand twice because the steps of a story apply in turn."""
    in_turn = {place for story in stories for place in _applied_again(story)}
    for finding in findings:
        place = (finding.subject, finding.at.file if finding.at else "")
        if finding.rule is not LintRule.SAME_NAME or place not in in_turn:
            yield finding


def _applied_again(story: Story) -> Iterator[tuple[str, str]]:
    """Name and file of each manifest whose object an earlier change has applied."""
    applied: set[str] = set()
    for change in story.changes:
        if isinstance(change, Apply):
            named = {f"{m.namespace}/{m.name}": m.at.file for m in change.manifests}
            yield from ((name, file) for name, file in named.items() if name in applied)
            applied |= named.keys()


def _command(line: str) -> str:
    """A workflow command that is one, and holds no other."""
    properties, _, text = line.removeprefix("::").partition("::")
    return f"::{safe(properties)}::{safe(text)}"


def _story_files(paths: Sequence[str]) -> Iterator[str]:
    for path in map(Path, paths):
        if path.is_dir():
            yield from sorted(str(p) for p in path.rglob("*.npol.y*ml"))
        elif path.name.endswith((".npol.yaml", ".npol.yml")):
            yield str(path)


def _looked_at(paths: Sequence[str], stories: Sequence[Story], root: str | None) -> Survey:
    """What the stories give and apply, and all manifests that are named beside them."""
    found: dict[str, Manifest] = {}
    for story in stories:
        for manifest in (*story.given, *story.applied):
            found.setdefault(str(manifest.at), manifest)
    others = [p for p in paths if not any(_story_files([p]))]
    beside = inputs.surveyed(others, root) if others else Survey(manifests=())
    for manifest in beside.manifests:
        found.setdefault(str(manifest.at), manifest)
    return replace(beside, manifests=tuple(found.values()))


def _print(findings: Sequence[LintFinding], shape: CheckFormat, scope: Iterable[str] = ()) -> None:
    if shape is CheckFormat.SARIF:
        say(json.dumps(sarif(findings, version=__version__), indent=2))
        return
    if shape is CheckFormat.GITHUB:
        lines = [_command(line) for line in github_annotations(findings)]
    else:
        lines = [safe(str(finding)) for finding in findings]
    for line in lines:
        say(line)
    if shape is CheckFormat.TEXT:
        say(f"{len(findings)} finding(s)")
        for line in scope:
            say(safe(line))


def _print_coverage(stories: Sequence[Story], dialect: Dialect) -> None:
    found = coverage((scene for story in stories for scene in scenes(story)), dialect)
    for item in found.uncovered:
        say(safe(f"{item.origin}: no flow exercises this {item.kind}: {item.what}"))
    total = len(found.items)
    say(f"coverage: {total - len(found.uncovered)} of {total} items, {found.share:.0%}")


def _print_mutation(stories: Sequence[Story], dialect: Dialect) -> int:
    """What no prediction is made of may notice mutants, or not: that is counted apart."""
    survivors = unknown = 0
    for story in stories:
        for step in forecast(scenes(story), dialect.name):
            unknown += len(step.not_foretold)
            for flow in step.not_foretold:
                name = f"{step.step} :: {flow.flow.name}"
                say(safe(f"cannot be foretold: {name}: {flow.prediction}"))
        found = mutate(story, dialect)
        survivors += len(found.survivors)
        for result in (*found.survivors, *found.unkillable, *found.equivalent):
            for line in _told(result):
                say(safe(line))
        say(
            f"mutation of {story.name}: {len(found.noticed)} of {len(found.results)} noticed, "
            f"{len(found.survivors)} survived, {len(found.unkillable)} not provable, "
            f"{len(found.equivalent)} make no difference"
        )
    if survivors:
        return int(ExitCode.DIFFERS)
    return int(ExitCode.UNKNOWN if unknown else ExitCode.AS_EXPECTED)


def _told(result: MutantResult) -> Iterator[str]:
    if result.add:
        yield f"survived: {result.mutant}"
        yield f"  add to step {result.add.step!r}: - {_flow_style(result.add.flow)}"
        if result.add.open_in:
            first = {**result.add.flow, "expect": "refused"}
            yield f"  and to step {result.add.open_in!r}: - {_flow_style(first)}"
        for name, entry in result.add.peers.items():
            yield f"  with the peer {name}: {_flow_style(entry)}"
    elif result.unkillable:
        yield f"not provable: {result.mutant}: {result.unkillable}"
    elif result.equivalent:
        yield f"equivalent mutant: {result.mutant}: no flow between what is here differs"


def _flow_style(value: Any) -> str:
    """As people write it on one line of YAML."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{k}: {_flow_style(v)}" for k, v in value.items()) + "}"
    text = str(value)
    return text if _PLAIN.fullmatch(text) or isinstance(value, int) else json.dumps(text)
