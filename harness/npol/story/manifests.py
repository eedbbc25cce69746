"""Manifests of a story: found, read as kubectl reads them, unpacked. Each file once."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from npol.errors import HELM, KUSTOMIZE, Mistake, Mistakes
from npol.model.change import Manifest
from npol.story import chart_files, files, kustomization, kustomize_helm
from npol.story.field_validators import NotValid, shown
from npol.story.manifest_validation import read_objects
from npol.story.yaml_node import YamlNode, by_position, in_order
from npol.yaml_positions import Document

if TYPE_CHECKING:
    from npol.story.schema.change import SourceFields

MAX_OBJECTS = 5_000
MAX_LOOKED_AT = 50_000
"""Of manifests that are only looked at: a repository holds more than a story."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PathSource:
    """A file or a directory that a command line names, where a story has `SourceFields`."""

    file: str
    kustomize: str = ""
    helm: str = ""
    name: str = ""
    namespace: str = ""
    values: Sequence[str] = ()
    model_fields_set: Set[str] = frozenset({"file"})


@dataclass(slots=True, kw_only=True)
class Shelf:
    """
    Where the manifests of one story come from.

    `base` is the directory that paths are relative to, `label` what positions call it, `root`
    what all of them must lie below; objects that name no namespace get `namespace`.
    """

    base: str
    label: str
    root: str
    namespace: str
    mistakes: list[Mistake]
    left_out: list[Mistake] | None = None
    """For manifests that are only looked at: where YAML that is no object is noted."""
    _read: dict[tuple[str, ...], tuple[Manifest, ...]] = field(default_factory=dict)
    _objects: int = 0
    _faulty: bool = False

    def take(self, source: SourceFields | PathSource, node: YamlNode) -> tuple[Manifest, ...]:
        """The manifests of one entry of `apply:`, `delete:`, `given:` or `applied:`."""
        try:
            found = self._take(source)
        except NotValid as error:
            node.wrong(str(error), error.hint)
            return ()
        if not found and not self._faulty and not self._is_foreign(source):
            node.wrong("there are no manifests here")
        return found

    def _is_foreign(self, source: SourceFields | PathSource) -> bool:
        """Whether it is a file that holds no object, where files are only looked at."""
        only_looked_at = self.left_out is not None and bool(source.file)
        return only_looked_at and not os.path.isdir(self._resolve(source.file))

    def _take(self, source: SourceFields | PathSource) -> tuple[Manifest, ...]:
        _one_origin(source)
        real = self._resolve(source.file or source.kustomize or source.helm)
        if source.kustomize:
            return self._once((KUSTOMIZE, real), partial(self._kustomized, real, source))
        if source.helm:
            return self._chart(real, source)
        if not os.path.isdir(real):
            return self._file(real)
        if _is_kustomization(real):
            hint = f"write {{kustomize: {source.file}}}"
            if self.left_out is not None:
                here = shlex.quote(self._label_of(real))
                hint = f"render it first: kubectl kustomize {here} > FILE"
            raise NotValid("this directory is a kustomization", hint)
        inside = files.manifests_in(real, self.root, shown(source.file))
        return tuple(m for file in inside for m in self._file(file))

    def _resolve(self, path: str) -> str:
        return files.resolve(path, self.base, self.root)

    def _file(self, real: str) -> tuple[Manifest, ...]:
        return self._once(("", real), partial(files.read_bytes, real, self._label_of(real)))

    def _kustomized(self, real: str, source: SourceFields | PathSource) -> bytes:
        reader = kustomization.KustomizationReader(
            root=os.path.realpath(self.root), label_of=self._label_of
        )
        reader.read(real)
        return kustomize_helm.kustomize(real, source.kustomize)

    def _chart(self, real: str, source: SourceFields | PathSource) -> tuple[Manifest, ...]:
        chart_files.refuse_links_out(real, self.root, source.helm)
        values = [self._resolve(v) for v in source.values]
        namespace = source.namespace or self.namespace
        rendered = partial(
            kustomize_helm.helm,
            real,
            source.helm,
            values=values,
            name=source.name,
            namespace=namespace,
        )
        return self._once((HELM, real, source.name, namespace, *values), rendered)

    def _once(self, key: tuple[str, ...], text: Callable[[], bytes]) -> tuple[Manifest, ...]:
        """The objects of a text. `key` begins with the renderer's name, "" for none, and a path."""
        if key not in self._read:
            before = len(self.mistakes)
            label = self._label_of(key[1]) + (f" ({key[0]})" if key[0] else "")
            self._read[key] = read_objects(
                text(), label, self.namespace, self.mistakes, self.left_out
            )
            self._faulty |= len(self.mistakes) > before
            self._objects += len(self._read[key])
            most = MAX_OBJECTS if self.left_out is None else MAX_LOOKED_AT
            if self._objects > most:
                raise NotValid(f"more than {most} objects are named here")
        return self._read[key]

    def _label_of(self, real: str) -> str:
        relative = os.path.relpath(real, os.path.realpath(self.base))
        label = _from_here(os.path.join(self.label, relative))
        return label.encode(errors="backslashreplace").decode()


