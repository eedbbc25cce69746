"""Which rights this user has: one review of a namespace's rules, single ones of what is left."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from itertools import repeat
from typing import Any

from npol.kube.api_errors import ApiError, Unreachable
from npol.kube.connection import Connection
from npol.kube.objects import ACCESS_REVIEWS, RULES_REVIEWS, Resource
from npol.kube.rbac import Right, covers

ASKED_AT_ONCE = 8


def denied(connection: Connection, wanted: Iterable[Right]) -> list[Right]:
    """
    The rights that the API server denies us, in their order.

    What a namespace's rules grant needs no further question. Whatever they do not mention is
    asked singly: other authorizers than RBAC may grant without telling rules, and cluster-scoped
    rights stand in the rules of every namespace only where a cluster role grants them.
    """
    asked = list(wanted)
    namespaces = sorted({right.namespace for right in asked if right.namespace})
    with ThreadPoolExecutor(max_workers=ASKED_AT_ONCE) as pool:
        told = dict(zip(namespaces, pool.map(_rules, repeat(connection), namespaces), strict=False))
        open_ = [r for r in asked if not _granted(told.get(r.namespace, ()), r)]
        answers = pool.map(allowed, repeat(connection), open_)
        return [right for right, yes in zip(open_, answers, strict=False) if not yes]


def allowed(connection: Connection, right: Right) -> bool:
    """Whether this user has a right, by access review."""
    resource, _, subresource = right.resource.partition("/")
    asked = {
        "verb": right.verb,
        "group": right.group,
        "resource": resource,
        "subresource": subresource,
        "namespace": right.namespace,
        "name": right.name,
    }
    spec = {"resourceAttributes": {k: v for k, v in asked.items() if v}}
    return bool(_review(connection, ACCESS_REVIEWS, spec).get("allowed"))


def _rules(connection: Connection, namespace: str) -> Collection[Mapping[str, Any]]:
    """What RBAC grants in a namespace; nothing where it is not told."""
    spec = {"namespace": namespace}
    try:
        told = _review(connection, RULES_REVIEWS, spec)
    except Unreachable:
        raise
    except ApiError:
        return ()
    return tuple(told.get("resourceRules") or ())


def _review(connection: Connection, kind: Resource, spec: Mapping[str, Any]) -> dict[str, Any]:
    body = {"apiVersion": kind.api_version, "kind": kind.kind, "spec": spec}
    return dict(connection.raw("POST", kind.path(), body=body).get("status") or {})


def _granted(rules: Collection[Mapping[str, Any]], right: Right) -> bool:
    return any(covers(rule, right) for rule in rules)
