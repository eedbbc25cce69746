"""Role-based access control over the lab's own Role and Binding objects."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from npol.api_rules.objects import Obj
from npol_lab.api.users import User
from npol_lab.store import Store

_GROUP = "rbac.authorization.k8s.io"
Rule = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Attributes:
    """What somebody wants to do; with `path` to no resource but to a path of the server."""

    verb: str
    group: str = ""
    plural: str = ""
    subresource: str = ""
    namespace: str = ""
    name: str = ""
    path: str = ""

    @property
    def resource(self) -> str:
        return f"{self.plural}/{self.subresource}" if self.subresource else self.plural


class Authorizer:
    def __init__(self, store: Store) -> None:
        self._store = store

    def allows(self, user: User, wanted: Attributes) -> bool:
        return user.is_admin or bool(self.reason(user, wanted))

    def reason(self, user: User, wanted: Attributes) -> str:
        """Which binding allows it; empty when none does, and for the administrator."""
        for binding, subject in self._bindings(user, wanted.namespace):
            if any(_permits(rule, wanted) for rule in self._rules_of(binding)):
                return _told(binding, subject)
        return ""

    def rules(self, user: User, namespace: str) -> Iterator[Rule]:
        """All rules that hold for a user in a namespace, or cluster-wide when it is empty."""
        if user.is_admin:
            yield {"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}
            yield {"verbs": ["*"], "nonResourceURLs": ["*"]}
        for binding, _ in self._bindings(user, namespace):
            yield from self._rules_of(binding)

    def _bindings(self, user: User, namespace: str) -> Iterator[tuple[Obj, Obj]]:
        """The bindings that name a user, each with the subject that does."""
        found = self._store.list(f"clusterrolebindings.{_GROUP}")
        if namespace:
            found += self._store.list(f"rolebindings.{_GROUP}", namespace)
        for binding in found:
            home = binding["metadata"].get("namespace", "")
            for subject in binding.get("subjects") or []:
                if _is_subject(subject, home, user):
                    yield binding, subject
                    break

    def _rules_of(self, binding: Obj) -> list[Rule]:
        reference, home = binding["roleRef"], binding["metadata"].get("namespace")
        if reference["kind"] == "Role":
            role = self._store.get(f"roles.{_GROUP}", home, reference["name"])
        else:
            role = self._store.get(f"clusterroles.{_GROUP}", None, reference["name"])
        return list((role or {}).get("rules") or [])


def _told(binding: Obj, subject: Obj) -> str:
    head, reference = binding["metadata"], binding["roleRef"]
    name = f"{head['name']}/{head['namespace']}" if "namespace" in head else head["name"]
    kind = "RoleBinding" if "namespace" in head else "ClusterRoleBinding"
    whom = subject["name"]
    if subject["kind"] == "ServiceAccount":
        whom = f"{whom}/{subject.get('namespace') or head.get('namespace', '')}"
    return (
        f'RBAC: allowed by {kind} "{name}" of {reference["kind"]} "{reference["name"]}" '
        f'to {subject["kind"]} "{whom}"'
    )


def _is_subject(subject: Obj, namespace: str, user: User) -> bool:
    name = subject.get("name", "")
    if subject.get("kind") == "User":
        return bool(user.name == name)
    if subject.get("kind") == "Group":
        return name in user.groups
    home = subject.get("namespace") or namespace
    return user.name == f"system:serviceaccount:{home}:{name}"


def _permits(rule: Rule, wanted: Attributes) -> bool:
    if not _has(rule.get("verbs"), wanted.verb):
        return False
    if wanted.path:
        return any(_covers(url, wanted.path) for url in rule.get("nonResourceURLs") or [])
    if not _has(rule.get("apiGroups"), wanted.group):
        return False
    resources = rule.get("resources") or []
    every = wanted.subresource and f"*/{wanted.subresource}" in resources
    if not every and not _has(resources, wanted.resource):
        return False
    names = rule.get("resourceNames") or []
    return not names or wanted.name in names


def _has(values: list[str] | None, value: str) -> bool:
    return "*" in (values or []) or value in (values or [])


def _covers(url: str, path: str) -> bool:
    return path.startswith(url[:-1]) if url.endswith("*") else url == path


def refusal(user: User, wanted: Attributes) -> str:
    """The server's sentence about what a user may not do."""
    if wanted.path:
        return f'User "{user.name}" cannot {wanted.verb} path "{wanted.path}"'
    where = f'in the namespace "{wanted.namespace}"' if wanted.namespace else "at the cluster scope"
    return (
        f'User "{user.name}" cannot {wanted.verb} resource "{wanted.resource}" '
        f'in API group "{wanted.group}" {where}'
    )
