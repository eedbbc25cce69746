"""How a story is to be run."""

from __future__ import annotations

from collections.abc import Callable, Collection
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass


def silent(_: str) -> None:
    """Nobody listens to progress."""


def at_once(changed: Collection[str], read: Collection[str]) -> AbstractContextManager[None]:
    """No other run is known that this one should wait for."""
    return nullcontext()


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """One run's settings; `say` is told of progress, one line at a time."""

    kubeconfig: str | None
    context: str
    create: bool = False
    """Create what the story lists under `given`, and delete it at the end."""
    create_all: bool = False
    """Of it also what counts for the whole cluster: roles, webhooks, definitions of kinds."""
    replace: bool = False
    """Policies that exist already may be replaced; they come back at the end."""
    allow_gitops: bool = False
    """Objects that Argo CD, Flux and the like keep as Git has them may be changed."""
    assume_enforced: bool = False
    """Judge denies although nothing proves that the cluster enforces policies."""
    pods_beside: bool = True
    """Make pods in npol's own namespace that show that the sources' nodes can send."""
    wait: float = 0.0
    """Seconds to wait for a namespace that another run holds."""
    recover_stale: bool = False
    """Where the run that holds a namespace is dead, restore what it left, then begin."""
    max_unlisted_pods: int = 50
    """The blast radius: how many pods that the story does not name its policies may select."""
    disposable: bool = False
    """The cluster ends with this process: no watchdog and no local journal are needed."""
    settle: float | None = None
    """Seconds in which flows may come to what is expected, instead of what stories say."""
    start_within: float | None = None
    """Seconds in which debug pods must run, instead of what stories say."""
    leave: bool = False
    """Keep what the steps applied."""
    keep: bool = False
    """Leave the debug pods, which end by themselves after an hour."""
    watched: bool = False
    """The flows are asked again and again after the last step."""
    qps: float | None = None
    """The most requests to the API server a second; None: no limit on this side."""
    flow_records: str = "auto"
    """Where the data plane's records are read: `auto`, `off`, a file's path, `-`."""
    namespaces: tuple[str, ...] = ()
    """Further namespaces that steps may change which the story does not have yet."""
    say: Callable[[str], None] = silent
    notice: Callable[[str], None] = silent
    """Is told what must be seen before anything is sent, one line at a time."""
    turn: Callable[[Collection[str], Collection[str]], AbstractContextManager[None]] = at_once
    """Entered first and left last: waits for runs that use the namespaces changed and read."""
