"""
`npol check`: is it well written, and is it covered?

What only stories, a cluster or another format need is imported where it is asked for: a commit hook
that checks one chart would wait longest for that.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from npol import __version__
from npol.cli import inputs
from npol.cli.arguments.check import CheckArguments, CheckFormat
from npol.cli.check_fix import fix_files
from npol.cli.check_repository import check_repositories, each_once
from npol.cli.rendered import rendered, to_be_rendered
from npol.cli.streams import say
from npol.errors import PRECEDENCE, ExitCode, InputError
from npol.model.change import Apply
from npol.model.story import Story
from npol.policy.lint import LintFinding, LintRule, Severity, of_files
from npol.policy.objects.dialects import CALICO, Dialect
from npol.policy.state.cluster_state import ClusterState
from npol.report.escape import safe
from npol.story import Survey
from npol.story_suffixes import STORY_SUFFIXES


def check(arguments: CheckArguments) -> int:
    if arguments.schema:
        from npol.story.schema.json_schema import schema

        say(json.dumps(schema(), indent=2))
        return ExitCode.AS_EXPECTED
    if arguments.lab and not arguments.mutated:
        raise InputError("--lab requires --mutate", hint="add --mutate")
    source = to_be_rendered(arguments)
    paths = arguments.paths or []
    if not source and not paths:
        raise InputError("name what is to be checked", hint="paths, --helm CHART, --kustomize DIR")
    stories = _stories(paths, arguments.root)
    seen = _seen(arguments)
    dialect = inputs.spoken(arguments.engine) or seen.dialect
    repositories = [p for p in paths if Path(p).is_dir() and not any(_story_files([p]))]
    looked_at = _looked_at([p for p in paths if p not in repositories], stories, arguments.root)
    found = check_repositories(
        repositories,
        looked_at.manifests,
        arguments.root,
        seen.world,
        dialect,
        named=[rendered(source, arguments.root, "")] if source else [],
    )
    findings = [
        *of_files(looked_at.unreadable, looked_at.left_out),
        *_not_meant(found.findings, stories),
        *_of_stories(stories),
    ]
    fixed = fix_files(findings, arguments.root) if arguments.fix else []
    findings = [f for f in findings if f not in fixed]
    _print(findings, arguments.shape, fixed, found.lines)
    worst = ExitCode.UNKNOWN if found.incomplete else ExitCode.AS_EXPECTED
    least = Severity(arguments.fail_on.value)
    if any(f.severity.counts_as(least) for f in findings):
        worst = ExitCode.DIFFERS
    return _exercised(arguments, stories, dialect, worst)


def _stories(paths: Sequence[str], root: str | None) -> list[Story]:
    if not (files := list(_story_files(paths))):
        return []
    from npol.story import load_story

    return [load_story(file, root=root) for file in files]


def _seen(arguments: CheckArguments) -> inputs.Inputs:
    if arguments.context:
        from npol.cli.cluster_inputs import of_cluster

        return of_cluster(arguments.kubeconfig, arguments.context, pods_to_come=True)
    return inputs.Inputs(world=ClusterState())


def _exercised(
    arguments: CheckArguments, stories: Sequence[Story], dialect: Dialect, worst: ExitCode
) -> int:
    """How stories exercise the policies, where that was asked; the worst of all."""
    if not arguments.covered and not arguments.mutated:
        return worst
    from npol.cli.check_stories import print_coverage, print_mutation

    if arguments.covered:
        print_coverage(stories, dialect)
    if not arguments.mutated:
        return worst
    if arguments.lab:
        from npol.cli.mutation import print_lab_mutation

        survived = print_lab_mutation(stories, arguments.most)
    else:
        survived = print_mutation(stories, inputs.spoken(arguments.engine) or CALICO)
    return next(code for code in PRECEDENCE if code in (worst, survived))


def _of_stories(stories: Sequence[Story]) -> Iterator[LintFinding]:
    if not stories:
        return
    from npol.policy.lint.story_claims import story_claims
    from npol.policy.lint.story_ends import story_ends

    for story in stories:
        yield from story_ends(story)
        yield from story_claims(story)


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
        elif path.name.endswith(STORY_SUFFIXES):
            yield str(path)


def _looked_at(paths: Sequence[str], stories: Sequence[Story], root: str | None) -> Survey:
    """What the stories give and apply, and all manifests that are named beside them."""
    of_stories = [m for story in stories for m in (*story.given, *story.applied)]
    others = [p for p in paths if not any(_story_files([p]))]
    beside = inputs.surveyed(others, root) if others else Survey(manifests=())
    return replace(beside, manifests=each_once((*of_stories, *beside.manifests)))


def _print(
    findings: Sequence[LintFinding],
    shape: CheckFormat,
    fixed: Sequence[LintFinding],
    scope: Iterable[str],
) -> None:
    if shape is CheckFormat.SARIF:
        from npol.policy.lint.sarif import sarif

        say(json.dumps(sarif(findings, version=__version__), indent=2))
        return
    if shape is CheckFormat.GITHUB:
        from npol.policy.lint.sarif import github_annotations

        lines = [_command(line) for line in github_annotations(findings)]
    else:
        lines = [safe(str(finding)) for finding in findings]
    for line in lines:
        say(line)
    for one in fixed if shape is CheckFormat.TEXT else ():
        say(safe(f"fixed: {one.at}: {one.id}: {one.fix}"))
    if shape is CheckFormat.TEXT:
        say(f"{len(findings)} finding(s)" + (f", {len(fixed)} fixed" if fixed else ""))
        for line in scope:
            say(safe(line))
