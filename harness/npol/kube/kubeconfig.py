"""
Kubeconfig files: which contexts they hold, and one context made ready to connect with.

Merged as kubectl merges them (the first file that names a thing wins); relative paths are
resolved against the file that they stand in. Messages name files and users, never content.
Inside a pod its ServiceAccount is a context too.
"""

from __future__ import annotations

import os
import shlex
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from npol.errors import InputError
from npol.kube import in_cluster
from npol.kube.kubeconfig_files import present_files, read_entries
from npol.kube.kubeconfig_rules import check_cluster, check_signed_in, check_user
from npol.kube.memfd import by_path

PATHS = {
    "cluster": ("certificate-authority",),
    "user": ("client-certificate", "client-key", "tokenFile"),
}
"""Fields that name files, by section."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Context:
    """One context with its cluster and user, as plain data."""

    name: str
    file: str
    """Where the user's credentials stand; messages name it."""
    cluster: Mapping[str, Any]
    user_name: str
    user: Mapping[str, Any]
    namespace: str
    directory: str
    """Of the file that holds the user; credential plugins run there."""

    @property
    def server(self) -> str:
        return str(self.cluster["server"]).rstrip("/")

    @property
    def proxy_url(self) -> str:
        """The cluster's own proxy; empty for none."""
        return str(self.cluster.get("proxy-url") or "")

    @property
    def address(self) -> str:
        """The server as it is shown: without what a URL may hold of credentials."""
        scheme, slashes, rest = self.server.partition("://")
        return f"{scheme}{slashes}{rest.rpartition('@')[2].partition('?')[0]}"

    @property
    def insecure(self) -> bool:
        """Whether the server's certificate is not verified."""
        return bool(self.cluster.get("insecure-skip-tls-verify"))

    @property
    def who(self) -> str:
        """The user and the file of its credentials, for messages."""
        return f"{self.user_name or '(none)'} in {self.file}"

    @property
    def exposed(self) -> bool:
        """Whether the file with the credentials can be read by every user of this machine."""
        return self.name != in_cluster.CONTEXT and bool(os.stat(self.file).st_mode & stat.S_IROTH)

    def impersonation(self) -> list[tuple[str, str]]:
        """The headers of a user that acts as another one; a name may stand several times."""
        extra = self.user.get("as-user-extra") or {}
        wanted = [
            ("Impersonate-User", self.user.get("as")),
            ("Impersonate-Uid", self.user.get("as-uid")),
            *(("Impersonate-Group", group) for group in self.user.get("as-groups") or ()),
            *(
                (f"Impersonate-Extra-{quote(str(key).lower(), safe='')}", value)
                for key, values in extra.items()
                for value in values
            ),
        ]
        return [(name, str(value)) for name, value in wanted if value]

    def loadable(self, user: Mapping[str, Any]) -> dict[str, Any]:
        """This context alone as a kubeconfig, with `user` for its credentials."""
        return {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "it",
            "contexts": [{"name": "it", "context": {"cluster": "it", "user": "it"}}],
            "clusters": [{"name": "it", "cluster": by_path(_filled(self.cluster))}],
            "users": [{"name": "it", "user": by_path(_filled(user))}],
        }


def options_of(kubeconfig: str | None, context: str) -> str:
    """What names a cluster on the command line: `--context dev --kubeconfig FILE`."""
    return shlex.join(["--context", context, *(["--kubeconfig", kubeconfig] if kubeconfig else [])])


def contexts(kubeconfig: str | None) -> list[str]:
    """
    The names of all contexts, in the files' order; inside a pod `in-cluster` is the last one.

    Args:
        kubeconfig: a path, or several as in $KUBECONFIG; None: $KUBECONFIG, else
            ~/.kube/config.

    Raises:
        InputError: a file is missing or broken.
    """
    inside = [in_cluster.CONTEXT] if in_cluster.server() else []
    if inside and not present_files(kubeconfig):
        return inside
    return list(dict.fromkeys([*read_entries(kubeconfig).contexts, *inside]))


def pick(kubeconfig: str | None, context: str) -> Context:
    """
    One context by name. The current context is never used silently.

    Raises:
        InputError: no such context, or its cluster or user is missing or broken.
    """
    if context == in_cluster.CONTEXT and in_cluster.server():
        return _service_account()
    merged = read_entries(kubeconfig)
    if context not in merged.contexts:
        known = ", ".join(merged.contexts) or "none"
        said = f"there is no context {context!r}" if context else "no context was named"
        raise InputError(f"{said} in {merged.path}", hint=f"name one of: {known}")
    file, entry = merged.contexts[context]
    cluster_name, user_name = str(entry.get("cluster", "")), str(entry.get("user", ""))
    if cluster_name not in merged.clusters:
        raise InputError(f"{file}: context {context} names cluster {cluster_name!r}, not in it")
    if user_name and user_name not in merged.users:
        raise InputError(f"{file}: context {context} names user {user_name!r}, not in it")
    cluster_file, cluster = merged.clusters[cluster_name]
    user_file, user = merged.users.get(user_name, (file, {}))
    check_cluster(f"{cluster_file}: cluster {cluster_name}", cluster)
    check_user(f"{user_file}: user {user_name}", user)
    user = _with_readable_token(_absolute(user, "user", user_file), user_file)
    if str(cluster["server"]).startswith("https://"):
        check_signed_in(f"{user_file}: user {user_name or '(none)'}", user)
    return Context(
        name=context,
        file=user_file,
        cluster=_absolute(cluster, "cluster", cluster_file),
        user_name=user_name,
        user=user,
        namespace=str(entry.get("namespace") or "default"),
        directory=os.path.dirname(os.path.abspath(user_file)),
    )


def _service_account() -> Context:
    return Context(
        name=in_cluster.CONTEXT,
        file=str(in_cluster.ACCOUNT / "token"),
        cluster=in_cluster.cluster(),
        user_name="(the pod's ServiceAccount)",
        user=in_cluster.user(),
        namespace=in_cluster.namespace(),
        directory=str(in_cluster.ACCOUNT),
    )


def _filled(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Without empty fields, which the client's loader takes for files named ""."""
    return {key: value for key, value in entry.items() if value not in ("", None)}


def _absolute(entry: Mapping[str, Any], section: str, file: str) -> dict[str, Any]:
    base = os.path.dirname(os.path.abspath(file))
    named = {key: os.path.join(base, str(entry[key])) for key in PATHS[section] if entry.get(key)}
    spare = {"tokenFile"} if entry.get("token") else set()
    for key, path in named.items():
        if key not in spare and not os.access(path, os.R_OK):
            raise InputError(f"{file}: {key} names {path}, which cannot be read")
    return {**entry, **named}


def _with_readable_token(user: Mapping[str, Any], file: str) -> dict[str, Any]:
    """A token's file that is missing or empty gives way to the token beside it."""
    path = user.get("tokenFile")
    if not path:
        return dict(user)
    try:
        with open(path, encoding="utf-8", errors="replace") as handle:
            empty = not handle.read().strip()
    except OSError as error:
        if not user.get("token"):
            raise InputError(f"{file}: tokenFile {path}: {error.strerror}") from None
        empty = True
    dropped = "tokenFile" if empty else "token"
    return {key: value for key, value in user.items() if key != dropped}
