"""Many objects read at once, by as few requests as tell of them."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

from npol.kube.api_client import LISTS_AT_ONCE, Verbs
from npol.kube.api_errors import ApiError
from npol.kube.objects import Object, Ref, Resource

WORTH_A_LIST = 3
"""Objects for which one list is asked instead: it may hold much besides."""
NEVER_LISTED = "secrets"
"""Whoever may read one of them is not to be shown the others."""


def get_all(connection: Verbs, refs: Iterable[Ref]) -> dict[Ref, Object | None]:
    """
    As `Verbs.get`, for many: by lists where few of them tell of many, else side by side.

    Raises:
        ApiError: one of them cannot be read.
    """
    wanted = list(dict.fromkeys(refs))
    if len(wanted) < 2:
        return {ref: connection.get(ref) for ref in wanted}
    by_kind: dict[Resource, list[Ref]] = {}
    for ref in wanted:
        by_kind.setdefault(ref.resource, []).append(ref)
    with ThreadPoolExecutor(max_workers=LISTS_AT_ONCE) as pool:
        listed = pool.map(lambda alike: _listed(connection, alike), by_kind.values())
        found = {ref: obj for some in listed for ref, obj in some.items()}
        single = [ref for ref in wanted if ref not in found]
        return found | dict(zip(single, pool.map(connection.get, single), strict=True))


def _listed(connection: Verbs, refs: list[Ref]) -> dict[Ref, Object | None]:
    """What lists tell of these, which are of one kind; {} where they are not worth any."""
    resource = refs[0].resource
    if resource.plural == NEVER_LISTED or len(refs) < WORTH_A_LIST:
        return {}
    namespaces = {ref.namespace for ref in refs}
    lists = 1 if connection.are_most(namespaces) else len(namespaces)
    if len(refs) < WORTH_A_LIST * lists:
        return {}
    try:
        if resource.namespaced:
            objects = connection.list_in(resource, namespaces)
        else:
            objects = connection.list(resource)
    except ApiError:  # whatever speaks against a list may not speak against a look at each
        return {}
    by_name = {(o["metadata"].get("namespace", ""), o["metadata"]["name"]): o for o in objects}
    return {ref: by_name.get((ref.namespace, ref.name)) for ref in refs}
