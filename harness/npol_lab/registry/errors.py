"""
What the API server answers when it says no, in its own words.

Source of the wordings: apimachinery `pkg/api/errors/errors.go`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from npol.api_rules.field_errors import FieldError, Raw, invalid_value
from npol.api_rules.resources import ApiResource

Json = dict[str, Any]


class StatusError(Exception):
    """A `metav1.Status` of Failure; `code` is the HTTP status."""

    def __init__(self, code: int, reason: str, message: str, details: Json | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason
        self.message = message
        self.details = details

    def status(self) -> Json:
        body: Json = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": self.message,
        }
        if self.reason:
            body["reason"] = self.reason
        if self.details is not None:
            body["details"] = self.details
        return body | {"code": self.code}


def _details(resource: ApiResource, name: str) -> Json:
    details: Json = {"name": name, "group": resource.group, "kind": resource.plural}
    return {k: v for k, v in details.items() if v}


def not_found(resource: ApiResource, name: str) -> StatusError:
    message = f'{resource.name} "{name}" not found'
    return StatusError(404, "NotFound", message, _details(resource, name))


def already_exists(resource: ApiResource, name: str) -> StatusError:
    message = f'{resource.name} "{name}" already exists'
    return StatusError(409, "AlreadyExists", message, _details(resource, name))


def conflict(resource: ApiResource, name: str, why: str) -> StatusError:
    message = f'Operation cannot be fulfilled on {resource.name} "{name}": {why}'
    return StatusError(409, "Conflict", message, _details(resource, name))


MODIFIED = (
    "the object has been modified; please apply your changes to the latest version and try again"
)


def forbidden(resource: ApiResource, name: str, why: str) -> StatusError:
    called = f'{resource.name} "{name}"' if name else resource.name
    message = f"{called} is forbidden: {why}"
    return StatusError(403, "Forbidden", message, _details(resource, name))


def bad_request(message: str) -> StatusError:
    return StatusError(400, "BadRequest", message)


def undecodable(resource: ApiResource, why: str) -> StatusError:
    """400, as for unknown fields under strict validation and for mistyped values."""
    return bad_request(
        f'{resource.kind} in version "{resource.version}" cannot be handled as a '
        f"{resource.kind}: {why}"
    )


def unsupported_media(accepted: Sequence[str]) -> StatusError:
    message = (
        "the body of the request was in an unknown format - accepted media types include: "
        + ", ".join(accepted)
    )
    return StatusError(415, "UnsupportedMediaType", message)


def not_implemented(message: str) -> StatusError:
    return StatusError(501, "NotImplemented", f"the lab does not do this: {message}")


def no_such_resource() -> StatusError:
    message = "the server could not find the requested resource"
    return StatusError(404, "NotFound", message, {})


CILIUM = "cilium.io"
NOT_ENFORCED = "NotEnforced"
NO_CILIUM = (
    "the lab enforces no policies of Cilium's own kinds: its rules judge packets as Calico does, "
    "without identities and proxies; a cluster with Cilium can be named with --context"
)


def not_enforced(status: int = 404) -> StatusError:
    """Policies that would be kept and mean nothing."""
    return StatusError(status, NOT_ENFORCED, NO_CILIUM, {})


def not_allowed() -> StatusError:
    message = "the server does not allow this method on the requested resource"
    return StatusError(405, "MethodNotAllowed", message, {})


def invalid(resource: ApiResource, name: str, causes: Sequence[FieldError]) -> StatusError:
    """422. The message joins the causes as the server does: one bare, several in brackets."""
    lines = list(dict.fromkeys(f"{c.field}: {c.message}" for c in causes))
    joined = lines[0] if len(lines) == 1 else f"[{', '.join(lines)}]"
    called = f"{resource.kind}.{resource.group}" if resource.group else resource.kind
    details: Json = {
        "name": name,
        "group": resource.group,
        "kind": resource.kind,
        "causes": [{"reason": c.reason, "message": c.message, "field": c.field} for c in causes],
    }
    return StatusError(
        422,
        "Invalid",
        f'{called} "{name}" is invalid: {joined}',
        {k: v for k, v in details.items() if v},
    )


def version_required(resource: ApiResource, name: str) -> StatusError:
    """422 for an update without a resourceVersion, for a kind that wants one."""
    rule = "must be specified for an update"
    cause = invalid_value("metadata.resourceVersion", Raw("0x0"), rule)
    refusal = invalid(resource, name, [cause])
    refusal.message = f'{resource.name} "{name}" is invalid: {cause.field}: {cause.message}'
    refusal.details = {**(refusal.details or {}), "kind": resource.plural}
    return refusal


def invalid_options(kind: str, cause: FieldError) -> StatusError:
    """422 for query parameters, which the server reads as an object called `kind`."""
    return StatusError(
        422,
        "Invalid",
        f'{kind}.meta.k8s.io "" is invalid: {cause.field}: {cause.message}',
        {
            "group": "meta.k8s.io",
            "kind": kind,
            "causes": [{"reason": cause.reason, "message": cause.message, "field": cause.field}],
        },
    )
