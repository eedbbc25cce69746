"""`npol doctor`: can this cluster be trusted, with which rights, and what is going on?"""

from __future__ import annotations

import secrets
from collections.abc import Collection, Iterator, Sequence

from npol import target_cluster
from npol.changes.recover.recovery import OpenRun, UnreadJournals, open_runs
from npol.cli.arguments.doctor import DoctorArguments
from npol.cli.doctor_output import DoctorOutput, collect_into
from npol.cli.report import read_report
from npol.cli.streams import say
from npol.cli.typed_namespaces import typed_namespaces
from npol.cni.catalogue import Enforces, Engine
from npol.cni.detect import detect, gather
from npol.cni.other_policy_kinds import foreign_policies
from npol.cni.preflight import missing_rights
from npol.diagnose import DoctorFinding, FindingState, examine, flow_records
from npol.diagnose.archive import check_new
from npol.diagnose.reader import examined
from npol.errors import PRECEDENCE, ExitCode, NpolError, UnknownVerdict
from npol.kube.api_errors import Forbidden
from npol.kube.connection import Connection, Mode, connect
from npol.kube.rbac import Extras, manifests, record_manifests
from npol.kube.signals import Stop
from npol.model.story import Story
from npol.model.story_settings import PodSettings
from npol.report.json import to_json
from npol.run.enforcement_proof import prove_enforcement
from npol.run.namespaces import extras_of, named_namespaces, namespaces_of
from npol.story import load_story
from npol.yaml_positions import dump


def doctor(arguments: DoctorArguments) -> int:
    told_of = [load_story(path) for path in arguments.stories or ()]
    wanted = _wanted(arguments.namespaces or (), told_of)
    extras = {extra for story in told_of for extra in extras_of(story)}
    if arguments.rbac:
        made = manifests(arguments.rbac, wanted, extras=extras)
        say("---\n".join(dump(m) for m in made), nl=False)
        if arguments.rbac is not Mode.READ_ONLY:
            say(_apart(), nl=False)
        return 0
    told = to_json(read_report(arguments.report)) if arguments.report else ""
    if arguments.collect:
        check_new(arguments.collect)
    with target_cluster.cluster(arguments.kubeconfig, arguments.context) as chosen:
        connection = connect(
            kubeconfig=chosen.kubeconfig, context=chosen.context, mode=arguments.mode
        )
        said = DoctorOutput()
        code = _examine(
            connection,
            wanted,
            extras,
            said,
            given={n for story in told_of for n in namespaces_of(story.given)},
            canary=arguments.canary and arguments.mode is Mode.APPLY,
        )
        if arguments.collect:
            collect_into(arguments.collect, connection, wanted, said, told)
        return code


def _apart() -> str:
    """A right that nobody should apply unread, as a comment."""
    documents = "---\n".join(dump(m) for m in record_manifests())
    head = (
        "Apart, and only for --flow-records auto where Cilium's agents run in kube-system:\n"
        "exec in an agent's pod amounts to root on its node. Verdicts are the same without.\n"
        "---\n"
    )
    return "".join(f"# {line}\n" for line in (head + documents).splitlines())


def _wanted(namespaces: Sequence[str], stories: Sequence[Story]) -> list[str]:
    """The namespaces that were named, and those of the stories."""
    return sorted(set(typed_namespaces(namespaces)).union(*map(named_namespaces, stories)))


def _examine(
    connection: Connection,
    namespaces: Sequence[str],
    extras: Extras,
    said: DoctorOutput,
    *,
    given: Collection[str],
    canary: bool,
) -> int:
    version = connection.raw("GET", "/version").get("gitVersion", "")
    said.line(f"{connection.context} ({connection.server}), Kubernetes {version}")
    engine = detect(gather(connection))
    codes = {
        said.finding(finding)
        for finding in (
            *_engine(engine),
            *_rights(connection, namespaces, extras),
            *examine(connection, engine, namespaces, given),
            *_others(connection, namespaces or examined(connection)),
            *flow_records.findings(connection),
        )
    }
    if canary:
        code, proof = _proof(connection, engine)
        codes |= {code, said.finding(proof)}
    return int(next(code for code in PRECEDENCE if code in codes))


