"""Authentication and authorization of requests."""

from __future__ import annotations

from aiohttp import web

from npol_lab.api.rbac import Attributes, Authorizer, refusal
from npol_lab.api.request_context import Call
from npol_lab.api.users import AUTHENTICATED, Tokens, User, service_account
from npol_lab.registry.errors import StatusError

ACCOUNT = "system:serviceaccount:"
DISCOVERY = ("/api", "/apis", "/openapi", "/version")
REVIEWS_OF_SELF = (
    "selfsubjectaccessreviews",
    "selfsubjectrulesreviews",
    "selfsubjectreviews",
)
"""Open to everybody who is signed in, as `system:basic-user` has it."""


class Identity:
    def __init__(self, tokens: Tokens, authorizer: Authorizer) -> None:
        self._tokens = tokens
        self._authorizer = authorizer

    def of(self, request: web.Request) -> User:
        """
        Raises:
            StatusError: 401 without a valid token.
        """
        kind, _, token = request.headers.get("Authorization", "").partition(" ")
        user = self._tokens.user(token) if kind.lower() == "bearer" and token else None
        if user is None:
            raise StatusError(401, "Unauthorized", "Unauthorized")
        wanted = request.headers.get("Impersonate-User", "")
        return self._impersonated(request, user, wanted) if wanted else user

    def _impersonated(self, request: web.Request, user: User, wanted: str) -> User:
        plural, namespace, name = "users", "", wanted
        if wanted.startswith(ACCOUNT):
            plural = "serviceaccounts"
            namespace, _, name = wanted[len(ACCOUNT) :].partition(":")
        self._require(
            user,
            Attributes(verb="impersonate", plural=plural, namespace=namespace, name=name),
        )
        groups = tuple(request.headers.getall("Impersonate-Group", []))
        for group in groups:
            self._require(user, Attributes(verb="impersonate", plural="groups", name=group))
        if plural == "serviceaccounts" and not groups:
            return service_account(namespace, name)
        return User(wanted, (*groups, AUTHENTICATED))

    def check(self, call: Call) -> None:
        """
        Raises:
            StatusError: 403 when no role allows the request.
        """
        info = call.info
        if not info.plural and info.verb == "get" and info.path.startswith(DISCOVERY):
            return
        if info.plural in REVIEWS_OF_SELF and info.verb == "create":
            return
        self._require(call.user, call.attributes)

    def _require(self, user: User, wanted: Attributes) -> None:
        if not self._authorizer.allows(user, wanted):
            raise _forbidden(user, wanted)


def _forbidden(user: User, wanted: Attributes) -> StatusError:
    why = refusal(user, wanted)
    if wanted.path:
        return StatusError(403, "Forbidden", f"forbidden: {why}")
    resource = f"{wanted.plural}.{wanted.group}" if wanted.group else wanted.plural
    called = f'{resource} "{wanted.name}"' if wanted.name else resource
    details = {"name": wanted.name, "group": wanted.group, "kind": wanted.plural}
    return StatusError(
        403,
        "Forbidden",
        f"{called} is forbidden: {why}",
        {k: v for k, v in details.items() if v},
    )
