"""
`npol explain`: why?

What only stories, a cluster or traffic that was seen need is imported where it is asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from npol.cli import inputs
from npol.cli.arguments.explain import ExplainArguments
from npol.cli.explain_policy import print_policy, with_place
from npol.cli.rendered import rendered, to_be_rendered
from npol.cli.scope_lines import scope_lines
from npol.cli.streams import say_wrapped
from npol.errors import ExitCode, InputError, did_you_mean
from npol.model.causes import Cause
from npol.model.prediction import PolicyName, PredictedDecision, Prediction, UnknownReason
from npol.model.story import Story
from npol.policy.evaluate.evaluate import decide
from npol.policy.explain.explain import Explanation, StageAnswer, explain_flow, explain_flows
from npol.policy.objects.dialects import SPEC, Dialect
from npol.policy.state.cluster_state import ClusterState
from npol.policy.state.flow_syntax import parse_flow, parse_flows
from npol.report.causes import cause_words, fact_words, prediction_words
from npol.report.escape import safe
from npol.report.reasons import reason_words

if TYPE_CHECKING:
    from npol.policy.simulate.simulated_steps import SimulatedStep

MARKS = {
    StageAnswer.OPEN: "open   ",
    StageAnswer.CLOSED: "CLOSED ",
    StageAnswer.UNKNOWN: "unknown",
    StageAnswer.NONE: "       ",
}
MOST_KNOWN = 8
"""Names that a hint has room for."""


def explain(arguments: ExplainArguments) -> int:
    if arguments.observed:
        return _of_observed(arguments, arguments.observed)
    if arguments.story:
        return _of_story(
            arguments.what,
            arguments.story,
            arguments.at,
            arguments.without or [],
            arguments.root,
            inputs.spoken(arguments.engine),
        )
    seen = _seen(arguments)
    dialect = inputs.spoken(arguments.engine) or _dialect_of(seen)
    _check_without(seen.world, arguments.without or ())
    if "->" in arguments.what:
        flows = parse_flows(seen.world, arguments.what)
        answer = _print(explain_flows(seen.world, flows, dialect, without=arguments.without or ()))
    else:
        answer = print_policy(seen.world, arguments.what, dialect)
    _print_scope(seen.world, dialect, seen.left_out)
    return answer


def _seen(arguments: ExplainArguments) -> inputs.Inputs:
    source = to_be_rendered(arguments)
    if source and arguments.paths:
        raise InputError("name manifests, or what renders to them", hint="one of the two")
    if source:
        return inputs.of_survey(rendered(source, arguments.root, ""))
    if arguments.paths:
        return inputs.of_paths(arguments.paths, arguments.root)
    from npol.cli.cluster_inputs import of_cluster

    return of_cluster(arguments.kubeconfig, arguments.context)


def _dialect_of(seen: inputs.Inputs) -> Dialect:
    """A cluster's; of files that of the network plugin whose own kinds they hold."""
    if seen.dialect is not SPEC:
        return seen.dialect
    return inputs.plugin_of(seen.world) or SPEC


def _of_observed(arguments: ExplainArguments, paths: Sequence[str]) -> ExitCode:
    """A flow by the names that the records have for its ends, and what they say of it."""
    if "->" not in arguments.what:
        raise InputError("--observed is about a flow", hint="'ns/pod -> ns/pod:80'")
    from npol.cli.observed import dialect_of, observed, observed_lines
    from npol.policy.observed.observed_world import observed_world
    from npol.policy.observed.unforeseeable import hangs_on

    if arguments.story:
        state = _step(_story(arguments.story, arguments.root), arguments.at).world
    else:
        state = _seen(arguments).world
    _check_without(state, arguments.without or ())
    traffic = observed(paths)
    dialect = dialect_of(traffic, inputs.spoken(arguments.engine))
    world = observed_world(state, traffic.flows)
    flow = parse_flow(world.state, arguments.what)
    explained = explain_flow(world.state, flow, dialect, without=arguments.without or ())
    decision = decide(world.state, flow, dialect)
    if why := hangs_on(world, decision):
        unknown = Prediction(
            decision=PredictedDecision.UNKNOWN,
            reason=UnknownReason.NOT_RESOLVED,
            detail=why,
        )
        explained = replace(explained, prediction=unknown, remedies=())
    code = _print([explained])
    for line in observed_lines(world, decision, traffic):
        say_wrapped(safe(f"  {line}"))
    return code


