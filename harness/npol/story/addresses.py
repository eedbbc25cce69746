"""IP addresses and networks, each in one canonical form; a wrong one comes with the right one."""

from __future__ import annotations

import ipaddress

from npol.story.field_validators import NotValid, shown


def address(text: str) -> str:
    """One IP address in canonical form; IPv6 with or without brackets."""
    bare = text[1:-1] if text.startswith("[") and text.endswith("]") else text
    if "/" in bare:
        raise NotValid(f"{shown(text)} is a network", f"write one address, '{bare.split('/')[0]}'")
    if "%" in bare:
        raise NotValid(f"{shown(text)} has a zone, which has a meaning on one host only")
    try:
        ip = ipaddress.ip_address(bare)
    except ValueError:
        raise NotValid(f"not a valid IP address: {shown(text)}") from None
    if isinstance(ip, ipaddress.IPv6Address) and ip.ipv4_mapped:
        raise NotValid(f"{shown(text)} is an IPv4-mapped IPv6 address", f"write '{ip.ipv4_mapped}'")
    return str(ip)


def cidr(text: str) -> str:
    """
    A network as ipBlock wants it: no bits to the right of the mask, the mask as a number.

    Source: kubernetes/kubernetes pkg/apis/networking/validation, IsValidCIDR.
    """
    if "/" not in text:
        return _address_for_cidr(text)
    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise NotValid(f"not a valid CIDR: {shown(text)}", _longest_prefix(text)) from None
    mapped = network.version == 6 and network.network_address.ipv4_mapped
    if mapped and network.prefixlen >= 96:
        meant = f"did you mean '{mapped}/{network.prefixlen - 96}'?"
        raise NotValid(f"{shown(text)} is an IPv4-mapped IPv6 network", meant)
    base, _, length = text.partition("/")
    if length != str(network.prefixlen):
        raise NotValid(f"{shown(text)} has no prefix length", f"did you mean '{network}'?")
    if ipaddress.ip_address(base) != network.network_address:
        raise NotValid(f"{shown(text)} has host bits set", f"did you mean '{network}'?")
    return str(network)


def _address_for_cidr(text: str) -> str:
    try:
        ip = ipaddress.ip_address(text)
    except ValueError:
        raise NotValid(
            f"not a valid CIDR: {shown(text)} (an address, '/' and a prefix length)"
        ) from None
    meant = f"did you mean '{ip}/{ip.max_prefixlen}'?"
    raise NotValid(f"{shown(text)} is an address, not a CIDR", meant)


def _longest_prefix(text: str) -> str:
    """A hint where only the prefix length is too long for its address."""
    base, _, length = text.partition("/")
    try:
        ip = ipaddress.ip_address(base)
    except ValueError:
        return ""
    meant = ip.ipv4_mapped or ip if ip.version == 6 else ip
    return f"did you mean '{meant}/{meant.max_prefixlen}'?" if length.isdecimal() else ""
