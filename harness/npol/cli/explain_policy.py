"""`npol explain NAMESPACE/POLICY`: what a policy of any evaluated kind says, and whom it means."""

from __future__ import annotations

from collections.abc import Sequence

from npol.cli.streams import say_wrapped
from npol.errors import ExitCode, InputError, Position
from npol.model.described_policy import PolicyLine
from npol.policy.explain.describe import explain_policy
from npol.policy.explain.describe_ranked import describe_ranked
from npol.policy.objects.dialects import Dialect
from npol.policy.objects.netpol_types import Policy
from npol.policy.state.cluster_state import ClusterState, EvaluatedPolicy
from npol.report.described_policy import OWN_NODE, line_words
from npol.report.escape import safe


def print_policy(world: ClusterState, what: str, dialect: Dialect) -> ExitCode:
    """
    Print every policy that is called `what`: `NAME`, `NAMESPACE/NAME`, with its kind before it or
    without.

    Raises `InputError` where none is.
    """
    kind, _, name = what.rpartition(" ")
    namespace, _, own_name = name.rpartition("/")
    wanted = {(namespace or place, own_name) for place in ("", "default")}
    refused = [
        one
        for one in world.refused
        if (one.namespace, one.name) in wanted and kind in ("", one.kind)
    ]
    found = [
        policy
        for policy in world.every_policy
        if (policy.namespace, policy.name) in wanted
        and (kind in ("", policy.origin.kind) or what == str(policy))
    ]
    if not found and not refused:
        known = ", ".join(map(str, (*world.every_policy, *world.others))) or "none"
        raise InputError(f"there is no policy {what}", hint=f"policies: {known}")
    for one in refused:
        say_wrapped(safe(str(one)))
    for policy in found:
        _print_one(world, policy, dialect)
    return ExitCode.UNKNOWN if refused else ExitCode.AS_EXPECTED


def _print_one(world: ClusterState, policy: EvaluatedPolicy, dialect: Dialect) -> None:
    if not isinstance(policy, Policy):
        _print_lines(describe_ranked(world, policy))
        return
    described = explain_policy(world, policy, dialect)
    _print_lines(described.lines)
    if described.own_node_passes:
        say_wrapped(f"  note: {OWN_NODE}")


def _print_lines(lines: Sequence[PolicyLine]) -> None:
    for line in lines:
        say_wrapped(("  " if line.nested else "") + with_place(line_words(line), line.at))


def with_place(text: str, at: Position | None) -> str:
    """With `file:line:column`, unless the text names the line."""
    known = not at or f"{at.file}:{at.line}" in text
    return safe(text if known else f"{text} ({at})")
