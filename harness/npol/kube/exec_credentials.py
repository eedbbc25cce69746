"""
Credential plugins of a kubeconfig (`users[].user.exec`), run with a deadline.

The official client's own runner waits for ever, logs a failure and goes on without
credentials, and never refreshes client certificates. The protocol:
kubernetes.io/docs/reference/access-authn-authz/authentication, "client-go credential plugins".
"""

from __future__ import annotations

import base64
import datetime
import json
import os
import signal
import subprocess
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from npol.errors import Refused
from npol.kube.kubeconfig import Context
from npol.kube.sanitize import SHORT, guarded

TIMEOUT = 20.0
"""Seconds that a plugin may take; cloud plugins call their provider."""
FILE_HOLDS = 60.0
"""Seconds after which a token's file is read again (client-go's period)."""
CONFIG = "client.authentication.k8s.io/exec"
"""The extension of a cluster that is meant for plugins."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Credential:
    """What a plugin printed; `expires` is in seconds since the epoch, None for unknown."""

    token: str = ""
    certificate: str = ""
    key: str = ""
    expires: float | None = None

    def certificates(self) -> dict[str, str]:
        """The certificate and its key as fields of a kubeconfig's user."""
        fields = {
            "client-certificate-data": _base64(self.certificate),
            "client-key-data": _base64(self.key),
        }
        return {name: value for name, value in fields.items() if value}


def credential_of(context: Context) -> Credential:
    """
    The token of a context's user, or what its plugin prints; an empty one where it has neither.

    A static token wins over a plugin, a token's file over a token (client-go's order).

    Raises:
        Refused: the plugin failed, or the file cannot be read.
    """
    if file := context.user.get("tokenFile"):
        return _from_file(str(file), context)
    if token := context.user.get("token"):
        return Credential(token=str(token))
    spec = context.user.get("exec")
    if not spec:
        return Credential()
    return run_plugin(
        spec, user=context.user_name, cluster=context.cluster, directory=context.directory
    )


def _from_file(file: str, context: Context) -> Credential:
    """Read again after a minute: the kubelet writes a ServiceAccount's token anew."""
    try:
        with open(file, encoding="utf-8") as handle:
            token = handle.read().strip()
    except (OSError, ValueError):
        raise Refused(f"user {context.who}: the token's file {file} cannot be read") from None
    return Credential(token=token, expires=time.time() + FILE_HOLDS)


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def run_plugin(
    spec: Mapping[str, Any],
    *,
    user: str,
    cluster: Mapping[str, Any],
    directory: str,
    timeout: float = TIMEOUT,
) -> Credential:
    """
    Run the plugin of user `user` and read the credential that it prints.

    Raises:
        Refused: it is not installed, failed, hung, or printed something else.
    """
    command = [str(spec.get("command", "")), *(str(a) for a in spec.get("args") or ())]
    out = _run(command, _environment(spec, cluster), user, directory, spec, timeout)
    try:
        answer = json.loads(out)
        status = answer["status"]
        found = Credential(
            token=str(status.get("token") or ""),
            certificate=str(status.get("clientCertificateData") or ""),
            key=str(status.get("clientKeyData") or ""),
            expires=_seconds(status.get("expirationTimestamp")),
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        raise _failed(user, command[0], "printed no ExecCredential with a status") from None
    if answer.get("apiVersion") != spec.get("apiVersion"):
        raise _failed(
            user,
            command[0],
            "printed a credential of another apiVersion than the kubeconfig asks for",
            "run the provider's command that writes the kubeconfig again",
        )
    if not found.token and not (found.certificate and found.key):
        raise _failed(user, command[0], "printed neither a token nor a certificate with its key")
    return found


def _environment(spec: Mapping[str, Any], cluster: Mapping[str, Any]) -> dict[str, str]:
    info: dict[str, Any] = {
        "apiVersion": spec.get("apiVersion"),
        "kind": "ExecCredential",
        "spec": {"interactive": False},
    }
    if spec.get("provideClusterInfo"):
        info["spec"]["cluster"] = _told(cluster)
    added = {str(e["name"]): str(e["value"]) for e in spec.get("env") or ()}
    return {**os.environ, **added, "KUBERNETES_EXEC_INFO": json.dumps(info)}


def _told(cluster: Mapping[str, Any]) -> dict[str, Any]:
    """A cluster as plugins are told of it (client-go, rest.ConfigToExecCluster)."""
    kept = ("server", "tls-server-name", "insecure-skip-tls-verify", "proxy-url")
    found = {key: cluster[key] for key in kept if cluster.get(key)}
    data = cluster.get("certificate-authority-data")
    if file := cluster.get("certificate-authority"):
        with open(file, "rb") as handle:
            data = base64.b64encode(handle.read()).decode()
    if data:
        found["certificate-authority-data"] = data
    extensions = {e.get("name"): e.get("extension") for e in cluster.get("extensions") or ()}
    return {**found, "config": extensions.get(CONFIG)}


def _run(
    command: list[str],
    env: Mapping[str, str],
    user: str,
    directory: str,
    spec: Mapping[str, Any],
    timeout: float,
) -> str:
    secrets = _secrets(spec)
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=env,
            cwd=directory or None,
            start_new_session=True,
        )
    except OSError as error:
        hint = (
            guarded(str(spec.get("installHint") or ""), secrets=secrets)
            or "install it, or log in another way"
        )
        raise _failed(user, command[0], f"did not start: {error.strerror}", hint) from None
    try:
        out, err = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        _kill(process)
        raise _failed(user, command[0], f"did not answer within {timeout:g} s") from None
    except BaseException:
        _kill(process)
        raise
    if process.returncode != 0:
        words = (
            guarded(err.strip().splitlines()[-1], secrets=secrets) if err.strip() else "no message"
        )
        raise _failed(user, command[0], f"ended with status {process.returncode}: {words}")
    return out


def _secrets(spec: Mapping[str, Any]) -> list[str]:
    """What the kubeconfig hands to a plugin, and a plugin's message may repeat."""
    handed = [str(e["value"]) for e in spec.get("env") or ()]
    words = [str(a) for a in spec.get("args") or () if any(c.isdigit() for c in str(a))]
    return [value for value in (*handed, *words) if len(value) >= SHORT]


def _kill(process: subprocess.Popen[str]) -> None:
    """With all that it started: a plugin is often a shell script around another program."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


def _seconds(timestamp: str | None) -> float | None:
    if not timestamp:
        return None
    return datetime.datetime.fromisoformat(timestamp.replace("Z", "+00:00")).timestamp()


def _failed(user: str, command: str, what: str, hint: str = "") -> Refused:
    return Refused(
        f"the credential plugin of user {user}, {command}, {what}",
        hint=hint or "run any kubectl command with this context; log in where it asks for it",
    )
