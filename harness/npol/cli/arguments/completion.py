"""What completes values: contexts of the kubeconfig, and steps and peers of the story at hand."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import typer


def contexts(context: typer.Context, incomplete: str) -> list[str]:
    """The contexts of the kubeconfig that is named, or of the default one."""
    from npol.kube.kubeconfig import contexts as known  # only who completes one pays for it

    return _beginning(incomplete, lambda: known(context.params.get("kubeconfig")))


def steps(context: typer.Context, incomplete: str) -> list[str]:
    """The steps of the story that stands on the line."""
    return _beginning(incomplete, lambda: [str(s["name"]) for s in _story(context)["steps"]])


def flows(context: typer.Context, incomplete: str) -> list[str]:
    """The peers of the story, as the beginnings of flows."""
    return _beginning(incomplete, lambda: [f"{peer} -> " for peer in _story(context)["peers"]])


def _beginning(incomplete: str, known: Callable[[], Iterable[str]]) -> list[str]:
    """Nothing where it cannot be known: a completion has no place to complain."""
    try:
        return [name for name in known() if name.startswith(incomplete)]
    except Exception:
        return []


def _story(context: typer.Context) -> Any:
    from npol.story import story_bytes  # as above
    from npol.yaml_positions import YamlDialect, load

    named = context.params.get("stories") or context.params.get("story")
    file = named[0] if isinstance(named, (list, tuple)) else named
    (document,) = load(story_bytes(str(file)), str(file), YamlDialect.STORY)
    return document.data
