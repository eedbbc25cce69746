"""
What is looked at before anything is changed. Everything that is wrong is said at once.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from npol.cni.catalogue import Enforces, Engine
from npol.cni.detect import detect
from npol.cni.facts import ask_server, gather
from npol.cni.other_policy_kinds import ForeignPolicies, foreign_policies
from npol.cni.own_rights import denied
from npol.cni.preflight_namespaces import (
    namespace_problems,
    read_namespaces,
    state_namespace_problems,
)
from npol.cni.preflight_request import PreflightProblem, PreflightRequest
from npol.errors import NpolError, Refused
from npol.kube.api_errors import ApiError, Forbidden, Unreachable
from npol.kube.connection import Connection
from npol.kube.guard import Mode, protected
from npol.kube.objects import NAMESPACES, Ref
from npol.kube.pod_user import create
from npol.kube.rbac import Extras, rights
from npol.kube.right_groups import right_groups
from npol.model.inventory import Obj

OLDEST = (1, 25)
"""The oldest Kubernetes whose API is known to be enough."""
LOOKS = 9
"""What preflight looks at at once."""
NO_DRY_RUN = "does not support dry run"
"""What the API server says of a webhook that it may not ask without an effect."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Preflight:
    """A cluster that may be tested: what it is, and what a reader of the report should know."""

    uid: str
    """Of the namespace kube-system: the cluster's identity."""
    version: str
    engine: Engine
    other_policies: tuple[Obj, ...] = ()
    """Policies of other kinds that may decide the story's flows."""
    notes: tuple[str, ...] = ()


def preflight(connection: Connection, plan: PreflightRequest) -> Preflight:
    """
    Look at everything, change nothing.

    Raises:
        Refused: with all findings.
        Unreachable: no API server.
    """
    with ThreadPoolExecutor(max_workers=LOOKS) as pool:
        server = pool.submit(ask_server, connection)
        against = pool.submit(lambda: list(plan.against()))
        identity = pool.submit(_identity, connection, plan)
        namespaces = pool.submit(read_namespaces, connection, plan)
        state = pool.submit(lambda: list(state_namespace_problems(connection)))
        rights = pool.submit(
            missing_rights, connection, plan.namespaces, plan.created, extras=plan.extras
        )
        pods = pool.submit(lambda: list(_pods(connection, plan)))
        facts = pool.submit(lambda: gather(connection, server.result()))
        foreign = pool.submit(
            lambda: foreign_policies(connection, plan.namespaces, server.result().groups)
        )
        version = server.result().version
        notes = [*_version_notes(version), *_kubeconfig_notes(connection)]
        findings = against.result()
        uid, wrong = identity.result()
        findings += wrong
        findings += namespace_problems(namespaces.result(), plan, notes)
        findings += [*state.result(), *rights.result(), *pods.result()]
        engine = detect(facts.result())
        findings += _engine(engine, plan, notes)
        others = foreign.result()
    notes += _foreign(others)
    if findings:
        raise refusal(connection, findings)
    return Preflight(
        uid=uid,
        version=version,
        engine=engine,
        other_policies=others.policies,
        notes=tuple(notes),
    )


def refusal(connection: Connection, findings: Collection[PreflightProblem]) -> Refused:
    """All findings as one error; what one remedy cures stands above it together."""
    by_hint: dict[str, list[str]] = {}
    for finding in findings:
        by_hint.setdefault(finding.hint, []).append(f"  - {finding.what}")
    lines = [
        line
        for hint, found in by_hint.items()
        for line in (*found, *([f"    try: {hint}"] if hint else []))
    ]
    problems = "1 problem" if len(findings) == 1 else f"{len(findings)} problems"
    head = f"Preflight failed for context {connection.context} (nothing changed), {problems}:"
    return Refused("\n".join([head, *lines]))


def missing_rights(
    connection: Connection,
    namespaces: Collection[str],
    created: Collection[str] = (),
    *,
    extras: Extras = (),
) -> list[PreflightProblem]:
    """The rights of the mode's table that the API server denies us, by access review."""
    mode = connection.mode
    wanted = rights(mode, [n for n in namespaces if n not in created], extras=extras)
    hint = f"an administrator applies what `npol doctor --rbac {mode.value} --story STORY` prints"
    return [
        PreflightProblem(what=f"may not {few}", hint=hint)
        for few in right_groups(denied(connection, wanted))
    ]


def _version_notes(version: str) -> Iterable[str]:
    match = re.match(r"v?(\d+)\.(\d+)", version)
    if match is None:
        yield f"the server's version {version!r} is not understood"
    elif (int(match[1]), int(match[2])) < OLDEST:
        yield f"Kubernetes {version} is older than 1.25, the oldest that is known to be enough"


def _kubeconfig_notes(connection: Connection) -> Iterable[str]:
    settings = connection.settings
    if settings.exposed:
        yield f"{settings.file} can be read by everybody on this machine"
    if settings.insecure:
        yield f"context {settings.name} does not verify the server's certificate"


def _identity(connection: Connection, plan: PreflightRequest) -> tuple[str, list[PreflightProblem]]:
    """The cluster's uid, and what is wrong with it."""
    try:
        found = connection.get(Ref(NAMESPACES, "", "kube-system"))
    except Forbidden as error:
        return "", [PreflightProblem(what=error.message, hint=error.hint)]
    uid = str(found["metadata"]["uid"]) if found else ""
    if not plan.uid or uid == plan.uid:
        return uid, []
    what = (
        f"context {connection.context} leads to another cluster than meant: "
        f"kube-system has uid {uid}, not {plan.uid}"
    )
    return uid, [PreflightProblem(what=what)]


def _pods(connection: Connection, plan: PreflightRequest) -> Iterable[PreflightProblem]:
    if connection.mode is Mode.READ_ONLY:
        return
    for manifest in plan.pods:
        namespace = str(manifest["metadata"]["namespace"])
        if namespace in plan.created or protected(namespace):
            continue
        try:
            create(connection, manifest, leave_user=plan.leave_user, dry_run=True)
        except Unreachable:
            raise
        except NpolError as error:
            if NO_DRY_RUN in error.message:
                continue  # what its webhook would say is known when the pod is made
            if isinstance(error, ApiError) and error.status == 404:
                continue  # the missing namespace is a finding of its own
            yield PreflightProblem(
                what=f"the debug pod is not admitted in {namespace}: {_verbatim(error)}",
                hint="`defaults.pod` sets image, resources, pull secrets, annotations and user",
            )


def _verbatim(error: NpolError) -> str:
    """The admission's own words."""
    body = error.body if isinstance(error, ApiError) else {}
    return str(body.get("message") or error.message)


def _engine(engine: Engine, plan: PreflightRequest, notes: list[str]) -> Iterable[PreflightProblem]:
    notes += () if engine.is_lab else engine.evidence
    if engine.conflict:
        yield PreflightProblem(what=engine.conflict)
    if engine.agents and not any(agent.ready for agent in engine.agents):
        yield PreflightProblem(
            what=f"no agent of {engine.title} is ready",
            hint=f"kubectl get daemonset -A; looked at {', '.join(a.name for a in engine.agents)}",
        )
    if plan.denies and engine.enforces is Enforces.NO:
        yield PreflightProblem(
            what=f"NetworkPolicies are not enforced here: {engine.off}",
            hint="--assume-enforced judges denies all the same",
        )


def _foreign(others: ForeignPolicies) -> Iterable[str]:
    if others.found:
        yield "Other policy kinds may affect results: " + ", ".join(others.found)
    if others.unread:
        yield "may not read other policy kinds: " + ", ".join(map(str, others.unread))
