"""
What errors say to try, in the options of this door.

Hints are written for `npol`; whoever runs pytest has other options for the same.
"""

from __future__ import annotations

import re

PYTEST = {
    "--allow-gitops": "--npol-allow-gitops",
    "--assume-enforced": "--npol-assume-enforced",
    "--context": "--kube-context",
    "--create": "--npol-create",
    "--create=all": "--npol-create-all",
    "--create-all": "--npol-create-all",
    "--events": "--npol-events",
    "--flow-records": "--npol-flow-records",
    "--for": "--npol-for",
    "--ip-families": "--npol-ip-families",
    "--kubeconfig": "--kubeconfig",
    "--max-unlisted-pods": "--npol-max-unlisted-pods",
    "--no-canary": "--npol-no-canary",
    "--peers": "--npol-peers",
    "--qps": "--npol-qps",
    "--recover-stale": "--npol-recover-stale",
    "--replace": "--npol-replace",
    "--root": "--rootdir",
    "--settle": "--npol-settle",
    "--start-within": "--npol-start-within",
    "--wait": "--npol-wait",
}
"""Each option of `npol run` that errors name, and what it is called in pytest."""

COMMAND = r"`[^`]*`|\b(?:npol [a-z]+|kubectl)\b[^,;\n]*"
"""Whole commands are typed as they stand."""
OPTION = r"(?<![\w-])--[a-z][a-z-]*(?:=all\b)?"
WORD = re.compile(f"({COMMAND})|({OPTION})")


def for_pytest(text: str) -> str:
    """The same text with pytest's options; commands that it shows stay as they are."""
    return WORD.sub(lambda m: m[1] or PYTEST.get(m[2], m[2]), text)
