"""
What a mode may send to the API server; checked on every request, before it is sent.

The check reads the request itself (method and path, for one patch its body), not what the caller
meant, so that no path of the program leads around it.
"""

from __future__ import annotations

import enum
import fnmatch
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import unquote

from npol.errors import Refused

STATE_NAMESPACE = "npol-system"
"""Where journal and canary live."""

CLUSTER_LEASE = "npol-cluster"
"""The Lease there under which a run changes policies of the whole cluster."""

PROTECTED = ("kube-*", "calico-*", "tigera-operator", "cilium*")
"""Namespaces that are never changed, whatever a story or a flag says."""


class Mode(enum.StrEnum):
    """What a run may do to a cluster."""

    READ_ONLY = "read-only"
    SMOKE = "smoke"  # debug pods, Leases, exec; never a policy
    APPLY = "apply"


SMOKE_WRITES = {
    "pods": {"create", "delete"},
    "deployments.apps": {"create", "delete"},  # debug pods where an engine ignores bare ones
    "leases.coordination.k8s.io": {"create", "update", "delete"},
}
"""Kind -> verbs that write."""
APPLY_WRITES = {
    **SMOKE_WRITES,
    "pods": {"create", "delete", "patch"},  # patch: the story's labels
    "networkpolicies.networking.k8s.io": {"create", "update", "patch", "delete"},
}
SUBRESOURCE_WRITES = {"eviction": {"create"}, "scale": {"update"}}
"""Verbs for those subresources that a run may be permitted to write."""
OF_OWNERS = frozenset({"uid", "resourceVersion", "managedFields"})
"""The metadata of a patch that gives fields back to their owners, and of which object."""
REVIEWS = frozenset(
    {
        "selfsubjectaccessreviews.authorization.k8s.io",
        "selfsubjectrulesreviews.authorization.k8s.io",
        "selfsubjectreviews.authentication.k8s.io",
    }
)
"""POST requests that only ask."""

TUNNELS = frozenset({"exec", "attach", "portforward", "proxy"})
"""Subresources whose GET does more than read."""

