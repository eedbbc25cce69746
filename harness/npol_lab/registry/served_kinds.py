"""The kinds that are served: the table's own and those of CustomResourceDefinitions."""

from __future__ import annotations

from collections.abc import Sequence

from npol_lab.registry import crds, structural
from npol_lab.registry.errors import no_such_resource
from npol_lab.registry.kinds import Strategy, strategy_of
from npol_lab.registry.schema import Struct, type_of
from npol_lab.resources import RESOURCES, Resource
from npol_lab.store import Obj, Store


class Catalogue:
    def __init__(self) -> None:
        self.resources: dict[str, Resource] = dict(RESOURCES)
        self._definitions: dict[str, Obj] = {}
        self._types: dict[str, Struct] = {}

    def resource(self, name: str) -> Resource:
        """
        Raises:
            StatusError: 404 for a kind that is not served.
        """
        found = self.resources.get(name)
        if found is None:
            raise no_such_resource()
        return found

    def type(self, kind: Resource) -> Struct:
        return self._types.get(kind.name) or type_of(kind)

    def printer_columns(self, kind: Resource) -> Sequence[Obj]:
        """What a definition wants to see in `kubectl get`."""
        definition = self._definitions.get(kind.name)
        return crds.columns_of(definition) if definition else ()

    def strategy(self, kind: Resource) -> Strategy:
        """A custom resource's is its schema."""
        definition = self._definitions.get(kind.name)
        if definition is None:
            return strategy_of(kind.name)
        schema = crds.schema_of(definition)
        return Strategy(
            default=lambda obj: structural.fill_defaults(schema, obj),
            validate=lambda obj: structural.check(schema, obj),
        )

    def define(self, definition: Obj) -> None:
        kind = crds.resource_of(definition)
        self.resources[kind.name] = kind
        self._definitions[kind.name] = definition
        self._types[kind.name] = crds.type_of(definition)

    def undefine(self, definition: Obj, store: Store) -> None:
        """A definition takes its objects along."""
        name = crds.resource_of(definition).name
        for obj in store.list(name):
            store.remove(name, obj["metadata"].get("namespace"), obj["metadata"]["name"])
        for table in (self.resources, self._definitions, self._types):
            table.pop(name, None)
