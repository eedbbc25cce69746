"""Which programs an image has: what is not listed is really missing in its containers."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess

HOST_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

_BASE = """
    [ arch awk basename bash cat chgrp chmod chown cksum cmp comm cp cut date dd df diff dirname
    du echo env expand expr factor false find flock fold getent getopt grep egrep fgrep groups
    gunzip gzip head hostname id install join kill link ln logger ls mawk mkdir mkfifo mknod mktemp
    more mv nice nl nohup nproc numfmt od paste perl pidof pr printenv printf pwd readlink realpath
    rev rm rmdir sed seq setsid sh sha1sum sha256sum sha512sum shuf sleep sort split stat stdbuf
    stty sum sync tac tail tar tee test timeout touch tr true truncate tty uname unexpand uniq
    unlink uptime users wc which who whoami xargs yes zcat md5sum base64 base32 dash
"""
BASE = tuple(_BASE.split())
"""What a minimal Debian has."""

_NETWORK = """
    curl nc nc.openbsd netcat nslookup dig host nsupdate delv mdig ping ping4 ping6 ip ss bridge tc
    tcpdump python3 python3.11 python3.12 python3.13 rtmon lnstat nstat rtacct ps top free
    pgrep pkill watch uptime less vi jq openssl traceroute mtr iperf3 nmap socat tshark
"""
NETWORK = tuple(_NETWORK.split())
"""What a network tool image has on top. No wget: its exit codes say nothing."""

EXTRAS = ("telnet", "traceroute")
"""What a network tool image has of BusyBox where it has nothing better."""

SYSTEM = frozenset(("nginx", "tc", "bridge", "rtmon"))
"""What stands in /usr/sbin."""


@functools.cache
def applets() -> tuple[str, ...]:
    """The commands of the host's BusyBox; none where it is missing."""
    program = shutil.which("busybox", path=HOST_PATH)
    if program is None:
        return ()
    listed = subprocess.run([program, "--list"], capture_output=True, text=True, check=False)
    return tuple(listed.stdout.split())


def programs(toolset: str) -> dict[str, str]:
    """
    Names in the image's PATH and the host's programs behind them.

    `toolset`: "debian", "network", "nginx", "python", "busybox" or "none". What the host does
    not have is left out.
    """
    if toolset == "none":
        return {}
    if toolset == "busybox" and applets():
        return _links(dict.fromkeys((*applets(), "busybox"), "busybox"))
    more = {"network": NETWORK, "nginx": ("nginx",), "python": ("python3",)}.get(toolset, ())
    alias = {"python": "python3"} if toolset == "python" else {}
    if toolset == "network":
        alias = {name: "busybox" for name in EXTRAS if name in applets() and not _on_host(name)}
    return _links({name: name for name in BASE + more} | alias)


def _links(wanted: dict[str, str]) -> dict[str, str]:
    found = {name: _on_host(program) for name, program in wanted.items()}
    return {name: path for name, path in found.items() if path}


@functools.cache
def _on_host(program: str) -> str:
    """The real path below /usr, which is what containers can see of the host."""
    path = os.path.realpath(shutil.which(program, path=HOST_PATH) or "/")
    return path if path.startswith("/usr/") else ""
