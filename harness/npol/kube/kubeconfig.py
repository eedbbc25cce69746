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
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from npol.errors import InputError
from npol.kube import in_cluster
from npol.kube.kubeconfig_rules import check_cluster, check_signed_in, check_user
from npol.kube.memfd import by_path
from npol.yaml_positions import YamlDialect, load

PATHS = {
    "cluster": ("certificate-authority",),
    "user": ("client-certificate", "client-key", "tokenFile"),
}
"""Fields that name files, by section."""
LARGEST = 32_000_000
"""Bytes of one file; a fleet's may have thousands of clusters with their certificates."""


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


@dataclass(slots=True, repr=False)
class _KubeconfigEntries:
    """All files of one kubeconfig path, entries by name, with the file of each."""

    path: str
    contexts: dict[str, tuple[str, dict[str, Any]]] = field(default_factory=dict)
    clusters: dict[str, tuple[str, dict[str, Any]]] = field(default_factory=dict)
    users: dict[str, tuple[str, dict[str, Any]]] = field(default_factory=dict)


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
    if inside and not _present(_path(kubeconfig), bool(kubeconfig)):
        return inside
    return list(dict.fromkeys([*_read(kubeconfig).contexts, *inside]))


def pick(kubeconfig: str | None, context: str) -> Context:
    """
    One context by name. The current context is never used silently.

    Raises:
        InputError: no such context, or its cluster or user is missing or broken.
    """
    if context == in_cluster.CONTEXT and in_cluster.server():
        return _service_account()
    merged = _read(kubeconfig)
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


def _path(kubeconfig: str | None) -> str:
    return kubeconfig or os.environ.get("KUBECONFIG") or os.path.join("~", ".kube", "config")


def _present(path: str, is_given: bool) -> list[str]:
    """The files that are there; a given path is one file first, as for kubectl."""
    whole = os.path.expanduser(path)
    if is_given and os.path.exists(whole):
        return [whole]
    files = [os.path.expanduser(part) for part in path.split(os.pathsep) if part]
    return [file for file in files if os.path.exists(file)]


def _read(kubeconfig: str | None) -> _KubeconfigEntries:
    path = _path(kubeconfig)
    present = _present(path, bool(kubeconfig))
    if not present:
        raise InputError(
            f"there is no kubeconfig at {path}",
            hint="give --kubeconfig FILE, or set KUBECONFIG",
        )
    merged = _KubeconfigEntries(path)
    for file in present:
        _merge(merged, file, _content(file))
    return merged


def _content(file: str) -> Mapping[str, Any]:
    try:
        with open(file, "rb") as handle:
            documents = load(handle.read(), file, YamlDialect.MANIFEST, limit=LARGEST)
    except OSError as error:
        raise InputError(f"{file}: the kubeconfig cannot be read: {error.strerror}") from None
    if not documents:  # empty, or comments only
        return {}
    content = documents[0].data
    if len(documents) != 1 or not isinstance(content, dict):
        raise InputError(f"{file}: a kubeconfig is one YAML mapping, and this is none")
    if content.get("apiVersion", "v1") != "v1" or content.get("kind", "Config") != "Config":
        raise InputError(f"{file}: a kubeconfig is of apiVersion v1, kind Config, and this is not")
    return content


def _merge(merged: _KubeconfigEntries, file: str, content: Mapping[str, Any]) -> None:
    for section, key in (("contexts", "context"), ("clusters", "cluster"), ("users", "user")):
        table = getattr(merged, section)
        place = f"{file}: {section}"
        found: dict[str, dict[str, Any]] = {}
        for name, entry in _entries(content.get(section), key, place):
            if name in found:
                raise InputError(f"{place}: {name!r} stands twice")
            found[name] = entry
        for name, entry in found.items():
            table.setdefault(name, (file, entry))


def _entries(section: Any, key: str, place: str) -> Iterator[tuple[str, dict[str, Any]]]:
    if section is None:
        return
    if not isinstance(section, list):
        raise InputError(f"{place} is not a list")
    for number, item in enumerate(section, 1):
        if not isinstance(item, dict) or not isinstance(item.get(key) or {}, dict):
            raise InputError(f"{place}: entry {number} is not a name with a {key}")
        yield str(item.get("name", "")), dict(item.get(key) or {})


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
