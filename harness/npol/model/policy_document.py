"""The page of record: what the policies mean, and what a story proves of them. Values only."""

from __future__ import annotations

from dataclasses import dataclass

from npol.model.described_policy import PolicyLine
from npol.model.refused_object import RefusedObject


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentedPolicy:
    """One policy in words."""

    namespace: str
    name: str
    place: str
    """`file:line`; "" for one that no file holds."""
    lines: tuple[PolicyLine, ...]
    applied: str = ""
    """How the cluster's object compares with the file; "" where no cluster was asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelNeed:
    """Labels that some policy asks for."""

    pods_in: str | None
    """The pods' namespaces, "" for none now; None: the labels are those of namespaces."""
    labels: str
    carried_by: tuple[str, ...]
    """What carries them: namespaces, or workloads."""
    needed_by: tuple[str, ...]
    """`policy (file:line)`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentedFlow:
    """Who may reach whom."""

    source: str
    target: str
    """`backend:80/tcp`, `backend:80/tcp /api/health`, or `name backend.backend-dev`."""
    answer: str
    """`allowed`, `denied`, or `not known: ...`."""
    because: tuple[str, ...]
    """The policies that decide, at file:line."""
    asked_in: str
    """The step that asks it with packets under the same answer; "" for none."""
    foretold: bool = True
    """Whether the policies are known to allow it or not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentedStep:
    """One step of the story: what it changes, and what it holds then."""

    name: str
    changes: tuple[str, ...]
    checks: tuple[str, ...]
    flows: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyDocument:
    """Everything on the page, in its order."""

    title: str
    command: str
    """That writes the page."""
    state: str
    """Which policies are meant."""
    facts: tuple[str, ...] = ()
    """The cluster: engine, versions. Empty without one."""
    policies: tuple[DocumentedPolicy, ...] = ()
    missing: tuple[str, ...] = ()
    """Policies of files that the cluster does not have."""
    refused: tuple[RefusedObject, ...] = ()
    """Policies of files that the API server refuses: nothing here is of them."""
    labels: tuple[LabelNeed, ...] = ()
    peers: tuple[tuple[str, str], ...] = ()
    """Name, and who that is."""
    flows: tuple[DocumentedFlow, ...] = ()
    matrix: str = ""
    """A Markdown table of groups of pods, where no story names flows."""
    files: tuple[str, ...] = ()
    """In the order of application."""
    applying: tuple[str, ...] = ()
    """kubectl, a line per namespace where files are about one each; so are the next two."""
    deleting: tuple[str, ...] = ()
    verifying: tuple[str, ...] = ()
    """What prints nothing after the rollback."""
    rollback: str = ""
    """The one command of npol that does it and proves it; "" without a story."""
    proof: tuple[str, ...] = ()
    """What holds again after a rollback."""
    steps: tuple[DocumentedStep, ...] = ()
