"""What a lab needs of the machine, and how to say that it is missing."""

from __future__ import annotations

import importlib.util
import shutil
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from npol.errors import Refused

PROGRAMS: Mapping[str, str] = {
    "unshare": "util-linux",
    "nsenter": "util-linux",
    "nft": "nftables",
    "nginx": "nginx-light",
    "curl": "curl",
    "nc": "netcat-openbsd",
    "dig": "bind9-dnsutils",
    "nslookup": "bind9-dnsutils",
    "ping": "iputils-ping",
    "busybox": "busybox",
}
"""Program to the Debian package that brings it."""
MODULES = ("aiohttp", "dns", "jsonpatch", "trustme")
UNCONFINED = "--security-opt seccomp=unconfined --security-opt systempaths=unconfined"
"""What lets a container make namespaces of its own, and mount in them."""
CONTAINER = f'docker run --rm -it {UNCONFINED} -v "$PWD:/work" -w /work python:3.11 bash'
"""Where a lab can be, on a machine without Linux."""
SEARCH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
"""Ordinary users have no `sbin` in their PATH, where Debian keeps nft and nginx."""

_SWITCHES = (
    (
        "kernel/apparmor_restrict_unprivileged_userns",
        "1",
        "AppArmor restricts user namespaces (kernel.apparmor_restrict_unprivileged_userns=1)",
        "sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0",
    ),
    (
        "kernel/unprivileged_userns_clone",
        "0",
        "user namespaces are switched off (kernel.unprivileged_userns_clone=0)",
        "sudo sysctl kernel.unprivileged_userns_clone=1",
    ),
    (
        "user/max_user_namespaces",
        "0",
        "no user namespace may be made (user.max_user_namespaces=0)",
        "sudo sysctl user.max_user_namespaces=10000",
    ),
)


def require_tools(search: str = SEARCH) -> None:
    """
    Raises:
        Refused: no Linux, or programs or Python packages are missing; the hint installs them.
    """
    if sys.platform != "linux":
        raise Refused(
            f"the lab is made of Linux namespaces, and this is {sys.platform}",
            hint=f"name a cluster with --context, or start a container for it: {CONTAINER}",
        )
    missing = [name for name in PROGRAMS if shutil.which(name, path=search) is None]
    if missing:
        packages = " ".join(sorted({PROGRAMS[name] for name in missing}))
        raise Refused(
            f"the lab needs programs that are not installed: {', '.join(missing)}",
            hint=f"sudo apt install {packages}",
        )
    modules = [name for name in MODULES if importlib.util.find_spec(name) is None]
    if modules:
        raise Refused(
            f"the lab needs Python packages that are not installed: {', '.join(modules)}",
            hint="pip install --force-reinstall npol",
        )


def require_families(names: Iterable[str]) -> None:
    """
    Raises:
        Refused: IPv6 is wanted, and this kernel has none.
    """
    if "IPv6" in names and not Path("/proc/sys/net/ipv6").exists():
        raise Refused(
            "a lab with IPv6 needs it in the kernel, and this one has none (no /proc/sys/net/ipv6)",
            hint="boot without ipv6.disable=1, or leave --ip-families at IPv4",
        )


def no_namespaces(reason: str, settings: Path = Path("/proc/sys")) -> Refused:
    """Why the kernel refused namespaces, as exactly as the machine tells: `reason` is unshare's."""
    for name, bad, fact, remedy in _SWITCHES:
        path = settings / name
        if path.exists() and path.read_text().strip() == bad:
            return Refused(f"the lab cannot make its namespaces: {fact}: {reason}", hint=remedy)
    return Refused(
        f"the lab cannot make its namespaces: {reason}",
        hint=f"in a container, start it with {UNCONFINED}; or name a cluster with --context",
    )
