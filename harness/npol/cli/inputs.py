"""The manifests that `plan`, `explain`, `check` and `init` look at."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

from npol.errors import InputError, Mistakes, did_you_mean
from npol.model.change import Manifest
from npol.model.engine import ENGINES
from npol.policy.objects.dialects import BY_ENGINE, CALICO, CILIUM, SPEC, Dialect, dialect_of
from npol.policy.state.apply_changes import build
from npol.policy.state.cluster_state import ClusterState
from npol.policy.state.dns import with_dns
from npol.story import Survey, git_top, load_manifests, survey


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """A world, and the dialect that its engine reads it in."""

    world: ClusterState
    dialect: Dialect = SPEC
    left_out: int = 0
    """Documents that are no objects."""


def manifests(paths: Sequence[str], root: str | None = None) -> tuple[Manifest, ...]:
    """
    The objects of files and directories.

    Raises:
        Mistakes: everything that is wrong in them.
    """
    top, below = _below(paths, root)
    return load_manifests(top, *below)


def surveyed(paths: Sequence[str], root: str | None = None, namespace: str = "") -> Survey:
    """
    The same, only to be looked at: what is wrong in them is told beside them.

    `namespace` is for objects that name none.

    Raises:
        Mistakes: a path that cannot be read, or holds no manifests at all.
    """
    top, below = _below(paths, root)
    return survey(top, *below, namespace=namespace)


def _common_root(paths: Sequence[str]) -> str:
    """The git top; where there is none, the directory that holds all of the paths as written."""
    found, places = git_top(paths[0]), [os.path.abspath(p) for p in paths]
    if found and os.path.commonpath([found, *places]) == found:
        return found
    return os.path.commonpath([p if os.path.isdir(p) else os.path.dirname(p) for p in places])


def _below(paths: Sequence[str], root: str | None) -> tuple[str, list[str]]:
    top = os.path.relpath(root or _common_root(paths))
    return top, [os.path.relpath(path, top) for path in paths]


def of_paths(paths: Sequence[str], root: str | None = None) -> Inputs:
    """
    What files and directories describe; YAML that is no object is passed over.

    Raises:
        Mistakes: objects that cannot be read for sure.
    """
    return of_survey(surveyed(paths, root))


def of_survey(found: Survey) -> Inputs:
    """
    What manifests describe.

    Raises:
        Mistakes: objects that cannot be read for sure.
    """
    twice = (d for m in found.manifests for d in m.document.duplicates)
    if wrong := list(dict.fromkeys((*found.unreadable, *twice))):
        raise Mistakes(wrong)
    return Inputs(world=with_dns(build(found.manifests)), left_out=len(found.left_out))


def plugin_of(world: ClusterState) -> Dialect | None:
    """The network plugin whose own kinds are among the policies: they say nothing to another."""
    told = ((CALICO, world.calico_policies), (CILIUM, world.cilium_policies))
    found = [dialect for dialect, policies in told if policies]
    return found[0] if len(found) == 1 else None


def spoken(engine: str | None) -> Dialect | None:
    """
    The dialect that `--engine` names, the specification's if it was never measured; None without.

    Raises:
        InputError: there is no such engine.
    """
    if engine is None:
        return None
    known = (*BY_ENGINE, *ENGINES)
    if engine not in known:
        rest = f"one of: {', '.join(sorted(set(known)))}"
        raise InputError(f"no engine is called {engine!r}", hint=did_you_mean(engine, known, rest))
    return dialect_of(engine)
