"""
The ServiceAccount of the pod that npol runs in, as a context of its own.

kubernetes.io/docs/tasks/run-application/access-api-from-pod; the rules are client-go's
(rest.InClusterConfig, clientcmd's inClusterClientConfig).
"""

from __future__ import annotations

import os
from pathlib import Path

from npol.errors import InputError

CONTEXT = "in-cluster"
"""What the context is called where no kubeconfig has one of that name."""
ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")


def server() -> str:
    """The API server's URL; empty outside a pod, and in one without a ServiceAccount's token."""
    host = os.environ.get("KUBERNETES_SERVICE_HOST", "")
    port = os.environ.get("KUBERNETES_SERVICE_PORT", "")
    if not host or not port or not (ACCOUNT / "token").is_file():
        return ""
    return f"https://{f'[{host}]' if ':' in host else host}:{port}"


def cluster() -> dict[str, str]:
    """As a kubeconfig's cluster."""
    authority = ACCOUNT / "ca.crt"
    trust = {"certificate-authority": str(authority)} if authority.is_file() else {}
    return {"server": server(), **trust}


def user() -> dict[str, str]:
    """
    As a kubeconfig's user. The kubelet writes the token anew before it ends.

    Raises:
        InputError: the token cannot be read, or is empty.
    """
    file = ACCOUNT / "token"
    try:
        empty = not file.read_text().strip()
    except (OSError, ValueError) as error:
        raise InputError(f"{file}: the ServiceAccount's token cannot be read: {error}") from None
    if empty:
        raise InputError(f"{file}: the ServiceAccount's token is empty")
    return {"tokenFile": str(file)}


def namespace() -> str:
    """The pod's own: $POD_NAMESPACE, else the file beside the token."""
    if named := os.environ.get("POD_NAMESPACE"):
        return named
    try:
        return (ACCOUNT / "namespace").read_text().strip() or "default"
    except (OSError, ValueError):
        return "default"
