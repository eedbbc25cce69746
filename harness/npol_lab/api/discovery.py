"""What the server serves: /api, /apis, resource lists, and all of it in one document."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any

from aiohttp import web

from npol.api_rules.resources import ApiResource
from npol_lab.api.responses import json_response
from npol_lab.registry import Registry
from npol_lab.registry.errors import CILIUM, no_such_resource, not_enforced

VERSION = "v1.33.0+npol-lab"
AGGREGATED = "apidiscovery.k8s.io"
SUBRESOURCES: dict[str, tuple[str, str, str, tuple[str, ...]]] = {
    "status": ("", "", "", ("get", "patch", "update")),
    "scale": ("autoscaling", "v1", "Scale", ("get", "patch", "update")),
    "log": ("", "", "Pod", ("get",)),
    "exec": ("", "v1", "PodExecOptions", ("create", "get")),
    "portforward": ("", "v1", "PodPortForwardOptions", ("create", "get")),
    "attach": ("", "v1", "PodAttachOptions", ("create", "get")),
    "ephemeralcontainers": ("", "", "", ("get", "patch", "update")),
    "binding": ("", "v1", "Binding", ("create",)),
    "eviction": ("policy", "v1", "Eviction", ("create",)),
    "token": ("authentication.k8s.io", "v1", "TokenRequest", ("create",)),
    "finalize": ("", "", "", ("update",)),
}
"""Group, version and kind of what a subresource takes (empty: the resource's own), verbs."""


class Discovery:
    def __init__(self, registry: Registry, address: str) -> None:
        self._registry = registry
        self._address = address

    def serve(self, path: str, accept: str) -> web.Response:
        """
        Raises:
            StatusError: 404 for a group or version that is not served.
        """
        parts = [p for p in path.split("/") if p]
        aggregated = f"g={AGGREGATED}" in accept and "v=v2" in accept
        if parts == ["api"]:
            return _aggregated(self._core()) if aggregated else json_response(self._versions())
        if parts == ["apis"]:
            return _aggregated(self._others()) if aggregated else json_response(self._groups())
        group, version = (parts[1], parts[2:]) if parts[0] == "apis" else ("", parts[1:])
        found = [r for r in self._registry.catalogue.served() if r.group == group]
        if version:
            found = [r for r in found if r.version == version[0]]
        if not found or len(version) > 1:
            raise not_enforced() if group == CILIUM else no_such_resource()
        return json_response(self._list(found) if version else _group(group, found))

    def _versions(self) -> Any:
        where = [{"clientCIDR": "0.0.0.0/0", "serverAddress": self._address}]
        return {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": where}

    def _by_group(self) -> dict[str, list[ApiResource]]:
        groups: dict[str, list[ApiResource]] = {}
        for resource in self._registry.catalogue.served():
            groups.setdefault(resource.group, []).append(resource)
        return groups

    def _groups(self) -> Any:
        groups = [_group(g, found) for g, found in self._by_group().items() if g]
        return {"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}

    def _list(self, found: list[ApiResource]) -> Any:
        rows = [row for r in sorted(found, key=lambda r: r.plural) for row in _rows(r)]
        return {
            "kind": "APIResourceList",
            "apiVersion": "v1",
            "groupVersion": found[0].api_version,
            "resources": rows,
        }

    def _core(self) -> Any:
        return _discovery_list([_group_discovery("", self._by_group()[""])])

    def _others(self) -> Any:
        groups = self._by_group()
        return _discovery_list([_group_discovery(g, f) for g, f in groups.items() if g])


def _group(name: str, found: Iterable[ApiResource]) -> Any:
    versions = list(dict.fromkeys(r.version for r in found))
    listed = [{"groupVersion": f"{name}/{v}", "version": v} for v in versions]
    head = {"kind": "APIGroup", "apiVersion": "v1", "name": name}
    return {**head, "versions": listed, "preferredVersion": listed[0]}


def _rows(resource: ApiResource) -> list[Any]:
    row: dict[str, Any] = {
        "name": resource.plural,
        "singularName": resource.singular,
        "namespaced": resource.namespaced,
        "kind": resource.kind,
        "verbs": list(resource.verbs),
    }
    if resource.short_names:
        row["shortNames"] = list(resource.short_names)
    if resource.categories:
        row["categories"] = list(resource.categories)
    if "list" in resource.verbs:
        digest = hashlib.sha256(resource.name.encode()).hexdigest()[:12]
        row["storageVersionHash"] = digest
    return [row, *(_subresource_row(resource, s) for s in resource.subresources)]


def _subresource_row(resource: ApiResource, name: str) -> Any:
    group, version, kind, verbs = SUBRESOURCES[name]
    row: dict[str, Any] = {
        "name": f"{resource.plural}/{name}",
        "singularName": "",
        "namespaced": resource.namespaced,
        "kind": kind or resource.kind,
        "verbs": list(verbs),
    }
    return {**row, "group": group, "version": version} if group else row


def _discovery_list(groups: list[Any]) -> Any:
    return {
        "kind": "APIGroupDiscoveryList",
        "apiVersion": f"{AGGREGATED}/v2",
        "metadata": {},
        "items": groups,
    }


def _group_discovery(name: str, found: list[ApiResource]) -> Any:
    versions: dict[str, list[ApiResource]] = {}
    for resource in found:
        versions.setdefault(resource.version, []).append(resource)
    return {
        "metadata": {"name": name or None, "creationTimestamp": None},
        "versions": [
            {"version": v, "freshness": "Current", "resources": [_discovered(r) for r in rs]}
            for v, rs in versions.items()
        ],
    }


def _discovered(resource: ApiResource) -> Any:
    row: dict[str, Any] = {
        "resource": resource.plural,
        "responseKind": _kind(resource.group, resource.version, resource.kind),
        "scope": "Namespaced" if resource.namespaced else "Cluster",
        "singularResource": resource.singular,
        "verbs": list(resource.verbs),
    }
    if resource.short_names:
        row["shortNames"] = list(resource.short_names)
    if resource.categories:
        row["categories"] = list(resource.categories)
    if resource.subresources:
        row["subresources"] = [_discovered_subresource(resource, s) for s in resource.subresources]
    return row


def _discovered_subresource(resource: ApiResource, name: str) -> Any:
    group, version, kind, verbs = SUBRESOURCES[name]
    if kind:
        answer = _kind(group, version or resource.version, kind)
    else:
        answer = _kind(resource.group, resource.version, resource.kind)
    return {"subresource": name, "responseKind": answer, "verbs": list(verbs)}


def _kind(group: str, version: str, kind: str) -> Any:
    return {"group": group, "version": version, "kind": kind}


def _aggregated(body: Any) -> web.Response:
    response = json_response(body)
    response.headers["Content-Type"] = (
        f"application/json;g={AGGREGATED};v=v2;as=APIGroupDiscoveryList"
    )
    return response


def version_info() -> Any:
    major, minor = VERSION.lstrip("v").split(".")[:2]
    return {
        "major": major,
        "minor": minor,
        "gitVersion": VERSION,
        "gitCommit": "",
        "gitTreeState": "clean",
        "buildDate": "1970-01-01T00:00:00Z",
        "goVersion": "",
        "compiler": "",
        "platform": "linux/amd64",
    }
