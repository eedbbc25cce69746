"""From a request about a resource to the verb that serves it."""

from __future__ import annotations

import json
from collections.abc import Iterator

from aiohttp import web

from npol.api_rules.resources import CREATE_ONLY, ApiResource
from npol_lab.api.deletions import Deletions
from npol_lab.api.execs import Execs
from npol_lab.api.node_interface import Runtime
from npol_lab.api.objects import Objects
from npol_lab.api.podlogs import Logs
from npol_lab.api.portforwards import PortForwards
from npol_lab.api.rbac import Authorizer
from npol_lab.api.request_context import Call
from npol_lab.api.requests import RequestInfo
from npol_lab.api.responses import json_response
from npol_lab.api.reviews import Reviews
from npol_lab.api.subresources import Subresources
from npol_lab.api.users import Tokens
from npol_lab.api.watching import Watches
from npol_lab.registry import Registry, errors
from npol_lab.registry.errors import Json

APPLY = "application/apply-patch+yaml"
NAMELESS = ("create", "list", "watch", "deletecollection")


class Dispatch:
    def __init__(
        self, registry: Registry, runtime: Runtime, tokens: Tokens, authorizer: Authorizer
    ) -> None:
        self._registry = registry
        self._objects = Objects(registry)
        self._deletions = Deletions(registry, self._objects)
        self._watches = Watches(registry)
        self._execs = Execs(registry, runtime)
        self._portforwards = PortForwards(registry, runtime)
        self._logs = Logs(registry, runtime)
        self._reviews = Reviews(authorizer, tokens)
        self._subresources = Subresources(registry, self._objects, tokens)

    def stop(self) -> None:
        self._watches.stop()
        self._execs.stop()

    async def serve(self, call: Call, fault: Json) -> web.StreamResponse:
        call.kind = kind = self._kind(call)
        call.warnings += _warnings(call, kind)
        response = await self._served(call, kind, fault)
        if not response.prepared:  # a stream has sent its headers before it had anything to warn of
            for text in call.warnings:
                response.headers.add("Warning", f"299 - {json.dumps(text)}")
        return response

    async def _served(self, call: Call, kind: ApiResource, fault: Json) -> web.StreamResponse:
        info = call.info
        if info.subresource:
            return await self._subresource(call, fault)
        if info.verb not in kind.verbs or _misplaced(info):
            raise errors.not_allowed()
        if kind.verbs == CREATE_ONLY:
            return await self._review(call)
        if info.verb == "get":
            return self._objects.get(call)
        if info.verb == "list":
            return self._objects.page(call)
        if info.verb == "watch":
            return await self._watches.serve(call)
        if info.verb == "create":
            return await self._objects.create(call)
        if info.verb == "update":
            return await self._objects.update(call)
        if info.verb == "patch":
            return await self._objects.patch(call)
        if info.verb == "delete":
            return await self._deletions.one(call)
        return await self._deletions.collection(call)

    def _kind(self, call: Call) -> ApiResource:
        info = call.info
        kind = self._registry.catalogue.in_version(info.resource, info.version)
        if kind is None:
            if info.group == errors.CILIUM:
                raise errors.not_enforced()
            served = {r.api_version for r in self._registry.catalogue.served()}
            group_version = f"{info.group}/{info.version}" if info.group else info.version
            raise (
                errors.no_such_resource()
                if group_version in served
                else web.HTTPNotFound(text="404 page not found\n")
            )
        return kind

    async def _subresource(self, call: Call, fault: Json) -> web.StreamResponse:
        what = (call.resource.name, call.info.subresource)
        if what in (("pods", "exec"), ("pods", "attach")):
            return await self._execs.serve(call, fault)
        if what == ("pods", "portforward"):
            return await self._portforwards.serve(call)
        if what == ("pods", "log"):
            return await self._logs.serve(call)
        return await self._subresources.serve(call)

    async def _review(self, call: Call) -> web.Response:
        body, _ = await call.body()
        obj = {**body, "apiVersion": call.resource.api_version, "kind": call.resource.kind}
        answer = self._reviews.answer(call.resource.plural, obj, call.user)
        return json_response(answer, status=201)


def _warnings(call: Call, kind: ApiResource) -> Iterator[str]:
    if kind.deprecated:
        yield kind.deprecated
    applied = call.info.verb == "patch" and call.request.content_type == APPLY
    if kind.inert and (call.info.verb == "create" or applied):
        yield f"the lab keeps a {kind.kind} as data: nothing here acts on it"


def _misplaced(info: RequestInfo) -> bool:
    """A create with a name in the path, or a change without one."""
    if info.verb == "watch":
        return False
    return bool(info.name) == (info.verb in NAMELESS)
