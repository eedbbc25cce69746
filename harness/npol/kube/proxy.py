"""
Which proxy leads to the API server: one decision for requests and for execs, as kubectl's.

A cluster's `proxy-url` is used whatever the environment says. Else Go's rules hold
(golang.org/x/net/http/httpproxy): HTTPS_PROXY or HTTP_PROXY by the server's scheme, NO_PROXY
with names, domains, addresses, CIDRs and ports, and never a proxy to loopback. ALL_PROXY is
not looked at.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import SplitResult, unquote, urlsplit

SCHEMES = {"http": 80, "https": 443, "socks5": 1080}
"""What a proxy may speak, with its default port."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Proxy:
    """One proxy, taken apart; `user` and `password` are as they are to be sent."""

    scheme: str
    host: str
    port: int
    user: str | None = None
    password: str = ""

    @property
    def url(self) -> str:
        """Without user and password."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"


def proxy_to(server: str, proxy_url: str, environment: Mapping[str, str]) -> Proxy | None:
    """
    The proxy that requests to `server` take; None: none.

    Args:
        proxy_url: the cluster's `proxy-url`, checked already, or "".
        environment: variables; an address in them that cannot be read counts as none.
    """
    if proxy_url:
        return _taken_apart(proxy_url)
    target = urlsplit(server)
    name = "HTTPS_PROXY" if target.scheme == "https" else "HTTP_PROXY"
    proxy = _taken_apart(_variable(environment, name))
    excluded = _variable(environment, "NO_PROXY")
    return None if proxy is None or _is_direct(target, excluded) else proxy


def _variable(environment: Mapping[str, str], name: str) -> str:
    return environment.get(name) or environment.get(name.lower()) or ""


def _taken_apart(text: str) -> Proxy | None:
    if not text:
        return None
    try:
        parts = urlsplit(text)
        if not parts.scheme or not parts.netloc:
            parts = urlsplit(f"http://{text}")
        port = parts.port
    except ValueError:
        return None
    if parts.scheme not in SCHEMES or not parts.hostname:
        return None
    return Proxy(
        scheme=parts.scheme,
        host=parts.hostname,
        port=port or SCHEMES[parts.scheme],
        user=None if parts.username is None else unquote(parts.username),
        password=unquote(parts.password or ""),
    )


def _is_direct(target: SplitResult, excluded: str) -> bool:
    host = (target.hostname or "").lower()
    port = str(target.port or (443 if target.scheme == "https" else 80))
    address = _address(host)
    if host == "localhost" or (address is not None and address.is_loopback):
        return True
    return any(_excludes(entry, host, address, port) for entry in _entries(excluded))


def _entries(excluded: str) -> Iterator[str]:
    yield from (entry for part in excluded.split(",") if (entry := part.strip().lower()))


Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def _excludes(entry: str, host: str, address: Address | None, port: str) -> bool:
    if entry == "*":
        return True
    if "/" in entry:
        return address is not None and _within(address, entry)
    name, only = _port_split(entry)
    if only and only != port:
        return False
    if (excluded := _address(name)) is not None:
        return excluded == address
    suffix = name.removeprefix("*")
    if not suffix:
        return False
    if suffix.startswith("."):
        return host.endswith(suffix)
    return host == suffix or host.endswith(f".{suffix}")


def _within(address: Address, cidr: str) -> bool:
    try:
        return address in ipaddress.ip_network(cidr, strict=False)
    except ValueError:
        return False


def _port_split(entry: str) -> tuple[str, str]:
    """`name:port` or `[IPv6]:port`, else the entry alone."""
    name, colon, port = entry.rpartition(":")
    if colon and port.isdigit() and (":" not in name or name.startswith("[")):
        return name.strip("[]"), port
    return entry, ""


def _address(text: str) -> Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None
