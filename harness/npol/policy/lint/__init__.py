"""
The lint of NetworkPolicies: `lint(documents)`, or with the world that they will meet.

Each rule is a function of one noun's module; `findings` lists them with ids and severities.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from npol.policy.lint import blocks, dns, platform, ports, redundancy, selectors, syntax, types
from npol.policy.lint.context import Checked, Scope
from npol.policy.lint.files import of_files
from npol.policy.lint.findings import LintFinding, LintRule, Severity
from npol.policy.lint.ignored import unanswered
from npol.policy.lint.platform_objects import PlatformObjects
from npol.policy.objects.dialects import SPEC, Dialect
from npol.policy.parse.object_source import Given, Source, sources
from npol.policy.parse.parse_calico import is_calico_policy
from npol.policy.parse.parse_cilium import is_cilium_policy
from npol.policy.parse.parse_policies import ParsedPolicy, is_policy, parse_policy
from npol.policy.parse.parse_tiers import is_tier_policy
from npol.policy.parse.server_review import is_misnamed_policy
from npol.policy.state.apply_changes import apply
from npol.policy.state.cluster_state import ClusterState
from npol.policy.state.dns import with_dns

__all__ = ["LintFinding", "LintRule", "Severity", "lint", "of_files"]

_OF_SHAPE = (types.empty_rules, blocks.host_bits)
_OF_MEANING = (
    selectors.selects_no_pod,
    selectors.host_network_only,
    selectors.host_network_peers,
    selectors.no_such_namespace,
    selectors.peers_select_nothing,
    selectors.stray_dash,
    selectors.wrong_selector,
    ports.ports_without_listener,
    dns.dns,
    blocks.blocks,
    blocks.one_family,
    types.live_types,
    platform.called_by_the_api_server,
    platform.asking_the_api_server,
    platform.scraped,
)


def lint(
    given: Iterable[Given],
    world: ClusterState | None = None,
    dialect: Dialect = SPEC,
    *,
    default_namespace: str = "default",
) -> list[LintFinding]:
    """
    Everything that is odd about the policies among these objects, in the order of the files.

    What selectors find is looked up among the objects and in `world`, such as the cluster
    that they are for. Where nothing is known of a namespace's pods, nothing is said of them.
    """
    found = list(sources(given))
    policies = [
        Checked(s, _read(s, dialect, default_namespace))
        for s in found
        if is_policy(s) and not is_misnamed_policy(s)
    ]
    valid = [c for c in policies if not c.reading.mistakes]
    rest = [s for s in found if not is_policy(s)]
    around = apply(world or ClusterState(), rest, default_namespace=default_namespace)
    around = around.as_read(dialect).with_policies(c.policy for c in valid)
    before = world or ClusterState()
    objects = PlatformObjects(tuple(rest))
    scope = Scope(with_dns(around), around, dialect, objects, before.as_read(dialect))
    findings = [*syntax.duplicate_keys(found), *syntax.same_names(policies, rest)]
    findings += syntax.no_namespace(policies, rest)
    findings += syntax.refused_objects(rest)
    for source in found:
        findings += syntax.wrong_api_version(source)
        findings += syntax.commands(source)
        if source.kind == "NetworkPolicy":
            findings += syntax.typographic(source)
    findings += redundancy.superfluous(valid)
    findings += _of_other_kinds(rest, scope, default_namespace)
    for checked in policies:
        findings += _of_one(scope, checked)
    order = {s.document.file: n for n, s in enumerate(found) if s.document}
    documents = [s.document for s in found if s.document]
    return sorted(unanswered(findings, documents), key=lambda f: _place(f, order))


def _of_other_kinds(
    sources: Sequence[Source], scope: Scope, default_namespace: str
) -> Iterator[LintFinding]:
    """What judges kinds that few files hold is imported where one holds them."""
    if any(map(is_tier_policy, sources)):
        from npol.policy.lint.tiers import tier_findings

        yield from tier_findings(sources, scope)
    if any(map(is_cilium_policy, sources)):
        from npol.policy.lint.cilium import cilium_findings

        yield from cilium_findings(sources, scope, default_namespace)
    if any(map(is_calico_policy, sources)):
        from npol.policy.lint.calico import calico_findings

        yield from calico_findings(sources, scope, default_namespace)


def _read(source: Source, dialect: Dialect, default_namespace: str) -> ParsedPolicy:
    reading = parse_policy(source, default_namespace=default_namespace)
    return replace(reading, policy=dialect.read(reading.policy))


def _of_one(scope: Scope, checked: Checked) -> Iterator[LintFinding]:
    yield from syntax.refusals(checked)
    if checked.reading.mistakes:
        return
    yield from types.policy_types(checked, scope.dialect)
    for shape in _OF_SHAPE:
        yield from shape(checked)
    for meaning in _OF_MEANING:
        yield from meaning(scope, checked)


def _place(finding: LintFinding, order: dict[str, int]) -> tuple[int, int, int, str]:
    if finding.at is None:
        return len(order), 0, 0, f"{finding.subject} {finding.id}"
    file = order.get(finding.at.file, len(order))
    return file, finding.at.line, finding.at.column, finding.id
