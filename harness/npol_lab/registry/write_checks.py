"""What a kind's strategy, admission and other objects make of one that is written."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from npol.api_rules.field_errors import FieldError
from npol.api_rules.kinds.definitions import DEFINITIONS
from npol.api_rules.kinds.ephemeral_checks import check_ephemeral_update
from npol.api_rules.metadata_checks import check_metadata
from npol.api_rules.objects import Obj
from npol.api_rules.resources import ApiResource
from npol_lab.families import Family
from npol_lab.registry import admission, calico_rules, crds, errors, metadata, podsecurity
from npol_lab.registry.allocation import Allocator
from npol_lab.registry.served_kinds import Catalogue
from npol_lab.store import Store


class WriteChecks:
    """Fills in what is left to the server, and raises `StatusError` for what it refuses."""

    def __init__(
        self,
        store: Store,
        catalogue: Catalogue,
        families: Sequence[Family],
        now: Callable[[], datetime],
    ) -> None:
        self._store = store
        self._catalogue = catalogue
        self._allocator = Allocator(store, families)
        self._now = now

    def prepare(self, kind: ApiResource, new: Obj) -> None:
        """What is filled in after the defaults, before anything is refused."""
        strategy = self._catalogue.strategy(kind)
        if kind.name == "pods":
            admission.admit_pod(self._store, kind, new)
            strategy.default(new)
        if kind.name == "ingresses.networking.k8s.io":
            admission.default_ingress_class(self._store, new)
        strategy.prepare(new)
        new.update(self._catalogue.decode(kind, new)[0])
        if kind.name == DEFINITIONS:
            crds.prepare(new, self._now())

    def allow_creation(self, kind: ApiResource, new: Obj) -> None:
        strategy = self._catalogue.strategy(kind)
        wrong = check_metadata(kind, new, strategy.name)
        _check(kind, new, wrong + strategy.validate(new) + strategy.validate_create(new))
        if kind.name == "services":
            _check(kind, new, self._allocator.fill(new))
        if kind.group == errors.CILIUM and kind.kind.endswith("NetworkPolicy"):
            raise errors.not_enforced(403)
        name, namespace = new["metadata"]["name"], new["metadata"].get("namespace")
        if self._store.get(kind.name, namespace, name) is not None:
            raise errors.already_exists(kind, name)
        if kind.name == "pods":
            podsecurity.enforce(self._store, kind, new)
            admission.check_quota(self._store, kind, new)
        if kind.name in calico_rules.POLICIES:
            calico_rules.check_creation(self._store, new)

    def allow_update(self, kind: ApiResource, new: Obj, old: Obj) -> None:
        strategy = self._catalogue.strategy(kind)
        wrong = check_metadata(kind, new, strategy.name) + metadata.check_update(new, old)
        wrong += strategy.validate(new) + strategy.validate_update(new, old)
        _check(kind, new, wrong)
        if kind.name == "services":
            _check(kind, new, self._allocator.fill(new, old))
        if kind.name == "pods" and podsecurity.is_relevant(new, old):
            podsecurity.enforce(self._store, kind, new)

    def allow_ephemeral(self, kind: ApiResource, new: Obj, old: Obj) -> None:
        _check(kind, new, check_ephemeral_update(new, old))
        podsecurity.enforce(self._store, kind, new)


def _check(kind: ApiResource, obj: Obj, causes: list[FieldError]) -> None:
    if causes:
        raise errors.invalid(kind, obj["metadata"].get("name", ""), causes)
