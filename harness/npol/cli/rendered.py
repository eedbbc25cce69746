"""Charts and kustomizations that a command line names, rendered as a story's are."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, Protocol

from npol.errors import InputError
from npol.story import Survey, find_root, git_top, survey_source


class RenderOptions(Protocol):
    """What commands share that look at rendered manifests."""

    @property
    def chart(self) -> str | None: ...
    @property
    def values(self) -> list[str] | None: ...
    @property
    def kustomization(self) -> str | None: ...


def to_be_rendered(options: RenderOptions) -> dict[str, Any] | None:
    """
    What `--helm` or `--kustomize` names, as the entry of a story would; None without either.

    Raises:
        InputError: both are named, or values without a chart.
    """
    if options.chart and options.kustomization:
        raise InputError("--helm and --kustomize name two sources", hint="one of them")
    if options.values and not options.chart:
        raise InputError("--values is for --helm CHART")
    if options.kustomization:
        return {"kustomize": os.path.relpath(options.kustomization)}
    if not options.chart:
        return None
    values = {"values": list(map(os.path.relpath, options.values))} if options.values else {}
    return {"helm": os.path.relpath(options.chart), **values}


def rendered(source: Mapping[str, Any], root: str | None, namespace: str) -> Survey:
    """
    What a chart or a kustomization renders to, named as a story names it, from here.

    Raises:
        Mistakes: it cannot be rendered, or renders to nothing.
    """
    path = source.get("helm") or source.get("kustomize")
    return survey_source(source, os.path.relpath(root or _root_of(str(path))), namespace)


def _root_of(path: str) -> str:
    """As of a story; beyond every repository it is the working directory, if that is wider."""
    if top := git_top(path):
        return top
    root, here = find_root(path), os.path.realpath(os.curdir)
    return here if os.path.commonpath([root, here]) == here else root
