"""`npol plan`: what would change?"""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated

import typer

from harness.cli import worlds
from harness.cli.options import Peers, Root
from harness.errors import InputError
from harness.model.expectation import Word
from harness.policy.diff import difference
from harness.policy.scenes import Asked, Scene, scenes
from harness.policy.world import World
from harness.report.escape import safe
from harness.story import load_story


def plan(
    what: Annotated[
        str, typer.Argument(metavar="STORY|DIR", help="A story file, or manifests with --against.")
    ],
    against: Annotated[
        str | None,
        typer.Option("--against", metavar="DIR", help="Compare with these manifests (the older)."),
    ] = None,
    peers: Peers = None,
    root: Root = None,
) -> int:
    if against:
        old, new = worlds.of_paths([against], root).world, worlds.of_paths([what], root).world
        return _print_difference(old, new)
    if not what.endswith((".yaml", ".yml")):
        raise InputError(f"{what} is no story file", hint="a *.npol.yaml, or --against DIR")
    told = scenes(load_story(what, root=root, overlay=peers))
    failing = [line for scene in told for line in _failing(scene)]
    for before, scene in pairwise([None, *told]):
        assert scene is not None
        _print_step(before, scene)
    if failing:
        typer.echo(f"{len(failing)} flow(s) will fail, by prediction:")
        for line in failing:
            typer.echo(f"  {line}")
    return 1 if failing else 0


def _print_difference(old: World, new: World) -> int:
    found = difference(old, new)
    for one in found:
        typer.echo(safe(str(one)))
    typer.echo(f"{len(found)} difference(s)" if found else "no flow opens or closes")
    return 0


def _print_step(before: Scene | None, scene: Scene) -> None:
    typer.echo(safe(f"step {scene.step!r}: {len(scene.asked)} flow(s)"))
    if before is None:
        return
    for one in difference(before.world, scene.world):
        typer.echo(f"  {safe(str(one))}")


def _failing(scene: Scene) -> list[str]:
    lines = []
    for asked in scene.asked:
        answer = asked.answer(scene.world)
        wanted = _wanted(asked)
        if answer is None or wanted is None or answer is wanted:
            continue
        word = "allow" if answer else "deny"
        lines.append(
            safe(
                f"{asked.flow.at}: {scene.step}: {asked.flow.name}: expected {asked.flow.expect}, "
                f"predicted {word}"
            )
        )
    return lines


def _wanted(asked: Asked) -> bool | None:
    """Whether the flow is expected to pass; None where only a probe can tell."""
    word = asked.flow.expect.word
    if word is Word.OUTCOME or (word is Word.HTTP and asked.flow.expect.status[0] == "5"):
        return None
    return word is not Word.DENY
