"""`npol check --mutate --lab`: changed policies tried by packets."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from npol import target_cluster
from npol.cli.streams import say
from npol.errors import ExitCode, InputError, UnknownVerdict
from npol.model.next_command import npol_command
from npol.model.story import Story
from npol.mutation.mutant_story import mutated_story, packets_only
from npol.mutation.score import MutantResult, mutate
from npol.mutation.try_by_packets import MutantRun, try_story
from npol.policy.objects.dialects import LAB
from npol.policy.simulate.simulated_steps import scenes
from npol.report.escape import safe
from npol.run.options import Options

WITHIN = 8.0
"""Seconds until a wrong answer is final: the lab enforces within a tenth of one."""


def print_lab_mutation(stories: Sequence[Story], most: int) -> int:
    """
    Try the mutants of each story in one lab, and say which were noticed.

    Raises:
        InputError: there is no story to try them in.
        Refused: no lab can be started here.
        UnknownVerdict: a story fails as it is, so its failures would say nothing of mutants.
    """
    if not stories:
        raise InputError("--lab needs a story file", hint="name a *.npol.yaml")
    with target_cluster.cluster(None, None) as chosen:
        options = Options(
            kubeconfig=chosen.kubeconfig, context=chosen.context, create=True, disposable=True
        )
        return max((_print_story(story, most, options) for story in stories), default=0)


def _print_story(story: Story, most: int, options: Options) -> int:
    told = packets_only(story, WITHIN)
    seen = scenes(told)
    results = sorted(mutate(told, LAB).results, key=lambda r: not (r.noticed_by or r.survived))
    tried, left_out = results[:most], results[most:]
    say(safe(f"{story.name}: {len(tried)} of {len(results)} mutants, in the lab"))
    _require_that_it_holds(told, options)
    found: list[MutantRun] = []
    for number, result in enumerate(tried, start=1):
        mutated = mutated_story(told, result.mutant, seen)
        found.append(try_story(mutated, options))
        _print_one(f"{number}/{len(tried)}", result, found[-1])
    for result in left_out:
        say(safe(f"left out (--most {most}): {result.mutant}"))
    return _print_sum(story, tried, found)


def _require_that_it_holds(told: Story, options: Options) -> None:
    as_it_is = try_story(told, options)
    if not as_it_is.held:
        raise UnknownVerdict(
            f"{told.name} fails in the lab as it is: {as_it_is.failed or as_it_is.unknown}",
            hint=npol_command("run", path=told.path),
        )


def _print_one(number: str, result: MutantResult, tried: MutantRun) -> None:
    differs = "" if _as_predicted(result, tried) else f"; predicted: {_predicted(result)}"
    say(safe(f"{number} {_word(tried)}: {result.mutant}{differs}"))
    if tried.failed:
        say(safe(f"  by {tried.failed}"))
    elif tried.unknown:
        say(safe(f"  {tried.unknown}"))


def _word(tried: MutantRun) -> str:
    return "noticed" if tried.failed else "not known" if tried.unknown else "survived"


def _predicted(result: MutantResult) -> str:
    if result.noticed_by:
        return f"noticed by {result.noticed_in}: {result.noticed_by}"
    return "survives" if result.survived else result.unkillable or "makes no difference"


def _as_predicted(result: MutantResult, tried: MutantRun) -> bool:
    return not tried.unknown and bool(result.noticed_by) == bool(tried.failed)


def _print_sum(story: Story, results: Sequence[MutantResult], found: Sequence[MutantRun]) -> int:
    pairs = list(zip(results, found, strict=True))
    words = Counter(_word(t) for _, t in pairs)
    idle = sum(t.held and not r.survived and not r.noticed_by for r, t in pairs)
    survived = words["survived"] - idle
    other = sum(not _as_predicted(r, t) for r, t in pairs)
    if survived:
        say(safe(f"flows to add: {npol_command('check', '--mutate', path=story.path)}"))
    say(
        safe(
            f"mutation of {story.name} in the lab: {words['noticed']} of {len(pairs)} noticed, "
            f"{survived} survived, {idle} cannot be noticed, "
            f"{words['not known']} not known; {other} otherwise than predicted"
        )
    )
    if survived:
        return int(ExitCode.DIFFERS)
    return int(ExitCode.UNKNOWN if words["not known"] else ExitCode.AS_EXPECTED)
