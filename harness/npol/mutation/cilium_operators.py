"""Small mistakes in one of Cilium's own policies: no rule, a deny that allows, an open default."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from npol.mutation.mutant import Mutant
from npol.policy.objects.cilium_types import CiliumPolicy, CiliumRule, CiliumSection
from npol.policy.objects.netpol_types import Direction


def cilium_mutants(policy: CiliumPolicy) -> Iterator[Mutant]:
    """
    The policy removed; each rule removed, turned from deny to allow and back, and without its
    ports; `enableDefaultDeny` turned round for each direction that has rules.
    """
    yield Mutant(policy=policy, becomes=None, what="policy removed", origin=policy.origin)
    for section in policy.sections:
        for direction in Direction:
            if any(rule.direction is direction for rule in section.rules):
                yield _turned(policy, section, direction)
        for rule in section.rules:
            for changed, what in _changed(rule):
                rules = [changed if r is rule else r for r in section.rules]
                kept = replace(section, rules=tuple(r for r in rules if r is not None))
                if becomes := _with(policy, section, kept):
                    yield Mutant(policy=policy, becomes=becomes, what=what, origin=rule.origin)


def _turned(policy: CiliumPolicy, section: CiliumSection, direction: Direction) -> Mutant:
    closes = direction in section.isolates
    changed = replace(section, isolates=section.isolates ^ {direction})
    what = f"enableDefaultDeny {direction.field} became {'false' if closes else 'true'}"
    becomes = _with(policy, section, changed)
    return Mutant(policy=policy, becomes=becomes, what=what, origin=section.origin)


def _changed(rule: CiliumRule) -> Iterator[tuple[CiliumRule | None, str]]:
    yield None, "rule removed"
    if not _allows_only(rule):
        words = ("deny", "allow") if rule.denies else ("allow", "deny")
        yield replace(rule, denies=not rule.denies), f"{words[0]} became {words[1]}"
    if rule.ports and rule.peers is not None:
        yield replace(rule, ports=None), "ports dropped"


def _allows_only(rule: CiliumRule) -> bool:
    """Whether it has what no deny may have."""
    named = any(peer.named for peer in rule.peers or ())
    return bool(rule.asks) or named or any(port.asks for port in rule.ports or ())


def _with(
    policy: CiliumPolicy, section: CiliumSection, changed: CiliumSection
) -> CiliumPolicy | None:
    """The policy with a section replaced, or without it if no rule is left; None: nothing is."""
    directions = {rule.direction for rule in changed.rules}
    changed = replace(changed, isolates=changed.isolates & directions)
    kept = [changed if s is section else s for s in policy.sections]
    left = tuple(s for s in kept if s.rules)
    return replace(policy, sections=left) if left else None
