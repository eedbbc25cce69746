"""One request on its way through the server."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from npol.api_rules.field_errors import go_strings, unsupported
from npol.api_rules.resources import ApiResource
from npol.api_rules.schema import type_of
from npol_lab.api import bodies, protobuf
from npol_lab.api.rbac import Attributes
from npol_lab.api.requests import RequestInfo, truthy
from npol_lab.api.responses import Form, negotiate
from npol_lab.api.users import User
from npol_lab.registry import errors

TAKEN = {"token": "TokenRequest", "binding": "Binding", "scale": "Scale", "eviction": "Eviction"}
TAKEN = {"token": "TokenRequest", "binding": "Binding", "scale": "Scale", "eviction": "Eviction"}
VALIDATIONS = ("", "Ignore", "Strict", "Warn")


@dataclass(slots=True)
class Call:
    """`kind` is None for requests about no resource. `warnings` go out as headers."""

    request: web.Request
    info: RequestInfo
    user: User
    kind: ApiResource | None = None
    warnings: list[str] = field(default_factory=list)

    @property
    def resource(self) -> ApiResource:
        assert self.kind is not None, "only resources are asked for theirs"
        return self.kind

    @property
    def namespace(self) -> str | None:
        return self.info.namespace or None

    @property
    def attributes(self) -> Attributes:
        info = self.info
        if not info.plural:
            return Attributes(verb=info.verb, path=info.path)
        name, namespace = info.name, info.namespace
        if info.plural == "namespaces" and not info.group:
            namespace = name
        return Attributes(
            verb=info.verb,
            group=info.group,
            plural=info.plural,
            subresource=info.subresource,
            namespace=namespace,
            name=name,
        )

    @property
    def form(self) -> Form:
        return negotiate(self.request.headers.get("Accept", ""))

    @property
    def dry_run(self) -> bool:
        values = self.request.query.getall("dryRun", [])
        if any(v != "All" for v in values if v):
            cause = unsupported("dryRun", go_strings(values), ["All"])
            raise errors.invalid_options(self._options, cause)
        return "All" in values

    @property
    def _options(self) -> str:
        """What the server calls the query parameters of this verb."""
        verb = self.info.verb
        return {"deletecollection": "DeleteOptions"}.get(verb, f"{verb.capitalize()}Options")

    @property
    def manager(self) -> str:
        """The field manager: what was given, else the client's program name."""
        given = self.request.query.get("fieldManager", "")
        agent = self.request.headers.get("User-Agent", "unknown")
        return given or agent.split("/")[0][:128] or "unknown"

    @property
    def validation(self) -> str:
        given = self.request.query.get("fieldValidation", "")
        if given not in VALIDATIONS:
            cause = unsupported("fieldValidation", given, VALIDATIONS)
            raise errors.invalid_options(self._options, cause)
        return given or "Warn"

    def flag(self, key: str) -> bool:
        return truthy(self.request.query, key)

    def number(self, key: str) -> int | None:
        """
        Raises:
            StatusError: 400 when the parameter is no whole number.
        """
        text = self.request.query.get(key, "")
        if not text:
            return None
        try:
            return int(text)
        except ValueError as wrong:
            message = f'strconv.ParseInt: parsing "{text}": invalid syntax'
            raise errors.bad_request(message) from wrong

    async def body(self) -> tuple[Any, list[str]]:
        """The decoded body, and its duplicate keys."""
        try:
            raw = await self.request.read()
        except web.HTTPRequestEntityTooLarge as large:
            message = f"Request entity too large: limit is {bodies.MAX_BYTES}"
            raise errors.StatusError(413, "RequestEntityTooLarge", message) from large
        if self.request.content_type == protobuf.MEDIA_TYPE:
            return protobuf.decode(raw, type_of(self._body_kind())), []
        stated = "Content-Type" in self.request.headers  # the Python client states none
        wanted = self._body_kind().kind if self.info.verb in ("create", "update") else ""
        return bodies.decode(raw, self.request.content_type if stated else "", wanted)

    def _body_kind(self) -> ApiResource:
        """What the body holds: some subresources take an object of another kind."""
        taken = TAKEN.get(self.info.subresource)
        if self.kind is None:
            return ApiResource(plural="", kind="Status")
        return ApiResource(plural="", kind=taken) if taken else self.kind
