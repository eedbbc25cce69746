"""Whether this machine can have a lab at all, told without starting one."""

from __future__ import annotations

import subprocess

from npol.errors import Refused
from npol_lab.requirements import SEARCH, no_namespaces, require_tools
from npol_lab.user_map import pods_user

NAMESPACES = ("--user", "--map-root-user", "--mount", "--pid", "--net", "--ipc", "--uts")
"""As unshare(1) is told to make them; the first two are made by hand where pods have a user."""


def why_no_lab() -> Refused | None:
    """What a lab's start would be refused with for want of programs or namespaces."""
    try:
        require_tools()
    except Refused as refused:
        return refused
    wanted = NAMESPACES[2:] if pods_user() else NAMESPACES
    ran = subprocess.run(
        ["unshare", *wanted, "--fork", "--kill-child", "--mount-proc", "true"],
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": SEARCH, "LC_ALL": "C"},
    )
    if ran.returncode == 0:
        return None
    said = ran.stderr.strip().splitlines() or ["unshare: it ended without a word"]
    return no_namespaces(said[-1])
