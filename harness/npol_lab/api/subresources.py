"""Subresources that are not streams: status and scale, binding, token, finalize."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from npol.api_rules.field_errors import invalid_value
from npol.api_rules.objects import Obj, copied
from npol.api_rules.resources import ApiResource
from npol.selectors import spell
from npol_lab.api.objects import PATCHES, Objects
from npol_lab.api.request_context import Call
from npol_lab.api.responses import json_response
from npol_lab.api.users import TOKEN_SECONDS, Tokens
from npol_lab.registry import Registry, errors
from npol_lab.registry.merge import merge
from npol_lab.registry.metadata import EPHEMERAL

SCALE = ApiResource(group="autoscaling", plural="scales", kind="Scale")
TOKEN = ApiResource(group="authentication.k8s.io", plural="tokenrequests", kind="TokenRequest")
MIN_TOKEN_SECONDS = 600
DONE = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201}
UNDONE = {
    "proxy": "proxying to pods, services and nodes",
    "resize": "resizing of pods in place",
}


class Subresources:
    def __init__(self, registry: Registry, objects: Objects, tokens: Tokens) -> None:
        self._registry = registry
        self._objects = objects
        self._tokens = tokens

    async def serve(self, call: Call) -> web.Response:
        """
        Raises:
            StatusError: 501 for what the lab does not do, 404 for what no server does.
        """
        name, kind = call.info.subresource, call.resource
        if name in UNDONE and kind.name in ("pods", "services", "nodes"):
            raise errors.not_implemented(UNDONE[name])
        if name not in kind.subresources:
            raise errors.no_such_resource()
        if name in ("status", EPHEMERAL):
            return await self._status(call)
        if name == "scale":
            return await self._scale(call)
        if name == "finalize" and call.info.verb == "update":
            return await self._finalize(call)
        if call.info.verb != "create":
            raise errors.not_allowed()
        if name == "eviction":
            return await self._evict(call)
        return await (self._bind(call) if name == "binding" else self._token(call))

    async def _evict(self, call: Call) -> web.Response:
        """A deletion; PodDisruptionBudgets are data here and hold nobody up."""
        body = (await call.body())[0]
        options = body.get("deleteOptions") or {}
        preconditions = options.get("preconditions") or {}
        self._registry.delete(
            "pods",
            call.namespace,
            call.info.name,
            uid=preconditions.get("uid"),
            resource_version=preconditions.get("resourceVersion"),
            grace=options.get("gracePeriodSeconds"),
            dry_run=call.dry_run or "All" in (options.get("dryRun") or []),
        )
        return json_response(DONE, status=201)

    async def _status(self, call: Call) -> web.Response:
        if call.info.verb == "get":
            return self._objects.get(call)
        if call.info.verb == "update":
            return await self._objects.update(call)
        if call.info.verb == "patch":
            return await self._objects.patch(call)
        raise errors.not_allowed()

    async def _scale(self, call: Call) -> web.Response:
        obj = self._registry.get(call.resource.name, call.namespace, call.info.name)
        scale = _scale_of(obj)
        if call.info.verb == "get":
            return json_response(scale)
        body = (await call.body())[0]
        if call.info.verb == "patch":
            if PATCHES.get(call.request.content_type) not in ("merge", "strategic"):
                raise errors.unsupported_media(["application/merge-patch+json"])
            body = merge(scale, body)
        wanted = (body.get("spec") or {}).get("replicas", 0)
        version = (body.get("metadata") or {}).get("resourceVersion")
        if version and version != obj["metadata"]["resourceVersion"]:
            raise errors.conflict(call.resource, call.info.name, errors.MODIFIED)
        if wanted < 0:
            rule = "must be greater than or equal to 0"
            cause = invalid_value("spec.replicas", wanted, rule)
            raise errors.invalid(SCALE, call.info.name, [cause])
        obj["spec"]["replicas"] = wanted
        updated = self._registry.update(
            call.resource.name,
            obj,
            manager=call.manager,
            subresource="scale",
            dry_run=call.dry_run,
        )
        return json_response(_scale_of(updated))

    async def _bind(self, call: Call) -> web.Response:
        body = (await call.body())[0]
        node = (body.get("target") or {}).get("name")
        if not node:
            raise errors.bad_request("binding: target.name is required")
        pod = self._registry.get("pods", call.namespace, call.info.name)
        self._registry.bind(pod["metadata"]["namespace"], pod["metadata"]["name"], node)
        return json_response(DONE, status=201)

    async def _token(self, call: Call) -> web.Response:
        body = (await call.body())[0]
        account = self._registry.get("serviceaccounts", call.namespace, call.info.name)
        spec: dict[str, Any] = body.get("spec") or {}
        seconds = int(spec.get("expirationSeconds") or TOKEN_SECONDS)
        if seconds < MIN_TOKEN_SECONDS:
            rule = "may not specify a duration less than 10 minutes"
            cause = invalid_value("spec.expirationSeconds", seconds, rule)
            raise errors.invalid(TOKEN, "", [cause])
        metadata = account["metadata"]
        token, expires = self._tokens.issue(
            metadata["namespace"], metadata["name"], metadata["uid"], seconds
        )
        ends = datetime.fromtimestamp(expires, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        audiences = spec.get("audiences") or ["https://kubernetes.default.svc.cluster.local"]
        return json_response(
            {
                "kind": "TokenRequest",
                "apiVersion": "authentication.k8s.io/v1",
                "metadata": {"name": metadata["name"], "namespace": metadata["namespace"]},
                "spec": {"audiences": audiences, "expirationSeconds": seconds},
                "status": {"token": token, "expirationTimestamp": ends},
            },
            status=201,
        )

    async def _finalize(self, call: Call) -> web.Response:
        """What force-removes a stuck namespace: its own finalizer is taken away."""
        body = (await call.body())[0]
        namespace = self._registry.get("namespaces", None, call.info.name)
        namespace["spec"] = copied(body.get("spec") or {})
        updated = self._registry.update("namespaces", namespace, subresource="finalize")
        return json_response(updated)


def _scale_of(obj: Obj) -> Obj:
    metadata, spec = obj["metadata"], obj["spec"]
    keys = ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")
    status = {"replicas": obj.get("status", {}).get("replicas", 0)}
    if spec.get("selector"):
        status["selector"] = spell(spec["selector"])
    return {
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": {k: metadata[k] for k in keys if k in metadata},
        "spec": {"replicas": spec.get("replicas", 0)},
        "status": status,
    }
