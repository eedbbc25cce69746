"""`npol plan`: what would change?"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from npol.cli import inputs
from npol.cli.arguments.plan import PlanArguments
from npol.cli.streams import say
from npol.errors import ExitCode, InputError
from npol.model.refused_policy import RefusedPolicy
from npol.policy.matrix.diff import difference
from npol.policy.objects.dialects import SPEC, Dialect
from npol.policy.simulate.forecast import StepForecast, forecast
from npol.policy.simulate.simulated_steps import scenes
from npol.policy.state.cluster_state import ClusterState
from npol.report.escape import safe
from npol.story import load_story


def plan(arguments: PlanArguments) -> int:
    dialect = inputs.spoken(arguments.engine) or SPEC
    if arguments.against:
        old, new = (
            inputs.of_paths([arguments.against], arguments.root).world,
            inputs.of_paths([arguments.what], arguments.root).world,
        )
        return _print_difference(old, new, dialect)
    if not arguments.what.endswith((".yaml", ".yml")):
        raise InputError(
            f"not a story file: {arguments.what}", hint="a *.npol.yaml, or --against DIR"
        )
    story = load_story(arguments.what, root=arguments.root, overlay=arguments.peers)
    for note in story.notes:
        say(f"note: {note}")
    steps = forecast(scenes(story), arguments.engine)
    for step in steps:
        _print_step(step)
    return _concluded(steps, arguments.engine)


def _concluded(steps: Sequence[StepForecast], engine: str) -> ExitCode:
    """What cannot be foretold does not hold by prediction: it is counted apart."""
    failing = sum(len(step.failing) for step in steps)
    open_ = sum(len(step.not_foretold) for step in steps)
    refused = _print_refused(r for step in steps for r in step.refused)
    apart = f", {open_} cannot be foretold" if open_ else ""
    say(f"{failing} flow(s) will fail{apart}, by prediction for {engine}")
    if failing:
        return ExitCode.DIFFERS
    return ExitCode.UNKNOWN if open_ or refused else ExitCode.AS_EXPECTED


def _print_refused(refused: Iterable[RefusedPolicy]) -> bool:
    """Policies of no effect, each once; whether there are any."""
    lines = dict.fromkeys(map(str, refused))
    for line in lines:
        say(safe(line))
    return bool(lines)


def _print_difference(old: ClusterState, new: ClusterState, dialect: Dialect) -> ExitCode:
    found = difference(old, new, dialect)
    for one in found:
        say(safe(str(one)))
    say(f"{len(found)} difference(s)" if found else "no flow opens or closes")
    refused = _print_refused((*old.refused_policies, *new.refused_policies))
    return ExitCode.UNKNOWN if refused else ExitCode.AS_EXPECTED


def _print_step(step: StepForecast) -> None:
    say(safe(f"step {step.step!r}: {len(step.flows)} flow(s)"))
    for flow in step.failing:
        place, name = flow.flow.at, flow.flow.name
        say(
            safe(
                f"  FAILS {place}: {name}: expected {flow.flow.expect}, predicted {flow.prediction}"
            )
        )
        for cause in flow.prediction.causes:
            say(safe(f"        {cause.text}"))
    for flow in step.not_foretold:
        say(
            safe(
                f"  UNKNOWN {flow.flow.at}: {flow.flow.name}: expected {flow.flow.expect}, "
                f"predicted {flow.prediction}"
            )
        )
    for one in step.unasked:
        say(safe(f"  not covered by a flow, {one}"))
