"""What a run is going to do, and what rules it out."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from npol.kube.rbac import Extras


@dataclass(frozen=True, slots=True, kw_only=True)
class PreflightProblem:
    """One thing that rules the run out."""

    what: str
    hint: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PreflightRequest:
    """What a run is going to do."""

    namespaces: Collection[str]
    """All that the story names."""
    changed: Collection[str] = ()
    """Those in which something is written: debug pods, policies, labels."""
    named_at: Mapping[str, str] = field(default_factory=dict)
    """Where the story first names one of them, where that is known."""
    given: Collection[str] = ()
    """Those that `--create` makes."""
    created: Collection[str] = ()
    """Those that the run makes itself."""
    pods: Collection[Mapping[str, Any]] = ()
    """Manifests of the debug pods."""
    leave_user: bool = False
    """Whether they may do without the uid that they name."""
    extras: Extras = ()
    """What the story does that not every story does."""
    denies: bool = False
    """Whether any flow is expected to be denied."""
    uid: str = ""
    """The cluster that is meant, if it is known."""
    against: Callable[[], Iterable[PreflightProblem]] = tuple
    """What else speaks against it; looked at beside the rest."""
