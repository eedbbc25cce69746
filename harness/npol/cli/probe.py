"""`npol probe`: is it open? One flow, asked once, and nothing is left."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from npol import target_cluster
from npol.cli.arguments.probe import ProbeArguments
from npol.cli.cluster_inputs import of_cluster
from npol.cli.current_progress import progress
from npol.cli.story_flow import flow_between_peers
from npol.cli.streams import say
from npol.errors import ExitCode, InputError
from npol.model.expectation import Verdict, parse_expectation
from npol.model.next_command import npol_command
from npol.model.peer_selection import lasting
from npol.model.reason import ReasonCode
from npol.model.result import FlowResult, StoryReport, Witnesses
from npol.model.selection import Selection, replayed
from npol.model.story import Step, Story
from npol.policy.evaluate.evaluate import decide
from npol.policy.objects.entities import ExternalEndpoint, Pod, Service, Traffic
from npol.policy.state.flow_syntax import parse_flow
from npol.report.ask_again import AskAgain, exec_commands
from npol.report.escape import safe
from npol.report.failure import answer_text
from npol.report.probe_answer import seen_line, seen_text, without_claim
from npol.report.reasons import reason_words
from npol.report.summary import restore_line, summary_line
from npol.report.terminal import Terminal
from npol.run import Options, StoryRun
from npol.story import load_story, read_story
from npol.yaml_positions import dump

NOW = "now"
"""The only step of a probe without a story."""


def probe(arguments: ProbeArguments) -> int:
    if arguments.expect:
        _word(arguments.expect)
    if arguments.keep and arguments.context is None:
        raise InputError("a lab ends with the probe: no pod can be kept", hint="--context NAME")
    story, stated = None, bool(arguments.expect)
    if arguments.story:
        story, stated = _of_story(arguments, arguments.story)
    if story is None and arguments.at:
        raise InputError("--at names a step of a story", hint="--story FILE")
    if story is None and arguments.context is None:
        raise InputError(
            "name the cluster, or a story to ask in a lab", hint="--context NAME, or --story FILE"
        )
    if arguments.context is None:
        progress().say("starting a lab")
    with target_cluster.cluster(arguments.kubeconfig, arguments.context) as chosen:
        options = Options(
            kubeconfig=chosen.kubeconfig,
            context=chosen.context,
            create=chosen.is_lab,
            create_all=chosen.is_lab,
            disposable=chosen.is_lab,
            assume_enforced=True,
            keep=arguments.keep,
            settle=arguments.settle,
            say=progress().say,
        )
        return _ask(story or _of_cluster(arguments), options, stated=stated)


def _word(text: str) -> None:
    try:
        expectation = parse_expectation(text)
    except ValueError as error:
        raise InputError(str(error)) from error
    if expectation.held:
        raise InputError(f"{text!r} is for flows with `hold:` in a story, not for one probe")


def _of_story(arguments: ProbeArguments, file: str) -> tuple[Story, bool]:
    """
    The story up to one step, of which one flow is left: one of it, or a new one; and whether
    something is expected of it.
    """
    story = load_story(file, root=arguments.root, overlay=arguments.peers)
    step = _step(story, arguments)
    named = next((f for f in step.flows if f.name == arguments.flow), None)
    flow, story = (named, story) if named else flow_between_peers(arguments.flow, story)
    if arguments.expect:
        flow = replace(flow, expect=parse_expectation(arguments.expect))
    if flow.hold:
        raise InputError(
            f"{flow.name!r} is about a connection that is held open since step {flow.hold!r}",
            hint=f"one probe cannot hold it; run the story: {npol_command('run', path=file)}",
        )
    asked = replace(step, flows=(flow,), checks=(), same_as="")
    steps = tuple(asked if s.name == step.name else s for s in story.steps)
    wanted = Selection(frozenset({(step.name, flow.name)}))
    stated = named is not None or bool(arguments.expect)
    return replayed(replace(story, steps=steps), wanted), stated


def _step(story: Story, arguments: ProbeArguments) -> Step:
    """The step that was named, else the last that has a flow of that name, else the last."""
    names = [s.name for s in story.steps]
    if arguments.at is not None:
        if arguments.at not in names:
            raise InputError(
                f"story {story.name!r} has no step {arguments.at!r}", hint=f"one of: {names}"
            )
        return story.step(arguments.at)
    having = [s for s in story.steps if any(f.name == arguments.flow for f in s.flows)]
    return (having or list(story.steps))[-1]


def _of_cluster(arguments: ProbeArguments) -> Story:
    """A story of one step without a change; what is expected is what the policies say."""
    progress().say("looking at the cluster")
    seen = of_cluster(arguments.kubeconfig, arguments.context)
    traffic = parse_flow(seen.world, arguments.flow)
    closed = decide(seen.world, traffic, seen.dialect).allowed is False
    flow = {
        "name": arguments.flow,
        "from": "source",
        "to": "target",
        "port": traffic.port,
        "protocol": traffic.protocol.value,
        "expect": arguments.expect or ("deny" if closed else "allow"),
    }
    story = {
        "version": 1,
        "name": "probe",
        "peers": {"source": _source(traffic), "target": _target(traffic)},
        "steps": [{"name": NOW, "flows": [flow]}],
    }
    return read_story(dump(story).encode(), "(the command line)", str(Path.cwd()))


def _source(traffic: Traffic) -> Mapping[str, Any]:
    """A debug pod in the likeness of the source."""
    source = traffic.source
    if not isinstance(source, Pod):
        raise InputError(f"probes start in pods, and {source} is none", hint="'ns/pod -> ...'")
    return {"namespace": source.namespace, "labels": lasting(source.labels)}


def _target(traffic: Traffic) -> Mapping[str, Any]:
    target = traffic.target
    if isinstance(target, Service):
        return {"namespace": target.namespace, "service": target.name}
    if isinstance(target, Pod):
        return {"namespace": target.namespace, "pod": target.name}
    if isinstance(target, ExternalEndpoint) and target.addresses:
        return {"address": str(target.addresses[0])}
    raise InputError(f"nothing is known at {target} to probe", hint="give its IP address")


def _ask(story: Story, options: Options, *, stated: bool) -> int:
    run = StoryRun(story, options)
    try:
        run.open()
        for step in story.steps:
            run.reach(step.name)
    finally:
        run.close()
    report = run.report()
    answer = next((f for s in reversed(report.steps) for f in s.flows), None)
    with progress().aside():
        if answer and not stated and _is_sure(answer):
            return _tell_seen(report, answer)
        return _tell_judged(report, answer)


def _tell_judged(report: StoryReport, answer: FlowResult | None) -> int:
    if answer:
        say(answer_text(answer, Terminal().width))
        _tell_commands(report, answer)
    if report.error or (answer and answer.skipped):
        say(safe(report.error or reason_words(answer.skipped if answer else None)))
    say(restore_line(report.restore))
    say(summary_line(report))
    return report.exit_status


def _tell_seen(report: StoryReport, answer: FlowResult) -> int:
    say(seen_text(answer, Terminal().width))
    _tell_commands(report, answer)
    if report.error:
        say(safe(report.error))
    say(restore_line(report.restore))
    status = _status_of_seen(report, answer)
    say(seen_line(report, answer, status))
    return status


def _tell_commands(report: StoryReport, answer: FlowResult) -> None:
    again = AskAgain.of(report)
    for command in exec_commands(answer, again) if again.kept else []:
        say(f"  by hand    {command}")


def _is_sure(answer: FlowResult) -> bool:
    """Whether the packets gave one answer, even one that is not as predicted."""
    against = answer.reason is not None and answer.reason.code is ReasonCode.AGAINST_PREDICTION
    if answer.skipped or answer.verdict is Verdict.FLAPPING:
        return False
    return against or not answer.inconclusive


def _status_of_seen(report: StoryReport, answer: FlowResult) -> int:
    """
    Where nothing is expected no answer is wrong. Packets that do not do what the policies say
    leave open which of the two will hold; a run that had other trouble ends with that.
    """
    steps = tuple(
        replace(s, flows=tuple(without_claim(f) if f is answer else f for f in s.flows))
        for s in report.steps
    )
    status = replace(report, steps=steps).exit_status
    differ = answer.witnesses is Witnesses.DIFFER
    return int(ExitCode.UNKNOWN) if status == ExitCode.AS_EXPECTED and differ else status
