"""The kinds that are served: the table's own and those of CustomResourceDefinitions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from npol.api_rules.decode import Decoder, WrongType
from npol.api_rules.kinds import Strategy, strategy_of
from npol.api_rules.objects import Obj
from npol.api_rules.resources import BUILT_IN, RESOURCES, ApiResource
from npol.api_rules.schema import Struct, type_of
from npol_lab.registry import calico_rules, crds, errors, structural
from npol_lab.registry.versions import newest_first
from npol_lab.store import Store


class Catalogue:
    def __init__(self) -> None:
        self.resources: dict[str, ApiResource] = dict(RESOURCES)
        """By name, in the version in which the objects are kept."""
        self._versions: dict[str, list[ApiResource]] = {}
        self._definitions: dict[str, Obj] = {}
        self._types: dict[tuple[str, str], Struct] = {}
        for kind in BUILT_IN:
            self._versions.setdefault(kind.name, []).append(kind)

    def served(self) -> list[ApiResource]:
        """Every kind in every version, the preferred ones first: those of definitions are last."""
        found = [kind for versions in self._versions.values() for kind in versions]
        return sorted(found, key=lambda kind: (kind.custom, newest_first(kind.version)))

    def in_version(self, name: str, version: str) -> ApiResource | None:
        versions = self._versions.get(name, ())
        return next((kind for kind in versions if kind.version == version), None)

    def resource(self, name: str) -> ApiResource:
        """
        Raises:
            StatusError: 404 for a kind that is not served.
        """
        found = self.resources.get(name)
        if found is None:
            raise errors.no_such_resource()
        return found

    def type(self, kind: ApiResource) -> Struct:
        kind = self.resource(kind.kept_as) if kind.kept_as else kind
        return self._types.get((kind.name, kind.version)) or type_of(kind)

    def decode(self, kind: ApiResource, obj: Any) -> tuple[Obj, list[str]]:
        """The object in the server's form, and the paths of fields that its kind lacks."""
        if not isinstance(obj, dict):
            raise errors.undecodable(kind, "json: an object is expected")
        try:
            return self.read(kind, obj)
        except WrongType as wrong:
            raise errors.undecodable(kind, str(wrong)) from wrong

    def read(self, kind: ApiResource, obj: Obj) -> tuple[Obj, list[str]]:
        """As `decode`; mistypes are for the caller to word."""
        decoder = Decoder(custom=kind.custom)
        return decoder.struct(self.type(kind), obj), decoder.unknown

    def printer_columns(self, kind: ApiResource) -> Sequence[Obj]:
        """What a definition wants to see in `kubectl get`."""
        definition = self._definitions.get(kind.name)
        return crds.columns_of(definition, kind.version) if definition else ()

    def strategy(self, kind: ApiResource) -> Strategy:
        """A custom resource's is its schema."""
        definition = self._definitions.get(kind.name)
        if definition is None:
            return strategy_of(kind.name)
        schema = crds.schema_of(definition, kind.version)
        of_schema = Strategy(
            default=lambda obj: structural.fill_defaults(schema, obj),
            validate=lambda obj: structural.check(schema, obj),
        )
        return calico_rules.strategy_of(kind.name, of_schema)

    def define(self, definition: Obj) -> None:
        kind = crds.resource_of(definition)
        self._forget(kind.name)
        same = calico_rules.same_as(kind)
        if same in self.resources:
            self._versions[kind.name] = [replace(kind, kept_as=same)]
            return
        self.resources[kind.name] = kind
        self._definitions[kind.name] = definition
        self._versions[kind.name] = crds.served_versions(definition)
        for served in (kind, *self._versions[kind.name]):
            self._types[kind.name, served.version] = crds.type_of(definition, served.version)

    def undefine(self, definition: Obj, store: Store) -> None:
        """A definition takes its objects along."""
        name = crds.resource_of(definition).name
        for obj in store.list(name):
            store.remove(name, obj["metadata"].get("namespace"), obj["metadata"]["name"])
        self._forget(name)

    def _forget(self, name: str) -> None:
        for table in (self.resources, self._definitions, self._versions):
            table.pop(name, None)
        self._types = {key: type for key, type in self._types.items() if key[0] != name}
