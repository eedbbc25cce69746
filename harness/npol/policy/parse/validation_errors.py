"""What the API server refuses in a manifest, gathered while it is read."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from npol.errors import Mistake, did_you_mean
from npol.policy.parse.object_source import Path, Source, items


@dataclass(frozen=True, slots=True)
class Refusal(Mistake):
    """A mistake for which the API server refuses a policy, and where in the object it is."""

    path: Path = ()
    unknown_field: bool = False
    """A field that the API does not have: dropped in silence unless validation is strict."""
    by_agent: bool = False
    """Whether the API server takes it, and it is Cilium's agent that does not."""
    value: Any = field(default=None, compare=False)
    """What stands there."""


@dataclass(slots=True)
class Refusals:
    """The refusals of one object so far."""

    source: Source
    found: list[Refusal] = field(default_factory=list)

    def wrong(self, path: Path, message: str, hint: str = "", *, by_agent: bool = False) -> None:
        self._add(path, message, hint, by_agent=by_agent)

    def _add(
        self,
        path: Path,
        message: str,
        hint: str,
        *,
        unknown_field: bool = False,
        by_agent: bool = False,
    ) -> None:
        mistake = self.source.mistake(path, message, hint, at_key=unknown_field)
        self.found.append(
            Refusal(
                mistake.at,
                mistake.message,
                mistake.hint,
                path=path,
                unknown_field=unknown_field,
                by_agent=by_agent,
            )
        )

    def fields(
        self, value: Mapping[str, Any], path: Path, known: Collection[str], otherwise: str = ""
    ) -> None:
        """Refuse every key that is not a field here; `otherwise`: the hint if none is near."""
        for key in value:
            if key not in known:
                hint = did_you_mean(str(key), known, otherwise or f"known: {', '.join(known)}")
                self._add((*path, key), f"unknown field {key!r}", hint, unknown_field=True)

    def list_of(self, owner: Mapping[str, Any], key: str, path: Path) -> list[Any]:
        """A field that is a list, or [] with a refusal."""
        value = owner.get(key)
        if value is not None and not isinstance(value, list):
            self.wrong((*path, key), "must be a list")
        return items(value)

    def some_of(self, owner: Mapping[str, Any], key: str, path: Path, what: str) -> list[Any]:
        """A list that holds something if it is there."""
        if owner.get(key) == []:
            self.wrong((*path, key), f"needs at least one {what}")
        return self.list_of(owner, key, path)

    def one_of(self, value: Any, path: Path, known: Collection[str]) -> Mapping[str, Any]:
        """A mapping with exactly one field set; null is dropped by the server, as if not there."""
        found = self.mapping_of(value, path)
        self.fields(found, path, known)
        found = {key: inner for key, inner in found.items() if inner is not None}
        if len(found) != 1:
            self.wrong(path, f"needs exactly one of {', '.join(known)}")
        return found

    def mapping_of(self, value: Any, path: Path) -> Mapping[str, Any]:
        """A value that is a mapping (or null), or {} with a refusal."""
        if isinstance(value, Mapping):
            return value
        if value is not None:
            self.wrong(path, "must be a mapping")
        return {}
