"""Fields of objects as values of the policies' world."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import Any

from npol.model.story import Protocol
from npol.policy.objects.netpol_types import Address
from npol.policy.parse.object_source import mapping
from npol.selectors import Labels


def labels_of(metadata: Mapping[str, Any]) -> Labels:
    return strings(metadata.get("labels"))


def strings(value: Any) -> dict[str, str]:
    """Labels whose values are strings: the API server takes no others, and reads nothing as ""."""
    return {k: v or "" for k, v in mapping(value).items() if v is None or isinstance(v, str)}


def addresses_of(texts: list[Any]) -> tuple[Address, ...]:
    found = []
    for text in texts:
        try:
            found.append(ipaddress.ip_address(str(text)))  # a number is no address
        except ValueError:  # None, "" or "None"
            continue
    return tuple(found)


def protocol_of(word: Any) -> Protocol:
    return Protocol.__members__.get(str(word or "TCP"), Protocol.TCP)
