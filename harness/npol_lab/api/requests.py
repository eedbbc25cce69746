"""What a request is about: its verb and resource, read from method and path."""

from __future__ import annotations

from dataclasses import dataclass

from multidict import MultiMapping

VERBS = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}
OF_NAMESPACES = ("status", "finalize")
"""What may follow a namespace's name without being a resource in it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestInfo:
    """
    Kubernetes' own word for it (apiserver `pkg/endpoints/request/requestinfo.go`).

    A path that is no resource has an empty `plural`, and the method in small letters for verb.
    """

    path: str
    verb: str
    group: str = ""
    version: str = ""
    namespace: str = ""
    plural: str = ""
    name: str = ""
    subresource: str = ""
    rest: str = ""
    """What follows the subresource, as in `proxy/some/path`."""

    @property
    def resource(self) -> str:
        return f"{self.plural}.{self.group}" if self.group else self.plural


def parse(method: str, path: str, query: MultiMapping[str]) -> RequestInfo:
    parts = [p for p in path.split("/") if p]
    group, version, rest = _group_version(parts)
    if not version or not rest:
        return RequestInfo(path=path, verb=method.lower())
    namespace = ""
    if rest[0] == "namespaces" and len(rest) > 1:
        if len(rest) > 2 and rest[2] not in OF_NAMESPACES:
            namespace, rest = rest[1], rest[2:]
        else:
            namespace = rest[1]
    padded = [*rest, "", "", ""]
    name = padded[1]
    return RequestInfo(
        path=path,
        verb=_verb(method, name, query),
        group=group,
        version=version,
        namespace=namespace,
        plural=padded[0],
        name=name,
        subresource=padded[2],
        rest="/".join(rest[3:]),
    )


def _group_version(parts: list[str]) -> tuple[str, str, list[str]]:
    if len(parts) >= 2 and parts[0] == "api":
        return "", parts[1], parts[2:]
    if len(parts) >= 3 and parts[0] == "apis":
        return parts[1], parts[2], parts[3:]
    return "", "", []


def _verb(method: str, name: str, query: MultiMapping[str]) -> str:
    if method in ("GET", "HEAD"):
        if query.get("watch", "") in ("1", "true", "True"):
            return "watch"
        return "get" if name else "list"
    if method == "DELETE" and not name:
        return "deletecollection"
    return VERBS.get(method, method.lower())


def truthy(query: MultiMapping[str], key: str) -> bool:
    return query.get(key, "").lower() in ("1", "true", "t")
