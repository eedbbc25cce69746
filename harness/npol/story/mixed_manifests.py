"""
Sources that hold policies and what the policies are for: a chart, a folder, one file.

`given` takes what is no policy, `apply` and `delete` take the policies. A source of one sort
alone is taken whole, as it was meant.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from npol.model.change import Manifest
from npol.model.policy_kinds import policy_kind

API = "networking.k8s.io/v1"
Identity = tuple[str, str, str, str]


def identity(manifest: Manifest) -> Identity:
    """Group, kind, namespace, name: what an object is, in whatever version it is written."""
    group = manifest.api_version.rpartition("/")[0]
    return group, manifest.kind, manifest.namespace, manifest.name


def is_policy(manifest: Manifest) -> bool:
    """Whether it is of a kind that decides packets, of whatever group."""
    return policy_kind(manifest.api_version, manifest.kind) is not None


def is_split_off(manifest: Manifest) -> bool:
    """
    Whether a policy in a mixed source is left to `apply`.

    Kinds that npol does not evaluate stay with `given`: there predictions know of them.
    """
    kind = policy_kind(manifest.api_version, manifest.kind)
    return kind is not None and kind.evaluated


def is_mixed(manifests: Sequence[Manifest]) -> bool:
    return len({is_split_off(manifest) for manifest in manifests}) == 2


@dataclass(slots=True)
class LeftOver:
    """What each key left to the other, to be said in one line."""

    policies: set[Identity] = field(default_factory=set)
    objects: set[Identity] = field(default_factory=set)

    def for_given(self, manifests: Sequence[Manifest]) -> tuple[Manifest, ...]:
        if not is_mixed(manifests):
            return tuple(manifests)
        self.policies |= {identity(m) for m in manifests if is_split_off(m)}
        return tuple(m for m in manifests if not is_split_off(m))

    def for_change(
        self, manifests: Sequence[Manifest], given: Mapping[Identity, Manifest]
    ) -> tuple[Manifest, ...]:
        """The policies, and objects of `given` that another file writes differently."""
        if not is_mixed(manifests):
            return tuple(manifests)
        taken = tuple(m for m in manifests if is_split_off(m) or _differs(m, given))
        self.objects |= {identity(m) for m in manifests if m not in taken}
        return taken

    def notes(self) -> tuple[str, ...]:
        told = []
        if self.policies:
            count = _counted(len(self.policies), "policy", "policies")
            told.append(f"`given` left {count} to `apply` and `delete`")
        if self.objects:
            count = _counted(len(self.objects), "object", "objects")
            told.append(f"`apply` and `delete` left {count} to `given`")
        return tuple(told)


def _differs(manifest: Manifest, given: Mapping[Identity, Manifest]) -> bool:
    known = given.get(identity(manifest))
    return known is not None and known.body != manifest.body


def _counted(count: int, one: str, many: str) -> str:
    return f"{count} {one if count == 1 else many}"