def _from_here(path: str) -> str:
    """Without a way up and down again; what is absolute stays so."""
    plain = os.path.normpath(path)
    return os.path.relpath(plain) if plain.startswith(os.pardir) else plain


def _one_origin(source: SourceFields | PathSource) -> None:
    origins = [f for f in ("file", "kustomize", "helm") if getattr(source, f)]
    if len(origins) != 1:
        raise NotValid("name one of a path, {kustomize: DIR} and {helm: CHART}")
    for field_ in ("values", "name", "namespace"):
        if field_ in source.model_fields_set and not source.helm:
            raise NotValid(f"`{field_}` is for {{helm: CHART}} only")


def _is_kustomization(directory: str) -> bool:
    return any(
        os.path.exists(os.path.join(directory, name)) for name in kustomization.KUSTOMIZATIONS
    )


def load_manifests(root: str, *paths: str, namespace: str = "") -> tuple[Manifest, ...]:
    """
    All objects of files and directories below `root`, in the order of the paths.

    Raises:
        Mistakes: everything that is wrong with them.
    """
    mistakes: list[Mistake] = []
    shelf = Shelf(base=root, label=root, root=root, namespace=namespace, mistakes=mistakes)
    sources = [PathSource(file=path) for path in paths]
    found = _all(shelf, sources, mistakes)
    if mistakes:
        raise Mistakes(in_order(mistakes))
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """Manifests as they are, to be looked at: those that can be read, and the rest."""

    manifests: tuple[Manifest, ...]
    unreadable: tuple[Mistake, ...] = ()
    """Files and objects that the API server would not take."""
    left_out: tuple[Mistake, ...] = ()
    """YAML that is no Kubernetes object."""

    is_of_chart: bool = False
    """Whether helm rendered them, with the namespace left to who installs the chart."""


def survey(root: str, *paths: str, namespace: str = "") -> Survey:
    """
    What files and directories below `root` hold, however much of it is wrong.

    Raises:
        Mistakes: a path that cannot be read, or holds no manifests at all.
    """
    sources = [PathSource(file=path) for path in paths]
    return _survey(root, root, sources, namespace)


def survey_source(source: Mapping[str, Any], root: str, namespace: str = "") -> Survey:
    """
    The same of one source as a story names it, from the working directory.

    Raises:
        Mistakes: it cannot be read or rendered, or holds no manifests at all.
    """
    from npol.story.schema.change import SourceFields  # pydantic: paths are looked at without it

    found = _survey(os.curdir, root, [SourceFields.model_validate(source)], namespace)
    return replace(found, is_of_chart="helm" in source)


def _survey(
    base: str, root: str, sources: Sequence[SourceFields | PathSource], namespace: str
) -> Survey:
    unreadable: list[Mistake] = []
    left_out: list[Mistake] = []
    no_path: list[Mistake] = []
    shelf = Shelf(
        base=base,
        label=base,
        root=root,
        namespace=namespace,
        mistakes=unreadable,
        left_out=left_out,
    )
    found = _all(shelf, sources, no_path)
    if no_path:
        raise Mistakes([*in_order(no_path), *in_order(left_out)])
    return Survey(
        manifests=found,
        unreadable=tuple(in_order(unreadable)),
        left_out=tuple(by_position(left_out)),
    )


def _all(
    shelf: Shelf, sources: Sequence[SourceFields | PathSource], mistakes: list[Mistake]
) -> tuple[Manifest, ...]:
    """The manifests of sources; what is wrong with a path itself goes to `mistakes`."""
    found: list[Manifest] = []
    for source in sources:
        path = source.file or source.kustomize or source.helm
        file = _from_here(os.path.join(shelf.base, path))
        here = Document(file=file, data=path, values={}, keys={})
        found += shelf.take(source, YamlNode(here, (), path, mistakes))
    return tuple(found)
