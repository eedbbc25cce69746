"""
What kubectl refuses in a kubeconfig's entries (client-go, tools/clientcmd/validation.go).

A kubeconfig that kubectl refuses is refused here too: who looks at one cluster with kubectl
must not reach another one, or be somebody else, with npol.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from npol.errors import InputError
from npol.kube.proxy import SCHEMES

Entry = Mapping[str, Any]

PLUGIN_VERSIONS = {
    "client.authentication.k8s.io/v1",
    "client.authentication.k8s.io/v1beta1",
}
INTERACTIVE_MODES = {"Never", "IfAvailable", "Always"}


def check_cluster(place: str, cluster: Entry) -> None:
    """Raises InputError by the first rule that a cluster breaks; `place` names it."""
    for problem in _cluster_problems(cluster):
        raise InputError(f"{place}: {problem}")


def check_user(place: str, user: Entry) -> None:
    """Raises InputError by the first rule that a user breaks; `place` names it."""
    for problem in _user_problems(user):
        raise InputError(f"{place}: {problem}")


def check_signed_in(place: str, user: Entry) -> None:
    """
    That something identifies the user.

    Raises:
        InputError: nothing does. kubectl asks for a name and a password then.
    """
    ways = ("token", "tokenFile", "username", "client-certificate", "exec", "auth-provider")
    if not any(user.get(way) or user.get(f"{way}-data") for way in ways):
        raise InputError(
            f"{place} has no credentials: neither a token, a certificate, a password nor a plugin",
            hint="log in as your cluster's provider describes it; does kubectl work?",
        )


def _cluster_problems(cluster: Entry) -> Iterator[str]:
    server = str(cluster.get("server") or "")
    if not server.startswith(("https://", "http://")):
        yield "it has no server URL"
    for key in ("server", "proxy-url"):
        if not _is_url(str(cluster.get(key) or "")):
            yield f"{key} is not a valid URL"
    proxy = str(cluster.get("proxy-url") or "")
    if proxy and urlsplit(proxy).scheme not in SCHEMES:
        yield f"proxy-url must begin with {', '.join(f'{scheme}://' for scheme in SCHEMES)}"
    insecure = cluster.get("insecure-skip-tls-verify")
    if not isinstance(insecure, bool | None):
        yield "insecure-skip-tls-verify must be true or false"
    authority, data = (cluster.get(f"certificate-authority{end}") for end in ("", "-data"))
    if authority and data:
        yield "certificate-authority and certificate-authority-data stand side by side"
    if insecure and (authority or data):
        yield "a certificate-authority stands beside insecure-skip-tls-verify"


def _user_problems(user: Entry) -> Iterator[str]:
    if user.get("username") and (user.get("token") or user.get("tokenFile")):
        yield "a token stands beside a username"
    if user.get("exec") and user.get("auth-provider"):
        yield "an exec plugin stands beside an auth-provider"
    if not user.get("as") and any(user.get(k) for k in ("as-uid", "as-groups", "as-user-extra")):
        yield "it impersonates a uid, groups or extra fields, and no user (`as`)"
    yield from _certificate_problems(user)
    if user.get("exec"):
        yield from _plugin_problems(user["exec"])


def _certificate_problems(user: Entry) -> Iterator[str]:
    given = {
        name: [end for end in ("", "-data") if user.get(name + end)]
        for name in ("client-certificate", "client-key")
    }
    for name, ends in given.items():
        if len(ends) == 2:
            yield f"{name} and {name}-data stand side by side"
    if given["client-certificate"] and not given["client-key"]:
        yield "client-certificate has no client-key"


def _plugin_problems(plugin: Any) -> Iterator[str]:
    if not isinstance(plugin, dict) or not plugin.get("command"):
        yield "exec names no command"
        return
    version, mode = plugin.get("apiVersion"), plugin.get("interactiveMode")
    if version not in PLUGIN_VERSIONS:
        yield f"exec's apiVersion must be one of {', '.join(sorted(PLUGIN_VERSIONS))}"
    if mode is None and version == "client.authentication.k8s.io/v1":
        yield f"exec's interactiveMode must be one of {', '.join(sorted(INTERACTIVE_MODES))}"
    if mode is not None and mode not in INTERACTIVE_MODES:
        yield f"exec's interactiveMode must be one of {', '.join(sorted(INTERACTIVE_MODES))}"
    if mode == "Always":
        yield "exec's interactiveMode is Always, and npol has no terminal to offer"


def _is_url(text: str) -> bool:
    """Whether it can be taken apart; the error of who tries later would hold its password."""
    try:
        _ = urlsplit(text).port
    except ValueError:
        return False
    return text.isprintable()
