"""`npol check`: is it well written, and is it covered?"""

from __future__ import annotations

import enum
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

import typer

from harness import __version__
from harness.cli import worlds
from harness.cli.options import Context, Kubeconfig, Root
from harness.model.story import Apply, Manifest, Story
from harness.policy.coverage import coverage
from harness.policy.lint import Finding, Severity, lint
from harness.policy.mutate import mutate
from harness.policy.sarif import github_annotations, sarif
from harness.policy.scenes import scenes
from harness.policy.world import World
from harness.report.escape import safe
from harness.story import load_story


class Format(enum.StrEnum):
    """How findings are written."""

    TEXT = "text"
    SARIF = "sarif"
    GITHUB = "github"


def check(
    paths: Annotated[list[str], typer.Argument(metavar="PATHS...", help="Stories, manifests.")],
    shape: Annotated[Format, typer.Option("--format", help="How findings are written.")] = (
        Format.TEXT
    ),
    covered: Annotated[
        bool, typer.Option("--coverage", help="Which rules, peers, ports no flow exercises.")
    ] = False,
    mutated: Annotated[
        bool, typer.Option("--mutate", help="Would the stories notice a changed policy?")
    ] = False,
    context: Context = None,
    kubeconfig: Kubeconfig = None,
    root: Root = None,
) -> int:
    stories = [load_story(file, root=root) for file in _story_files(paths)]
    objects = _manifests(paths, stories, root)
    world = worlds.of_cluster(kubeconfig, context).world if context else World()
    findings = lint(objects, world)
    _print(findings, shape)
    worst = 1 if any(f.severity is Severity.ERROR for f in findings) else 0
    if covered:
        _print_coverage(stories)
    return max(worst, _print_mutation(stories) if mutated else 0)


def _story_files(paths: Sequence[str]) -> Iterator[str]:
    for path in map(Path, paths):
        if path.is_dir():
            yield from sorted(str(p) for p in path.rglob("*.npol.y*ml"))
        elif path.name.endswith((".npol.yaml", ".npol.yml")):
            yield str(path)


def _manifests(paths: Sequence[str], stories: Sequence[Story], root: str | None) -> list[Manifest]:
    """What the stories give and apply, and all manifests that are named beside them."""
    found: dict[str, Manifest] = {}
    for story in stories:
        applied = [c for s in story.steps for c in s.changes if isinstance(c, Apply)]
        for manifest in (*story.given, *(m for c in applied for m in c.manifests)):
            found.setdefault(str(manifest.at), manifest)
    others = [p for p in paths if not p.endswith((".npol.yaml", ".npol.yml"))]
    if others and not (stories and all(Path(p).is_dir() for p in others)):
        for manifest in worlds.manifests(others, root):
            found.setdefault(str(manifest.at), manifest)
    return list(found.values())


def _print(findings: Sequence[Finding], shape: Format) -> None:
    if shape is Format.SARIF:
        typer.echo(json.dumps(sarif(findings, version=__version__), indent=2))
        return
    lines = github_annotations(findings) if shape is Format.GITHUB else map(str, findings)
    for line in lines:
        typer.echo(safe(line))
    if shape is Format.TEXT:
        typer.echo(f"{len(findings)} finding(s)")


def _print_coverage(stories: Sequence[Story]) -> None:
    found = coverage(scene for story in stories for scene in scenes(story))
    for item in found.uncovered:
        typer.echo(safe(f"{item.origin}: no flow exercises this {item.kind}: {item.what}"))
    total = len(found.items)
    typer.echo(f"coverage: {total - len(found.uncovered)} of {total} items, {found.share:.0%}")


def _print_mutation(stories: Sequence[Story]) -> int:
    survivors = 0
    for story in stories:
        found = mutate(scenes(story))
        survivors += len(found.survivors)
        for result in found.survivors:
            typer.echo(safe(f"survived: {result.mutant}"))
            typer.echo(safe(f"  add {result.hint}"))
        noticed = sum(bool(r.noticed_by) for r in found.results)
        typer.echo(
            f"mutation of {story.name}: {noticed} of {len(found.results)} noticed, "
            f"{len(found.survivors)} survived, "
            f"{sum(r.equivalent for r in found.results)} make no difference"
        )
    return 1 if survivors else 0
