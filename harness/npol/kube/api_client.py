"""The verbs of the API over raw JSON objects, whatever carries the requests."""

from __future__ import annotations

import abc
from collections.abc import Collection, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from npol.errors import InputError
from npol.kube.api_errors import NOT_ENFORCED, ApiError, Forbidden
from npol.kube.guard import STATE_NAMESPACE
from npol.kube.objects import NAMESPACES, Object, Ref, Resource, ref_of, resource_for

JSON = "application/json"
PAGE = 500
"""Objects per page of a list."""
LISTS_AT_ONCE = 8
NEARLY_EMPTY = frozenset({"kube-node-lease", "kube-public", STATE_NAMESPACE})
"""Namespaces with next to nothing in them."""


class Verbs(abc.ABC):
    """Reading and writing objects by way of `raw`, which sends one request."""

    def __init__(self) -> None:
        self._discovered: dict[tuple[str, str], Resource | None] = {}
        self._namespaces = 0
        """How many the cluster has that may hold much, as far as they were listed."""
        self._narrow: set[Resource] = set()
        """What may not be listed in all namespaces at once."""

    @abc.abstractmethod
    def raw(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Any = None,
        patch: str = "",
        name: str = "",
        repeatable: bool | None = None,
        accept: str = JSON,
    ) -> Any:
        """
        One request; JSON in, JSON out.

        Args:
            path: without a query.
            patch: for PATCH: `apply`, `merge`, `strategic` or `json`.
            name: of the object that a POST creates; the guard looks at it.
            repeatable: whether it may be sent again when the server may have acted on it;
                None: reads and access reviews may.
            accept: media types of the answer, the best first.
        """

    # -- reading

    def get(self, ref: Ref) -> Object | None:
        """The object, or None where there is none (404)."""
        try:
            return _object(self.raw("GET", ref.path), ref.resource)
        except ApiError as error:
            if error.status == 404:
                return None
            raise

    def list_in(
        self,
        resource: Resource,
        namespaces: Iterable[str],
        *,
        at_once: bool | None = None,
        selector: str = "",
    ) -> list[Object]:
        """
        All objects of several namespaces: by one request where these are most of the cluster's
        and the rights allow it, else by one for each, side by side.

        `at_once`: whether it is to be one request, if the caller knows better.
        """
        names = sorted(set(namespaces))
        wide = self.are_most(names) if at_once is None else at_once and len(names) > 1
        found = self.list_everywhere(resource, selector=selector) if wide else None
        if found is not None:
            return [o for o in found if o["metadata"].get("namespace") in names]
        if len(names) < 2:
            return [o for name in names for o in self.list(resource, name, selector=selector)]
        with ThreadPoolExecutor(max_workers=min(LISTS_AT_ONCE, len(names))) as pool:
            listed = pool.map(lambda name: self.list(resource, name, selector=selector), names)
            return [obj for objects in listed for obj in objects]

    def list_everywhere(self, resource: Resource, *, selector: str = "") -> list[Object] | None:
        """All objects of all namespaces; None where the rights do not allow it."""
        if resource in self._narrow:
            return None
        try:
            return self.list(resource, selector=selector)
        except Forbidden:
            self._narrow.add(resource)
            return None

    def list(
        self, resource: Resource, namespace: str = "", *, selector: str = "", fields: str = ""
    ) -> list[Object]:
        """All objects of a namespace, or of all namespaces for ""; every page of them."""
        query = {"limit": str(PAGE), "labelSelector": selector, "fieldSelector": fields}
        found: list[Object] = []
        while True:
            page = self.raw("GET", resource.path(namespace), query=query)
            found += [_object(item, resource) for item in page.get("items") or ()]
            query["continue"] = (page.get("metadata") or {}).get("continue") or ""
            if not query["continue"]:
                if resource == NAMESPACES and not selector and not fields:
                    names = {obj["metadata"]["name"] for obj in found}
                    self._namespaces = len(names - NEARLY_EMPTY)
                return found

    @property
    def counted(self) -> bool:
        """Whether it is known how many namespaces there are."""
        return self._namespaces > 0

    def are_most(self, namespaces: Collection[str]) -> bool:
        """Whether these are at least half of the cluster's namespaces, and more than one."""
        return len(namespaces) > 1 and 2 * len(namespaces) >= self._namespaces > 0

    def resource(self, api_version: str, kind: str) -> Resource:
        """The resource of a kind, by discovery where it is no built-in. Raises InputError."""
        return resource_for(api_version, kind, self._discover)

    def ref_of(self, obj: Mapping[str, Any]) -> Ref:
        """Where an object lives. Raises InputError."""
        return ref_of(obj, self._discover)

    # -- writing

    def create(self, obj: Mapping[str, Any], *, dry_run: bool = False) -> Object:
        """POST. A name that exists is ApiError 409, reason AlreadyExists."""
        ref = self.ref_of(obj)
        path = ref.resource.path(ref.namespace)
        made = self.raw(
            "POST",
            path,
            query=_write_query(dry_run),
            body=dict(obj),
            name=ref.name,
            repeatable=dry_run or None,
        )
        return _object(made, ref.resource)

    def apply(
        self,
        obj: Mapping[str, Any],
        *,
        dry_run: bool = False,
        force: bool = False,
        manager: str = "npol",
    ) -> Object:
        """
        Server-side apply. Safe to repeat, so a lost reply is resolved by sending it again.

        Fields that another manager owns with another value are ApiError 409, reason Conflict,
        unless `force`.
        """
        ref = self.ref_of(obj)
        query = {**_write_query(dry_run), "fieldManager": manager, "force": str(force).lower()}
        made = self.raw(
            "PATCH", ref.path, query=query, body=dict(obj), patch="apply", repeatable=True
        )
        return _object(made, ref.resource)

    def replace(self, obj: Mapping[str, Any], *, dry_run: bool = False) -> Object:
        """PUT; name metadata.resourceVersion, or a newer change is overwritten."""
        ref = self.ref_of(obj)
        made = self.raw(
            "PUT",
            ref.path,
            query=_write_query(dry_run),
            body=dict(obj),
            repeatable=dry_run or None,
        )
        return _object(made, ref.resource)

    def patch(self, ref: Ref, body: Any, *, patch: str = "merge", dry_run: bool = False) -> Object:
        """PATCH by `merge`, `strategic` or `json` patch."""
        made = self.raw(
            "PATCH",
            ref.path,
            query=_write_query(dry_run),
            body=body,
            patch=patch,
            repeatable=dry_run or None,
        )
        return _object(made, ref.resource)

    def delete(
        self,
        ref: Ref,
        *,
        uid: str | None = None,
        resource_version: str | None = None,
        grace: int | None = None,
        propagation: str = "Background",
        dry_run: bool = False,
    ) -> bool:
        """
        DELETE; whether there was something to delete (False: 404, gone already).

        With `uid` or `resource_version` an object that is another one by now is ApiError 409.
        With `uid` it is safe to repeat, and a lost reply is resolved by sending it again.
        """
        preconditions = {"uid": uid, "resourceVersion": resource_version}
        options: dict[str, Any] = {
            "kind": "DeleteOptions",
            "apiVersion": "v1",
            "propagationPolicy": propagation,
            "preconditions": {k: v for k, v in preconditions.items() if v is not None},
        }
        if grace is not None:
            options["gracePeriodSeconds"] = grace
        if dry_run:
            options["dryRun"] = ["All"]
        try:
            self.raw("DELETE", ref.path, body=options, repeatable=uid is not None)
        except ApiError as error:
            if error.status == 404:
                return False
            raise
        return True

    def _discover(self, api_version: str, kind: str) -> Resource | None:
        key = api_version, kind
        if key not in self._discovered:
            self._discovered[key] = self._ask_for(api_version, kind)
        return self._discovered[key]

    def _ask_for(self, api_version: str, kind: str) -> Resource | None:
        group, _, version = api_version.rpartition("/")
        try:
            found = self.raw("GET", f"/apis/{group}/{version}" if group else f"/api/{version}")
        except ApiError as error:
            if error.reason == NOT_ENFORCED:
                raise InputError(f"{kind}: {error.body.get('message')}") from None
            if error.status == 404:
                return None
            raise
        for row in found.get("resources") or ():
            if row.get("kind") == kind and "/" not in row.get("name", ""):
                return Resource(group, version, row["name"], kind, bool(row.get("namespaced")))
        return None


def _write_query(dry_run: bool) -> dict[str, str]:
    return {"fieldValidation": "Strict", "dryRun": "All" if dry_run else ""}


def _object(item: Any, resource: Resource) -> Object:
    """Items of a list come without their apiVersion and kind."""
    return {"apiVersion": resource.api_version, "kind": resource.kind, **item}
