"""Bodies of answers: JSON, Status, and the form of an object that the client accepts."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from npol.api_rules.objects import Obj
from npol_lab.registry.errors import StatusError

META = "meta.k8s.io/v1"


def encoded(body: Any) -> bytes:
    return json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode()


def json_response(body: Any, *, status: int = 200) -> web.Response:
    return web.Response(body=encoded(body) + b"\n", status=status, content_type="application/json")


def error_response(error: StatusError) -> web.Response:
    response = json_response(error.status(), status=error.code)
    seconds = (error.details or {}).get("retryAfterSeconds")
    if seconds:
        response.headers["Retry-After"] = str(seconds)
    return response


def success(kind: str, group: str, name: str, uid: str) -> Obj:
    """What a deletion answers when the object is gone at once."""
    details = {"name": name, "group": group, "kind": kind, "uid": uid}
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Success",
        "details": {k: v for k, v in details.items() if v},
    }


@dataclass(frozen=True, slots=True)
class Form:
    """`kind` is empty for the object itself, else `Table` or `PartialObjectMetadata[List]`."""

    kind: str = ""


FORMS = ("Table", "PartialObjectMetadata", "PartialObjectMetadataList")


def negotiate(accept: str) -> Form:
    """
    The first form in an Accept header that the lab can give.

    Raises:
        StatusError: 406, as for protobuf only.
    """
    for choice in accept.split(",") if accept else ["*/*"]:
        media, *parameters = [part.strip() for part in choice.split(";")]
        if media not in ("application/json", "*/*", "application/*"):
            continue
        asked = dict(p.split("=", 1) for p in parameters if "=" in p)
        form = asked.get("as", "")
        if not form:
            return Form()
        if form in FORMS and asked.get("g") == "meta.k8s.io" and asked.get("v") == "v1":
            return Form(form)
    raise StatusError(
        406,
        "NotAcceptable",
        "406: Not Acceptable\n\nAvailable representations: application/json",
        {},
    )


def partial(obj: Obj) -> Obj:
    return {
        "kind": "PartialObjectMetadata",
        "apiVersion": META,
        "metadata": obj["metadata"],
    }
