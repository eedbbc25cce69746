"""`npol doctor`: can this cluster be trusted, with which rights, and what is going on?"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from typing import Annotated

import typer

from harness import where
from harness.canary import prove_enforcement
from harness.cli.options import Context, Kubeconfig
from harness.cluster.connection import Connection, Mode, connect
from harness.cluster.custody.recovery import open_runs
from harness.cluster.engine import detect, gather
from harness.cluster.engines import Enforces, Engine
from harness.cluster.foreign import foreign_policies
from harness.cluster.preflight import missing_rights
from harness.cluster.rbac import manifests
from harness.cluster.signals import Stop
from harness.documents import dump
from harness.errors import ExitCode, NpolError
from harness.model.story import PodSettings
from harness.report.escape import safe


def doctor(
    context: Context = None,
    kubeconfig: Kubeconfig = None,
    namespaces: Annotated[
        list[str] | None, typer.Option("--namespaces", "-n", help="Those that stories name.")
    ] = None,
    rbac: Annotated[
        Mode | None, typer.Option("--rbac", help="Print the rights that this mode needs.")
    ] = None,
    mode: Annotated[Mode, typer.Option("--mode", help="Check the rights of this mode.")] = (
        Mode.APPLY
    ),
    canary: Annotated[
        bool, typer.Option(help="Prove enforcement with two pods in npol-system.")
    ] = True,
) -> int:
    wanted = [n for item in namespaces or [] for n in item.split(",") if n]
    if rbac:
        typer.echo("---\n".join(dump(m) for m in manifests(rbac, wanted)), nl=False)
        return 0
    with where.cluster(kubeconfig, context) as chosen:
        connection = connect(kubeconfig=chosen.kubeconfig, context=chosen.context, mode=mode)
        return _examine(connection, wanted, canary=canary and mode is Mode.APPLY)


def _examine(connection: Connection, namespaces: Sequence[str], *, canary: bool) -> int:
    version = connection.raw("GET", "/version").get("gitVersion", "")
    engine = detect(gather(connection))
    for line in (
        f"cluster      {connection.context} ({connection.server}), Kubernetes {version}",
        *_engine(engine),
        *_rights(connection, namespaces),
        *_others(connection, namespaces),
    ):
        typer.echo(safe(line))
    code, proof = _proof(connection, engine) if canary else (ExitCode.AS_EXPECTED, "not asked")
    typer.echo(safe(f"enforcement  {proof}"))
    return int(code)


def _engine(engine: Engine) -> Iterator[str]:
    flavour = f", {engine.flavour}" if engine.flavour else ""
    yield f"engine       {engine.title}, version {engine.version}{flavour}"
    for text in engine.evidence:
        yield f"             {text}"
    for agent in engine.agents:
        yield f"             {agent.name}: {agent.ready} of {agent.desired} ready"
    if engine.conflict:
        yield f"conflict     {engine.conflict}"


def _rights(connection: Connection, namespaces: Sequence[str]) -> Iterator[str]:
    missing = missing_rights(connection, namespaces)
    if not missing:
        yield f"rights       all that mode {connection.mode.value} needs"
    for finding in missing:
        yield f"rights       {finding.what}"


def _others(connection: Connection, namespaces: Sequence[str]) -> Iterator[str]:
    others = foreign_policies(connection, namespaces)
    yield f"other kinds  {', '.join(others.found) or 'no policies of other kinds'}"
    if others.unread:
        yield f"             may not read: {', '.join(others.unread)}"
    for run in open_runs(connection):
        yield f"open run     {run}"


def _proof(connection: Connection, engine: Engine) -> tuple[ExitCode, str]:
    if engine.enforces is Enforces.NO:
        return ExitCode.REFUSED, f"NetworkPolicies are NOT enforced here: {engine.off}"
    run_id = f"doctor-{secrets.token_hex(4)}"
    with Stop() as stop:
        try:
            proof = prove_enforcement(connection, run_id=run_id, settings=PodSettings(), stop=stop)
        except NpolError as error:
            return error.exit_code, error.message
    return ExitCode.AS_EXPECTED, str(proof)
