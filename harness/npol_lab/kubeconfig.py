"""The file by which everybody else finds the lab."""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path

CONTEXT = "lab"
USER = "lab-admin"


def write_kubeconfig(path: Path, *, port: int, authority: bytes, token: str) -> None:
    """JSON, which YAML readers read; whole or not at all, and for the owner only."""
    cluster = {
        "server": f"https://127.0.0.1:{port}",
        "certificate-authority-data": base64.b64encode(authority).decode(),
    }
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": CONTEXT, "cluster": cluster}],
        "users": [{"name": USER, "user": {"token": token}}],
        "contexts": [{"name": CONTEXT, "context": {"cluster": CONTEXT, "user": USER}}],
        "current-context": CONTEXT,
    }
    unfinished = path.with_suffix(".unfinished")
    handle = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w") as file:
        json.dump(config, file, indent=2)
    unfinished.rename(path)