_ENFORCES = {
    Enforces.YES: FindingState.OK,
    Enforces.NO: FindingState.PROBLEM,
    Enforces.MAYBE: FindingState.UNVERIFIED,
}

_REMEDIES = {
    Enforces.YES: "",
    Enforces.NO: "install an engine that enforces, such as Calico or Cilium, or switch this one on",
    Enforces.MAYBE: "the canary proves it: see below, `enforcement`",
}


def _engine(engine: Engine) -> Iterator[DoctorFinding]:
    flavour = f", {engine.flavour}" if engine.flavour else ""
    seen = "; ".join((*engine.evidence, *([engine.off] if engine.off else [])))
    text = f"{engine.title}, version {engine.version}{flavour}" + (f" ({seen})" if seen else "")
    yield DoctorFinding("engine", _ENFORCES[engine.enforces], text, _REMEDIES[engine.enforces])
    if engine.conflict:
        yield DoctorFinding("engine", FindingState.PROBLEM, engine.conflict)


def _rights(
    connection: Connection, namespaces: Sequence[str], extras: Extras
) -> Iterator[DoctorFinding]:
    missing = missing_rights(connection, namespaces, extras=extras)
    if not missing:
        yield DoctorFinding("RBAC", FindingState.OK, f"all that mode {connection.mode.value} needs")
    for finding in missing:
        yield DoctorFinding("RBAC", FindingState.PROBLEM, finding.what, finding.hint)


def _others(connection: Connection, namespaces: Sequence[str]) -> Iterator[DoctorFinding]:
    others = foreign_policies(connection, namespaces)
    if others.found:
        text = f"Other policy kinds may affect results: {', '.join(others.found)}"
        yield DoctorFinding(
            "other kinds",
            FindingState.UNVERIFIED,
            text,
            "predictions know ClusterNetworkPolicies and the network plugin's own kinds; near "
            "others they are unknown (docs/semantics.md)",
        )
    elif not others.unread:
        yield DoctorFinding("other kinds", FindingState.OK, "no policies of other kinds")
    if others.unread:
        yield DoctorFinding(
            "other kinds",
            FindingState.UNVERIFIED,
            f"may not read {', '.join(map(str, others.unread))}",
        )
    yield from _open_runs(connection)


def _open_runs(connection: Connection) -> Iterator[DoctorFinding]:
    try:
        yield from (_open_run(connection, run) for run in open_runs(connection))
    except Forbidden as error:  # mode read-only has no right to the journals
        yield DoctorFinding("open run", FindingState.UNVERIFIED, error.message)
    except UnreadJournals as error:
        yield from (_open_run(connection, run) for run in error.runs)
        for each in error.unread:
            yield DoctorFinding("open run", FindingState.PROBLEM, each.message, each.hint)


def _open_run(connection: Connection, run: OpenRun) -> DoctorFinding:
    if run.left:
        return DoctorFinding("open run", FindingState.OK, f"left on purpose: {run}")
    hint = f"if it is dead: npol recover {run.run_id} {connection.options}"
    return DoctorFinding("open run", FindingState.PROBLEM, str(run), hint)


def _proof(connection: Connection, engine: Engine) -> tuple[ExitCode, DoctorFinding]:
    """Whether policies bite, by packets."""
    topic = "enforcement"
    if engine.enforces is Enforces.NO:
        text = f"NetworkPolicies are NOT enforced here: {engine.off}"
        return ExitCode.REFUSED, DoctorFinding(topic, FindingState.PROBLEM, text)
    run_id = f"doctor-{secrets.token_hex(4)}"
    with Stop() as stop:
        try:
            proof = prove_enforcement(connection, run_id=run_id, settings=PodSettings(), stop=stop)
        except NpolError as error:
            state = (
                FindingState.UNVERIFIED
                if isinstance(error, UnknownVerdict)
                else FindingState.PROBLEM
            )
            return error.exit_code, DoctorFinding(topic, state, error.message, error.hint)
    return ExitCode.AS_EXPECTED, DoctorFinding(topic, FindingState.OK, str(proof))
