"""Who am I, and what may I do: the access and token reviews."""

from __future__ import annotations

from typing import Any

from npol.api_rules.field_errors import invalid_value
from npol.api_rules.objects import Obj
from npol.api_rules.resources import ApiResource
from npol_lab.api.rbac import Attributes, Authorizer
from npol_lab.api.users import AUTHENTICATED, Tokens, User
from npol_lab.registry import errors

NAMELESS = ApiResource(group="authorization.k8s.io", plural="", kind="")
"""What the server calls a review in its complaints."""


class Reviews:
    """Each answers the object that was posted, with its status filled in."""

    def __init__(self, authorizer: Authorizer, tokens: Tokens) -> None:
        self._authorizer = authorizer
        self._tokens = tokens

    def answer(self, plural: str, obj: Obj, user: User) -> Obj:
        spec = obj.get("spec") or {}
        obj.setdefault("metadata", {})
        if plural == "selfsubjectreviews":
            obj["status"] = {"userInfo": _user_info(user)}
        elif plural == "selfsubjectrulesreviews":
            obj["status"] = self._rules(user, spec.get("namespace", ""))
        elif plural == "tokenreviews":
            obj["status"] = self._token(spec.get("token", ""))
        elif plural == "selfsubjectaccessreviews":
            obj["status"] = self._access(user, spec)
        else:
            obj["status"] = self._access(_subject(spec), spec)
        return obj

    def _access(self, user: User, spec: Obj) -> Obj:
        wanted = _attributes(spec)
        reason = self._authorizer.reason(user, wanted)
        status: Obj = {"allowed": self._authorizer.allows(user, wanted)}
        return status | ({"reason": reason} if reason else {})

    def _rules(self, user: User, namespace: str) -> Obj:
        if not namespace:
            raise errors.bad_request("no namespace on request")
        rules = list(self._authorizer.rules(user, namespace))
        resources = [r for r in rules if r.get("resources")]
        paths = [r for r in rules if r.get("nonResourceURLs")]
        keys = ("verbs", "apiGroups", "resources", "resourceNames")
        return {
            "resourceRules": [{k: r[k] for k in keys if k in r} for r in resources],
            "nonResourceRules": [
                {"verbs": r["verbs"], "nonResourceURLs": r["nonResourceURLs"]} for r in paths
            ],
            "incomplete": False,
        }

    def _token(self, token: str) -> Obj:
        user = self._tokens.user(token)
        if user is None:
            return {"authenticated": False, "user": {}, "error": "invalid bearer token"}
        return {"authenticated": True, "user": _user_info(user)}


def _attributes(spec: Obj) -> Attributes:
    paths: dict[str, Any] = spec.get("nonResourceAttributes") or {}
    asked: dict[str, Any] = spec.get("resourceAttributes") or {}
    if bool(paths) == bool(asked):
        rule = "exactly one of nonResourceAttributes or resourceAttributes must be specified"
        cause = invalid_value("spec.resourceAttributes", "null", rule)
        raise errors.invalid(NAMELESS, "", [cause])
    if paths:
        return Attributes(verb=paths.get("verb", ""), path=paths.get("path", ""))
    return Attributes(
        verb=asked.get("verb", ""),
        group=asked.get("group", ""),
        plural=asked.get("resource", ""),
        subresource=asked.get("subresource", ""),
        namespace=asked.get("namespace", ""),
        name=asked.get("name", ""),
    )


def _subject(spec: Obj) -> User:
    groups = tuple(spec.get("groups") or ())
    return User(spec.get("user", ""), (*groups, AUTHENTICATED), spec.get("uid", ""))


def _user_info(user: User) -> Obj:
    info: Obj = {"username": user.name, "groups": list(user.groups)}
    if user.uid:
        info["uid"] = user.uid
    return info | ({"extra": user.extra} if user.extra else {})
