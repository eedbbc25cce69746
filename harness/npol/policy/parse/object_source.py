"""One API object and its place: in a file, or in a cluster (then without positions)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

from npol.errors import Mistake, Position
from npol.model.change import Manifest
from npol.yaml_positions import Document

Path = tuple[str | int, ...]
Read = TypeVar("Read")


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """`prefix` is where the object sits in its document: () or `("items", 3)`."""

    body: Mapping[str, Any]
    document: Document | None = None
    prefix: Path = ()
    _read: dict[object, object] = field(default_factory=dict, init=False, compare=False, repr=False)

    @property
    def kind(self) -> str:
        return str(self.body.get("kind") or "")

    @property
    def api_version(self) -> str:
        return str(self.body.get("apiVersion") or "")

    @property
    def group(self) -> str:
        """The API group; "" for the core group."""
        return self.api_version.rpartition("/")[0]

    @property
    def metadata(self) -> Mapping[str, Any]:
        return mapping(self.body.get("metadata"))

    @property
    def name(self) -> str:
        return str(self.metadata.get("name") or "")

    def once(self, key: object, read: Callable[[], Read]) -> Read:
        """What `read` makes of it, which is asked for again wherever its object is judged."""
        if key not in self._read:
            self._read[key] = read()
        return cast(Read, self._read[key])

    def namespace(self, default: str) -> str:
        return str(self.metadata.get("namespace") or default)

    @property
    def spec(self) -> Mapping[str, Any]:
        return mapping(self.body.get("spec"))

    def at(self, *path: str | int) -> Position | None:
        return self.document.at(*self.prefix, *path) if self.document else None

    def key_at(self, *path: str | int) -> Position | None:
        return self.document.key_at(*self.prefix, *path) if self.document else None

    def mistake(self, path: Path, message: str, hint: str = "", *, at_key: bool = False) -> Mistake:
        """A mistake at a path; an object without a file is named instead of one."""
        at = self.key_at(*path) if at_key else self.at(*path)
        known = at or Position(f"{self.kind} {self.namespace('')}/{self.name}")
        return Mistake(known, f"{spell_path(path)}: {message}" if path else message, hint)


Given = Document | Manifest | Source | Mapping[str, Any]
"""What callers hold: a document, one object of one, an object with its place, or plain data."""


def mapping(value: Any) -> Mapping[str, Any]:
    """The value if it is a mapping, else an empty one: manifests may hold anything."""
    return value if isinstance(value, Mapping) else {}


def items(value: Any) -> list[Any]:
    """The value if it is a list, else an empty one."""
    return value if isinstance(value, list) else []


def spell_path(path: Path) -> str:
    """`spec.ingress[0].from[1]`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}"
    return text.removeprefix(".")


def sources(given: Iterable[Given]) -> Iterator[Source]:
    """Every object given, those inside a List included; what is no object is left out."""
    for one in given:
        if isinstance(one, Source):
            yield one
        elif isinstance(one, Document):
            yield from _expanded(Source(body=mapping(one.data), document=one))
        elif isinstance(one, Manifest):
            prefix = _prefix(one)
            yield from _expanded(Source(body=one.body, document=one.document, prefix=prefix))
        else:
            yield from _expanded(Source(body=one))


def _expanded(source: Source) -> Iterator[Source]:
    inner = source.body.get("items")
    if not (source.kind.endswith("List") and isinstance(inner, list)):
        if source.kind:
            yield source
        return
    for index, body in enumerate(inner):
        prefix = (*source.prefix, "items", index)
        typed = {"kind": source.kind.removesuffix("List"), "apiVersion": source.api_version}
        yield from _expanded(
            Source(body={**typed, **mapping(body)}, document=source.document, prefix=prefix)
        )


def _prefix(manifest: Manifest) -> Path:
    """Where a manifest's object sits in its document."""
    for index, body in enumerate(items(mapping(manifest.document.data).get("items"))):
        if body is manifest.body or body == manifest.body:
            return ("items", index)
    return ()
