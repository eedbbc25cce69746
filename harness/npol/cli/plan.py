"""`npol plan`: what would change?"""

from __future__ import annotations

from typing import Annotated

import typer

from npol.cli import inputs
from npol.cli.options import Peers, Root
from npol.errors import InputError
from npol.policy.matrix.diff import difference
from npol.policy.objects.dialects import SPEC, Dialect
from npol.policy.simulate.forecast import StepForecast, forecast
from npol.policy.simulate.simulated_steps import scenes
from npol.policy.state.cluster_state import ClusterState
from npol.report.escape import safe
from npol.story import load_story


def plan(
    what: Annotated[
        str, typer.Argument(metavar="STORY|DIR", help="A story file, or manifests with --against.")
    ],
    against: Annotated[
        str | None,
        typer.Option("--against", metavar="DIR", help="Compare with these manifests (the older)."),
    ] = None,
    engine: Annotated[
        str, typer.Option("--engine", help="Network plugin (CNI) whose semantics to apply.")
    ] = "calico",
    peers: Peers = None,
    root: Root = None,
) -> int:
    dialect = inputs.spoken(engine) or SPEC
    if against:
        old, new = inputs.of_paths([against], root).world, inputs.of_paths([what], root).world
        return _print_difference(old, new, dialect)
    if not what.endswith((".yaml", ".yml")):
        raise InputError(f"not a story file: {what}", hint="a *.npol.yaml, or --against DIR")
    steps = forecast(scenes(load_story(what, root=root, overlay=peers)), engine)
    for step in steps:
        _print_step(step)
    failing = [f for step in steps for f in step.failing]
    typer.echo(f"{len(failing)} flow(s) will fail, by prediction for {engine}")
    return 1 if failing else 0


def _print_difference(old: ClusterState, new: ClusterState, dialect: Dialect) -> int:
    found = difference(old, new, dialect)
    for one in found:
        typer.echo(safe(str(one)))
    typer.echo(f"{len(found)} difference(s)" if found else "no flow opens or closes")
    return 0


def _print_step(step: StepForecast) -> None:
    typer.echo(safe(f"step {step.step!r}: {len(step.flows)} flow(s)"))
    for flow in step.failing:
        place, name = flow.flow.at, flow.flow.name
        typer.echo(
            safe(
                f"  FAILS {place}: {name}: expected {flow.flow.expect}, predicted {flow.prediction}"
            )
        )
        for cause in flow.prediction.causes:
            typer.echo(safe(f"        {cause.text}"))
    for one in step.unasked:
        typer.echo(safe(f"  not covered by a flow, {one}"))
