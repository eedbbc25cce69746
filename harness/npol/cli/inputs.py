"""What `plan`, `explain`, `check` and `init` look at: manifests, a story's step, or a cluster."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from npol import target_cluster
from npol.cli.streams import say
from npol.cni.detect import detect, gather
from npol.errors import InputError, Mistakes, did_you_mean
from npol.kube.api_errors import Forbidden
from npol.kube.connection import Connection, connect
from npol.kube.inventory import READERS, read
from npol.kube.objects import NAMESPACES, NETWORK_POLICIES
from npol.model.story import Manifest, Story
from npol.policy.objects.dialects import BY_ENGINE, SPEC, Dialect, dialect_of
from npol.policy.simulate.simulated_steps import SimulatedStep, scenes
from npol.policy.state.apply_changes import build
from npol.policy.state.cluster_state import ClusterState
from npol.policy.state.dns import with_dns
from npol.policy.state.from_inventory import cluster_state
from npol.report.escape import safe
from npol.story import Survey, find_root, load_manifests, survey
from npol.story.schema.values import ENGINES


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """A world, and the dialect that its engine reads it in."""

    world: ClusterState
    dialect: Dialect = SPEC


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
    """The git top; where there is none, the directory that holds all of the paths."""
    found, places = find_root(paths[0]), [os.path.realpath(p) for p in paths]
    if os.path.commonpath([found, *places]) == found:
        return found
    return os.path.commonpath(list(map(os.path.dirname, places)))


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
    return Inputs(world=with_dns(build(found.manifests)))


def steps(story: Story, named: str | None) -> Sequence[SimulatedStep]:
    """
    The steps of a story as its manifests foretell them, or the one that is named.

    Raises:
        InputError: it has no such step.
    """
    told = scenes(story)
    chosen = [step for step in told if named in (None, step.step)]
    if not chosen:
        known = f"{[step.step for step in told]}"
        raise InputError(f"story {story.name!r} has no step {named!r}", hint=known)
    return chosen


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


def of_cluster(
    kubeconfig: str | None, context: str | None, namespaces: Iterable[str] = ()
) -> Inputs:
    """
    A cluster as it is now; unless namespaces are named, all that may be read.

    Raises:
        InputError: no context was named.
        Refused: it may not be read.
    """
    connection = connected(kubeconfig, context)
    wanted = list(namespaces) or _readable(connection)
    found = read(connection, wanted)
    engine = detect(gather(connection))
    return Inputs(world=cluster_state(found), dialect=dialect_of(engine.name))


def _readable(connection: Connection) -> list[str]:
    """The namespaces whose policies may be read; what is left out is said."""
    names = [n["metadata"]["name"] for n in connection.list(NAMESPACES)]
    with ThreadPoolExecutor(max_workers=READERS) as pool:
        may = list(pool.map(lambda name: _may_read(connection, name), names))
    left_out = [name for name, yes in zip(names, may, strict=True) if not yes]
    if left_out:
        text = f"npol: left out, for they may not be read: namespaces {', '.join(left_out)}"
        say(safe(text), err=True)
    return [name for name in names if name not in left_out]


def _may_read(connection: Connection, namespace: str) -> bool:
    try:
        connection.list(NETWORK_POLICIES, namespace)
    except Forbidden:
        return False
    return True


def connected(kubeconfig: str | None, context: str | None) -> Connection:
    """
    A connection that only reads.

    Raises:
        InputError: no context was named.
    """
    chosen = target_cluster.named(kubeconfig, context)
    if chosen is None:
        raise InputError("name a cluster or manifests", hint="--context NAME, or paths")
    return connect(kubeconfig=chosen.kubeconfig, context=chosen.context)
