"""`npol init`: where do I start?"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from npol import story
from npol.cli import inputs
from npol.cli.arguments.init import InitArguments
from npol.cli.rendered import rendered, to_be_rendered
from npol.cli.scope_lines import scope_lines
from npol.cli.streams import say
from npol.cli.typed_namespaces import typed_namespaces
from npol.errors import ExitCode, InputError
from npol.kube.guard import protected
from npol.model.change import Manifest
from npol.model.observed import ObservedTraffic
from npol.policy.lint import LintRule, Severity, lint
from npol.policy.objects.dialects import CILIUM, LAB, SPEC, Dialect
from npol.policy.state.apply_changes import build
from npol.policy.state.cluster_state import ClusterState
from npol.policy.state.dns import with_dns
from npol.policy.suggest.story_data import story_data
from npol.policy.suggest.suggest import Suggestion, suggest
from npol.report.escape import safe
from npol.story import Survey
from npol.story.mixed_manifests import is_split_off
from npol.yaml_positions import dump

HEAD = (
    "# A first story: the flows that the policies talk about, with predicted verdicts. Edit it.\n"
)
HEAD_OBSERVED = "# A first story: the flows that were seen, with what became of them. Edit it.\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class _StorySources:
    """What a story is made of. `given` and `policies` as the story names them."""

    world: ClusterState
    dialect: Dialect = SPEC
    given: Sequence[Any] = ()
    policies: Sequence[Any] = ()
    namespace: str = ""
    doubts: Sequence[str] = field(default_factory=tuple)
    left_out: int = 0
    """Documents that are no objects."""


def init(arguments: InitArguments) -> int:
    sources = (arguments.manifests, arguments.chart, arguments.kustomization)
    named = sum(map(bool, (*sources, arguments.from_cluster)))
    if named > 1 or not (named or arguments.observed):
        hint = "one of --helm CHART, --kustomize DIR, --from-manifests PATH, --from-cluster; "
        raise InputError("say what the story is for", hint=f"{hint}or --observed FLOWS")
    found = _sources(arguments, anything=bool(named))
    traffic, dialect = None, found.dialect
    if arguments.observed:
        from npol.cli.observed import dialect_of, observed

        traffic = observed(arguments.observed)
        dialect = dialect_of(traffic, None)
    suggestion = _suggestion(found.world, traffic, dialect)
    data = story_data(
        suggestion,
        name=arguments.name,
        given=found.given,
        policies=found.policies,
        namespace=found.namespace,
    )
    head = HEAD_OBSERVED if arguments.observed else HEAD
    say(_modeline() + head + dump(data), nl=False)
    for policy in found.world.refused:
        say(safe(f"# {policy}"))
    for line in scope_lines(found.world, dialect, left_out=found.left_out):
        say(safe(f"# {line}"))
    _print_doubts(suggestion, (*found.doubts, *suggestion.doubts))
    # something in every cluster's traffic cannot be asked again
    left_out = not suggestion.flows if arguments.observed else suggestion.unknown
    incomplete = left_out or found.world.refused
    return int(ExitCode.UNKNOWN if incomplete else ExitCode.AS_EXPECTED)


def _sources(arguments: InitArguments, *, anything: bool) -> _StorySources:
    """Traffic that was seen needs neither manifests nor a cluster."""
    if not anything:
        return _StorySources(world=ClusterState())
    return _of_cluster(arguments) if arguments.from_cluster else _of_manifests(arguments)


def _suggestion(
    world: ClusterState, traffic: ObservedTraffic | None, dialect: Dialect
) -> Suggestion:
    if traffic is None:
        return suggest(world, dialect, closed=protected)
    from npol.cli.observed import in_words
    from npol.policy.observed.observed_story import suggest_observed

    return in_words(suggest_observed(world, traffic.flows, dialect, closed=protected))


def _print_doubts(suggestion: Suggestion, doubts: Sequence[str]) -> None:
    for flow in suggestion.unknown:
        say(safe(f"# left out: {flow}"))
    for doubt in doubts:
        say(safe(f"# doubt: {doubt}"))
    denied = sum(flow.expect == "deny" for flow in suggestion.flows)
    counted = f"{len(suggestion.flows)} flows, {denied} of them denied"
    say(f"# {counted}; {len(suggestion.unknown)} left out, {len(doubts)} doubts")


def _modeline() -> str:
    """The schema where it is installed, so that an editor finds it."""
    schema = os.path.join(os.path.dirname(story.__file__), "npol.schema.json")
    beside = os.path.relpath(schema)
    return f"# yaml-language-server: $schema={schema if beside.startswith('..') else beside}\n"


def _of_cluster(arguments: InitArguments) -> _StorySources:
    from npol.cli.cluster_inputs import of_cluster  # no kubeconfig is read for manifests

    named = typed_namespaces(arguments.namespaces or ())
    seen = of_cluster(arguments.kubeconfig, arguments.context, named)
    return _StorySources(world=seen.world, dialect=seen.dialect)


def _of_manifests(arguments: InitArguments) -> _StorySources:
    namespaces = typed_namespaces(arguments.namespaces or ()) or ["default"]
    if len(namespaces) > 1:
        raise InputError(
            "manifests that name no namespace go into one", hint="-n once, a story for each"
        )
    survey, source = _read(arguments, namespaces[0])
    policies = [m for m in survey.manifests if is_split_off(m)]
    others = [m for m in survey.manifests if m not in policies]
    homeless = any(_names_none(m) for m in survey.manifests)
    world = with_dns(build(survey.manifests, default_namespace=namespaces[0]))
    return _StorySources(
        world=world,
        dialect=CILIUM if inputs.plugin_of(world) is CILIUM else LAB,
        given=_as_named(others, source),
        policies=_as_named(policies, source),
        namespace=namespaces[0] if homeless or arguments.namespaces else "",
        doubts=[*map(str, survey.unreadable), *_odd(survey)],
        left_out=len(survey.left_out),
    )


def _read(arguments: InitArguments, namespace: str) -> tuple[Survey, dict[str, Any] | None]:
    """The manifests, and the entry by which a story names them; None: by their files."""
    if arguments.manifests:
        return inputs.surveyed(arguments.manifests, arguments.root, namespace), None
    source = to_be_rendered(arguments)
    assert source  # one of the two is named
    return rendered(source, arguments.root, namespace), source


def _as_named(manifests: Iterable[Manifest], source: dict[str, Any] | None) -> list[Any]:
    files = sorted({os.path.relpath(m.at.file) for m in manifests})
    return files if source is None else [source] if files else []


def _names_none(manifest: Manifest) -> bool:
    written = manifest.document.data.get("metadata", {})
    return bool(manifest.namespace) and not written.get("namespace")


def _odd(survey: Survey) -> Iterable[str]:
    """
    What `npol check` says of the policies: a wrong one is a wrong expectation, too.

    Peers that select no pod are left out: a debug pod bears their labels.
    """
    for finding in lint(survey.manifests, ClusterState(), LAB):
        no_pod = finding.rule is LintRule.PEER_SELECTS_NO_POD
        if finding.severity is not Severity.NOTE and not no_pod:
            yield str(finding)
