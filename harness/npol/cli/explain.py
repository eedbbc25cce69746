"""`npol explain`: why?"""

from __future__ import annotations

from typing import Annotated

import typer

from npol.cli import inputs
from npol.cli.options import Context, Engine, Kubeconfig, Root
from npol.errors import InputError, Position
from npol.model.expectation import parse_expectation
from npol.model.prediction import Cause
from npol.model.sentence import Sentence
from npol.model.story import Flow, Protocol, Story
from npol.policy.explain.describe import explain_policy
from npol.policy.explain.explain import Explanation, StageAnswer, explain_flow
from npol.policy.objects.dialects import SPEC, Dialect
from npol.policy.simulate.flow_resolution import ask
from npol.policy.simulate.simulated_steps import scenes
from npol.policy.state.flow_syntax import parse_flow
from npol.report.escape import safe
from npol.run.python_api import flow_entry
from npol.story import load_story

MARKS = {
    StageAnswer.OPEN: "open   ",
    StageAnswer.CLOSED: "CLOSED ",
    StageAnswer.UNKNOWN: "unknown",
    StageAnswer.NONE: "       ",
}


def explain(
    what: Annotated[
        str,
        typer.Argument(metavar="FLOW|POLICY", help="'ns/pod -> ns/service:80', or ns/policy."),
    ],
    paths: Annotated[
        list[str] | None, typer.Argument(metavar="[PATHS]...", help="Manifests to look at.")
    ] = None,
    story: Annotated[
        str | None, typer.Option("--story", help="Look at a story; ends may be its peers.")
    ] = None,
    at: Annotated[
        str | None, typer.Option("--at", metavar="STEP", help="After this step; default: the last.")
    ] = None,
    without: Annotated[
        list[str] | None, typer.Option("--without", metavar="POLICY", help="Also without these.")
    ] = None,
    engine: Engine = None,
    context: Context = None,
    kubeconfig: Kubeconfig = None,
    root: Root = None,
) -> int:
    if story:
        return _of_story(what, story, at, without or [], root, inputs.spoken(engine) or SPEC)
    seen = inputs.of_paths(paths, root) if paths else inputs.of_cluster(kubeconfig, context)
    dialect = inputs.spoken(engine) or seen.dialect
    if "->" in what:
        flow = parse_flow(seen.world, what)
        _print(explain_flow(seen.world, flow, dialect, without=without or ()))
        return 0
    namespace, _, name = what.rpartition("/")
    policy = seen.world.policy(namespace or "default", name)
    if policy is None:
        known = ", ".join(map(str, seen.world.policies)) or "none"
        raise InputError(f"there is no policy {what}", hint=f"policies: {known}")
    described = explain_policy(seen.world, policy, dialect)
    for line in described.lines:
        typer.echo(_line(line))
    for note in described.notes:
        typer.echo(f"  note: {note}")
    return 0


def _of_story(
    what: str,
    file: str,
    at: str | None,
    without: list[str],
    root: str | None,
    dialect: Dialect,
) -> int:
    told = load_story(file, root=root)
    by_name = {s.step: s for s in scenes(told)}
    step = at or list(by_name)[-1]
    if step not in by_name:
        raise InputError(f"story {told.name!r} has no step {step!r}", hint=f"{list(by_name)}")
    world = by_name[step].world
    asked = ask(world, told, _flow(what, told))
    if asked.problem:
        raise InputError(str(asked.problem))
    typer.echo(f"after step {step!r}:")
    for traffic in asked.traffics:
        _print(explain_flow(world, traffic, dialect, without=without))
    return 0


def _flow(text: str, story: Story) -> Flow:
    entry = flow_entry(text, "allow")
    ends = [entry["from"], *([entry["to"]] if "to" in entry else [])]
    for name in ends:
        if name not in story.peers:
            known = ", ".join(story.peers)
            raise InputError(f"story {story.name!r} has no peer {name!r}", hint=f"peers: {known}")
    return Flow(
        name=text,
        at=Position(story.path),
        source=entry["from"],
        target=entry.get("to", ""),
        port=entry.get("port", 0),
        protocol=Protocol(entry.get("protocol", "tcp")),
        resolve=entry.get("resolve", ""),
        expect=parse_expectation("allow"),
    )


def _print(found: Explanation) -> None:
    typer.echo(f"{safe(found.flow)}: predicted {found.prediction} (dialect {found.dialect})")
    for stage in found.stages:
        typer.echo(f"  {MARKS[stage.answer]} {safe(stage.title)}")
        for line in stage.lines:
            typer.echo(f"            {_line(line)}")
    for note in found.notes:
        typer.echo(f"  note: {safe(note)}")
    for remedy in found.remedies:
        typer.echo(f"  would allow it: {_line(Cause(what=Sentence(remedy.text), at=remedy.at))}")
    if found.left_out:
        typer.echo(f"  without {', '.join(found.left_out)}: {found.without}")


def _line(cause: Cause) -> str:
    text = str(cause.text)
    known = not cause.at or f"{cause.at.file}:{cause.at.line}" in text
    return safe(text if known else f"{text} ({cause.at})")