def _of_story(
    what: str,
    file: str,
    at: str | None,
    without: list[str],
    root: str | None,
    named: Dialect | None,
) -> ExitCode:
    from npol.cli.story_flow import flow_between_peers
    from npol.policy.simulate.flow_resolution import ask

    told = _story(file, root)
    step = _step(told, at)
    world = step.world
    _check_without(world, without)
    dialect = named or _dialect_of(inputs.Inputs(world=world))
    flow, told = flow_between_peers(what, told)
    asked = ask(world, told, flow)
    if asked.problem:
        raise InputError(reason_words(asked.problem))
    why = "" if at else " (the one with most policies; --at names another)"
    say_wrapped(safe(f"after step {step.step!r}{why}:"))
    answer = _print(explain_flows(world, asked.traffics, dialect, without=without))
    _print_scope(world, dialect)
    return answer


def _story(file: str, root: str | None) -> Story:
    from npol.story import load_story

    return load_story(file, root=root)


def _step(story: Story, at: str | None) -> SimulatedStep:
    """The step that is named, else the one with most policies."""
    from npol.cli.story_steps import chosen_steps
    from npol.policy.simulate.simulated_steps import fullest

    return fullest(chosen_steps(story, at))


def _check_without(world: ClusterState, names: Sequence[str]) -> None:
    """
    Refuse to leave out what is not there: nothing would change, as if it did not matter.

    Raises:
        InputError: a name that no policy here has.
    """
    refused = (PolicyName(namespace=r.namespace, name=r.name, kind=r.kind) for r in world.refused)
    known = [*map(str, world.every_policy), *map(str, refused)]
    for name in names:
        if name not in known:
            listed = f"the policies here: {', '.join(known[:MOST_KNOWN]) or 'none'}"
            message = f"--without: there is no policy {name!r} here"
            raise InputError(message, hint=did_you_mean(name, known, listed))


def _print_scope(world: ClusterState, dialect: Dialect, left_out: int = 0) -> None:
    for line in scope_lines(world, dialect, left_out=left_out):
        say_wrapped(safe(line))


def _print(explained: Sequence[Explanation]) -> ExitCode:
    """What cannot be foretold is no answer; one beside refused policies is not the whole one."""
    for found in explained:
        _print_one(found)
    refused = dict.fromkeys(str(r) for e in explained for r in e.refused)
    for line in refused:
        say_wrapped(safe(line))
    unknown = any(e.prediction.decision is PredictedDecision.UNKNOWN for e in explained) or refused
    return ExitCode.UNKNOWN if unknown else ExitCode.AS_EXPECTED


def _print_one(found: Explanation) -> None:
    predicted = prediction_words(found.prediction)
    say_wrapped(f"{safe(found.flow)}: predicted {predicted} (dialect {found.dialect})")
    for stage in found.stages:
        say_wrapped(f"  {MARKS[stage.answer]} {safe(stage.title)}")
        for line in stage.lines:
            say_wrapped(f"            {_line(line)}")
    for note in found.notes:
        say_wrapped(f"  note: {safe(fact_words(note))}")
    for remedy in found.remedies:
        say_wrapped(f"  would allow it: {_line(Cause(what=remedy.what, at=remedy.at))}")
    if found.without:
        say_wrapped(f"  without {', '.join(found.left_out)}: {prediction_words(found.without)}")


def _line(cause: Cause) -> str:
    return with_place(cause_words(cause), cause.at)
