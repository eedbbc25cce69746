"""
Kinds and API groups of Kubernetes and of policies that are nearly written as they are called.

An API server refuses them, and whoever looks for policies would pass over them without a word.
Kinds of other groups are somebody's own: of these nothing is said.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping

from npol.api_rules.resources import BUILT_IN, OWN_GROUPS
from npol.errors import Mistake, nearly
from npol.model.policy_kinds import NETWORK_POLICY, OTHER_POLICY_KINDS
from npol.yaml_positions import Document

_POLICIES = (NETWORK_POLICY, *OTHER_POLICY_KINDS)
_LONGEST_PIECE = 4
"""As much of a group's name may be left out, or be too much, in one piece: `network.k8s.io`."""


def misspelt(document: Document) -> Mistake | None:
    """What is wrong with an object's `apiVersion` or `kind`; None where nothing is known to be."""
    api_version, kind = document.data["apiVersion"], document.data["kind"]
    group = api_version.rpartition("/")[0]
    if not group and api_version != "v1":
        return None
    if group not in _kinds():
        meant = _near_group(group, kind)
        message, key = f"{kind} of {group} is no policy that is known", "apiVersion"
    else:
        meant = _near_kind(group, kind)
        message, key = f"{api_version} has no kind {kind}", "kind"
    if not meant:
        return None
    about = meant if key == "kind" else kind
    hint = f"did you mean {meant}?"
    return Mistake(document.at(key), message, hint, about=about, misspelt=True)


def is_told_by_the_lint(document: Document) -> bool:
    """Whether a rule of its own tells of the kind, and can mend it (`wrong_api_version`)."""
    group = document.data["apiVersion"].rpartition("/")[0]
    return group in OWN_GROUPS and document.data["kind"].lower().startswith("networkpolic")


@functools.cache
def _kinds() -> Mapping[str, Mapping[str, str]]:
    """Of each group the names that its kinds go by, with how they are written."""
    found: dict[str, dict[str, str]] = {}
    built_in = ((r.group, r.plural, r.kind) for r in BUILT_IN)
    policies = ((p.group, p.plural, p.kind) for p in _POLICIES)
    for group, plural, kind in (*built_in, *policies):
        found.setdefault(group, {}).update({plural: kind, kind.lower(): kind})
    return found


@functools.lru_cache
def _near_kind(group: str, kind: str) -> str:
    """The kind of a group that is meant; "" where it has the kind, or none that is near."""
    names = _kinds()[group]
    if kind in names.values():
        return ""
    word = kind.lower()
    return names.get(word) or names.get(nearly(word, names), "")


@functools.lru_cache
def _near_group(group: str, kind: str) -> str:
    """The group of a kind of policy that is meant; "" for none."""
    of_kind = [p.group for p in _POLICIES if p.kind == kind or nearly(kind, [p.kind])]
    return nearly(group, of_kind) or _but_for_a_piece(group, of_kind)


def _but_for_a_piece(word: str, known: Iterable[str]) -> str:
    """The one of these that a word is when one short piece is put in or taken out; "" for none."""
    for other in known:
        short, long = sorted((word, other), key=len)
        more = len(long) - len(short)
        pieces = range(len(short) + 1) if more <= _LONGEST_PIECE else ()
        if any(long[:at] + long[at + more :] == short for at in pieces):
            return other
    return ""
