"""
Files that are only in memory, for libraries that take keys and certificates by path.

The official client writes such things to temporary files and removes them at its end, so after
a SIGKILL a private key would stay on the disk.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

INLINE = {
    "certificate-authority-data": "certificate-authority",
    "client-certificate-data": "client-certificate",
    "client-key-data": "client-key",
}
"""Fields of a kubeconfig that hold a file's content -> those that hold its path."""


def by_path(entry: Mapping[str, Any]) -> dict[str, Any]:
    """A kubeconfig's cluster or user whose inline data are files in memory, where there are any."""
    if not hasattr(os, "memfd_create"):  # only Linux has it
        return dict(entry)
    found = {k: v for k, v in entry.items() if k not in INLINE}
    for data, path in INLINE.items():
        if entry.get(data):
            found[path] = _in_memory(base64.b64decode(entry[data]))
    return found


@lru_cache(maxsize=64)
def _in_memory(content: bytes) -> str:
    """A path that this process can open for as long as it lives; equal contents share one."""
    fd = os.memfd_create("npol")
    os.write(fd, content)
    return f"/dev/fd/{fd}"