PATH = re.compile(
    r"/(?:api|apis/(?P<group>[^/]+))/(?P<version>[^/]+)"
    r"(?:/namespaces/(?P<namespace>[^/]+)(?=/[^/]+))?"
    r"/(?P<plural>[^/]+)(?:/(?P<name>[^/]+))?(?:/(?P<subresource>[^/]+)(?:/.*)?)?"
)
VERBS = {"GET": "get", "HEAD": "get", "POST": "create", "PUT": "update", "PATCH": "patch"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request as RBAC sees it."""

    verb: str
    """get, list, create, update, patch, delete, deletecollection."""
    resource: str
    """`networkpolicies.networking.k8s.io`, `pods/exec`; a path outside the API as it is."""
    namespace: str = ""
    name: str = ""

    def __str__(self) -> str:
        named = f" {self.name}" if self.name else ""
        place = f" in namespace {self.namespace}" if self.namespace else ""
        return f"{self.verb} {self.resource}{named}{place}"


def request_of(method: str, path: str) -> Request:
    """What a method and a URL path (no query) ask for."""
    verb = VERBS.get(method.upper(), method.lower())
    match = PATH.fullmatch(path)
    if match is None:
        return Request(verb=verb, resource=path)
    part = {key: unquote(value or "") for key, value in match.groupdict().items()}
    if verb == "get" and not part["name"]:
        verb = "list"
    resource = part["plural"] + (f".{part['group']}" if part["group"] else "")
    if part["subresource"]:
        resource += f"/{part['subresource']}"
    if verb == "delete" and not part["name"]:
        verb = "deletecollection"
    return Request(verb=verb, resource=resource, namespace=part["namespace"], name=part["name"])


def protected(namespace: str) -> bool:
    """Whether a namespace is one that npol never changes."""
    return any(fnmatch.fnmatchcase(namespace, pattern) for pattern in PROTECTED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Guard:
    """Refuses what the mode may not do (guarantees G7 and G8)."""

    mode: Mode
    namespaces: frozenset[str] | None = None
    """Where writes are allowed besides the state namespace; None: all but protected ones."""
    kinds: frozenset[str] = field(default_factory=frozenset)
    """
    Kinds that may be written in mode APPLY besides policies and npol's own; subresources, such as
    `pods/eviction`, only where they are named.
    """

    def permit(self, *, namespaces: Iterable[str], kinds: Iterable[str] = ()) -> Guard:
        """The same guard, for these namespaces only, and for these kinds as well."""
        return replace(self, namespaces=frozenset(namespaces), kinds=self.kinds | set(kinds))

    def check(self, request: Request, body: Any = None) -> None:
        """
        `body`: what is sent with it.

        Raises:
            Refused: the mode, the kind or the namespace rules the request out.
        """
        base, _, subresource = request.resource.partition("/")
        if request.verb in ("get", "list") and subresource not in TUNNELS:
            return
        if request.verb == "create" and base in REVIEWS:
            return
        self._check_mode(request, base, body)
        self._check_place(request, base)

    def check_exec(self, namespace: str) -> None:
        """
        Raises:
            Refused: the mode only reads.
        """
        if self.mode is Mode.READ_ONLY:
            raise self._no(Request(verb="create", resource="pods/exec", namespace=namespace))

    def _check_mode(self, request: Request, base: str, body: Any) -> None:
        if self.mode is Mode.APPLY and self._is_permitted_subresource(request):
            return
        if self.mode is Mode.READ_ONLY or request.resource != base:
            raise self._no(request)
        if request.verb == "deletecollection":
            raise self._no(request, "objects are deleted one by one, by name")
        if base == "configmaps" and request.namespace == STATE_NAMESPACE:
            return
        if base == "namespaces":
            self._check_namespace_object(request)
        elif self.mode is Mode.APPLY and (base in self.kinds or self._gives_back(request, body)):
            return
        elif request.verb not in self._writes().get(base, ()):
            raise self._no(request, "it is not among what this mode writes")

    def _is_permitted_subresource(self, request: Request) -> bool:
        _, _, subresource = request.resource.partition("/")
        verbs = SUBRESOURCE_WRITES.get(subresource, ())
        return request.resource in self.kinds and request.verb in verbs

    def _gives_back(self, request: Request, body: Any) -> bool:
        """
        What was scaled is patched at the end: its replicas get their former owner, and nothing
        else of it is touched.
        """
        if request.verb != "patch" or f"{request.resource}/scale" not in self.kinds:
            return False
        only_metadata = isinstance(body, Mapping) and body.keys() == {"metadata"}
        return only_metadata and body["metadata"].keys() <= OF_OWNERS

    def _check_namespace_object(self, request: Request) -> None:
        if "namespaces" in self.kinds or request.name == STATE_NAMESPACE:
            return
        if self.mode is not Mode.APPLY or request.verb != "patch":
            raise self._no(request, "namespaces are not its own")

    def _check_place(self, request: Request, base: str) -> None:
        place = request.name if base == "namespaces" else request.namespace
        if place == STATE_NAMESPACE or not place:
            return
        if protected(place):
            raise Refused(
                f"Blocked by npol (request not sent): {request}: {place} is a protected namespace",
                hint=f"npol never changes {', '.join(PROTECTED)}",
            )
        if self.namespaces is not None and place not in self.namespaces:
            raise self._no(request, "the story does not name this namespace")

    def _writes(self) -> Mapping[str, Collection[str]]:
        return APPLY_WRITES if self.mode is Mode.APPLY else SMOKE_WRITES

    def _no(self, request: Request, why: str = "") -> Refused:
        return Refused(
            f"Blocked by npol (request not sent): mode {self.mode.value} may not {request}"
            + (f": {why}" if why else "")
        )
