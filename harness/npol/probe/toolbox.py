"""What a source has to ask with, as its prober reports it."""

from __future__ import annotations

import enum
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field


class Nc(enum.Enum):
    """Programs that are called `nc` and share little more than the name."""

    OPENBSD = "OpenBSD"  # Debian, and netcat-openbsd in Alpine (netshoot)
    NCAT = "Ncat"  # of nmap
    BUSYBOX = "BusyBox"  # without -z: runs a program when connected
    CLASSIC = "classic"  # has -z: BusyBox built as Netcat 1.10, or that one itself


@dataclass(frozen=True, slots=True, kw_only=True)
class Toolbox:
    """The programs of one source, and what else its prober says of the place it runs in."""

    tools: frozenset[str] = frozenset()
    nc: Nc | None = None
    nc_limit: bool = False
    """Whether `nc -W 1` ends after the first answer."""
    nc_udp: bool = False
    busybox_nslookup: bool = False
    busybox_wget: bool = False
    busybox_wget_tells: bool = False
    """Whether it tells what servers answer (`-S`)."""
    host: str = ""
    uid: str = ""
    """The pod's uid; "" where it cannot be known from inside."""
    memory: int | None = None
    """The container's limit in bytes; None: no limit is known."""
    cpus: float | None = None
    """The container's limit in CPUs; None: no limit is known."""
    processes: int | None = None
    """How many the container may have; None: no limit is known."""
    nameservers: tuple[str, ...] = ()
    search: tuple[str, ...] = ()
    """The domains in which its C library looks names up."""
    ephemeral: tuple[int, int] = (32768, 60999)
    """The first and the last source port that the kernel chooses by itself."""
    bound: frozenset[int] = frozenset()
    """Ports from 16384 that other sockets of the network namespace are bound to."""

    def has(self, tool: str) -> bool:
        return tool in self.tools

    @property
    def cluster_domain(self) -> str:
        """The domain of the cluster's own names; "" where it is not searched."""
        found = (d.removeprefix("svc.").rstrip(".") for d in self.search if d.startswith("svc."))
        return next(found, "")

    @property
    def names(self) -> Mapping[str, str]:
        """Tool -> which of the programs of that name it is, "" where there is but one."""
        kinds = {
            "nc": self.nc.value if self.nc else "",
            "nslookup": "BusyBox" if self.busybox_nslookup else "",
            "wget": "BusyBox" if self.busybox_wget else "",
        }
        asking = sorted(self.tools - {"timeout", "fractions", "base64"})
        return {tool: kinds.get(tool, "") for tool in asking}


@dataclass(slots=True)
class _Facts:
    values: dict[str, list[str]] = field(default_factory=dict)

    def all(self, name: str) -> list[str]:
        return self.values.get(name, [])

    def first(self, name: str) -> str:
        return next(iter(self.all(name)), "")

    def help(self, name: str) -> str:
        return "\n".join(self.all(name))


def parse_toolbox(text: str) -> Toolbox:
    """The toolbox of a prober's first answer: NAME=VALUE lines."""
    facts = _Facts()
    for line in text.split("\n"):
        name, _, value = line.partition("=")
        facts.values.setdefault(name, []).append(value)
    usage = facts.help("nc")
    return Toolbox(
        tools=frozenset(facts.all("tool")),
        nc=_nc(usage) if "nc" in facts.all("tool") else None,
        nc_limit="[-W " in usage,
        nc_udp=_takes_udp(usage),
        busybox_nslookup="BusyBox" in facts.help("nslookup"),
        busybox_wget="BusyBox" in facts.help("wget"),
        busybox_wget_tells=re.search(r"\[-[a-z]*S", facts.help("wget")) is not None,
        host=facts.first("host"),
        uid=facts.first("uid"),
        memory=_limit(facts.first("memory")),
        cpus=_cpus(facts.first("cpu") or f"{facts.first('quota')} {facts.first('period')}"),
        processes=min(map(int, filter(str.isdigit, facts.all("pids"))), default=None),
        nameservers=tuple(facts.all("nameserver")),
        search=tuple(" ".join(facts.all("search")[-1:]).split()),
        ephemeral=_ephemeral(facts.first("ephemeral")),
        bound=frozenset(int(port, 16) for port in facts.first("bound").split()),
    )


def _nc(usage: str) -> Nc | None:
    if "OpenBSD netcat" in usage or "[-46C" in usage or "[-46c" in usage:
        return Nc.OPENBSD
    if "Ncat" in usage:
        return Nc.NCAT
    if "-z" in usage:
        return Nc.CLASSIC
    if "BusyBox" in usage and "-e PROG" in usage:
        return Nc.BUSYBOX
    return None


def _takes_udp(usage: str) -> bool:
    """Ncat ends once it has sent its input, and waits for no answer (7.93, measured)."""
    flavour = _nc(usage)
    return flavour is Nc.OPENBSD or (flavour is not Nc.NCAT and "-u" in usage)


def _limit(text: str) -> int | None:
    """`max`, and cgroup v1's huge number, mean no limit."""
    return int(text) if text.isdigit() and int(text) < 1 << 50 else None


def _cpus(text: str) -> float | None:
    """Quota and period in microseconds; `max` and -1 mean no limit."""
    quota, _, period = text.partition(" ")
    if not quota.isdigit() or not period.isdigit() or int(period) == 0:
        return None
    return int(quota) / int(period)


def _ephemeral(text: str) -> tuple[int, int]:
    """Two numbers as in /proc/sys/net/ipv4/ip_local_port_range."""
    match [int(word) for word in text.split() if word.isdigit()]:
        case [first, last]:
            return first, last
    return Toolbox().ephemeral


def any_of(tools: Iterable[str]) -> str:
    """Tools for a sentence: `curl, nc or wget`."""
    *others, last = tools
    return f"{', '.join(others)} or {last}" if others else last
