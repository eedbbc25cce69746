"""
The same command from a source port of one's choice, and what says that it was taken. Pure.

A ping has no port; its identifier stands for it.
"""

from __future__ import annotations

import re
from dataclasses import replace

from npol.probe.command import Command, Ended

PORTS_TRIED = 3
"""Source ports that may be taken before the kernel is left to choose one."""
CURL_CANNOT_BIND = 45
_NO_IDENTIFIER = re.compile(r"(invalid|unrecognized) option")
"""What a ping says that cannot be told its identifier (BusyBox, iputils before 2021)."""
_TAKEN = re.compile(
    r"^nc: bind failed|\bbind: |address (already )?in use|address not available"
    r"|cannot assign requested address",
    re.IGNORECASE | re.MULTILINE,
)


def from_port(command: Command, port: int) -> Command | None:
    """The command with its source port chosen; None: its tool cannot choose."""
    tool, *rest = command.argv
    options = {
        "nc": ("-p", str(port)),
        "curl": ("--local-port", str(port)),
        "dig": _dig_option(rest, port),
        "ping": ("-e", str(port)),
    }.get(tool)
    if not options:
        return None
    # -q counts as curl's first argument only
    first = rest[:1] if tool == "curl" else []
    return replace(command, argv=(tool, *first, *options, *rest[len(first) :]))


def _dig_option(arguments: list[str], port: int) -> tuple[str, ...]:
    """dig binds an address, too; without a server's it is not known of which family."""
    servers = [word for word in arguments if word.startswith("@")]
    if not servers:
        return ()
    unspecified = "::" if ":" in servers[0] else "0.0.0.0"
    return ("-b", f"{unspecified}#{port}")


def port_taken(command: Command, ended: Ended) -> bool:
    """Whether a command that was to use a port of our choice did not get it: nothing was asked."""
    if command.tool == "curl":
        return ended.exit_code == CURL_CANNOT_BIND
    if command.tool == "ping" and _NO_IDENTIFIER.search(ended.words):
        return True
    return ended.exit_code != 0 and _TAKEN.search(ended.words) is not None
