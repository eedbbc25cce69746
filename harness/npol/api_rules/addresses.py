"""
Addresses and networks as the API server reads them.

Source: kubernetes `k8s.io/utils/net`, ParseIPSloppy: leading zeros, octal to others, are decimal.
"""

from __future__ import annotations

import ipaddress
import re

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_ZEROS = re.compile(r"(?<![\w:])0+(?=\d)")


def address(text: str) -> Address | None:
    """None for what is no address; one with a zone is none."""
    if "%" in text:
        return None
    try:
        return ipaddress.ip_address(_ZEROS.sub("", text))
    except ValueError:
        return None


def network(text: str) -> Network | None:
    """None for what is no CIDR; bits beyond the prefix are let through, as 1.33 does."""
    base, slash, length = text.partition("/")
    if not slash or "%" in base:
        return None
    try:
        return ipaddress.ip_network(f"{_ZEROS.sub('', base)}/{length}", strict=False)
    except ValueError:
        return None
