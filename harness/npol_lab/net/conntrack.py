"""
The kernel's table of translated connections: which UDP ones lead to where nobody is any more.

Source of the numbers: the kernel's include/uapi/linux/netfilter/nfnetlink_conntrack.h. All
functions work on the network namespace of the thread that calls them.
"""

from __future__ import annotations

import contextlib
import ipaddress
import socket
import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from npol_lab.families import IPV4, SINGLE, Family
from npol_lab.net.nfnetlink import (
    ACK,
    ERROR,
    FAMILY,
    HEADER,
    NESTED,
    REQUEST,
    attribute,
    attributes,
    checked,
    messages,
    open_socket,
)

Place = tuple[str, int]
"""An address and a port."""
DUMP, DONE = 0x300, 3
GET, DELETE = (1 << 8) | 1, (1 << 8) | 2
ORIGINAL, REPLY = 1, 2
_ADDRESSES = {4: (1, 2), 6: (3, 4)}
"""By IP version: the attributes of a tuple's source and destination."""
_BUFFER = 1 << 18


@dataclass(frozen=True, slots=True)
class Connection:
    """`asked`: where its first packet went; `answers`: who answers, after the translation."""

    protocol: int
    asked: Place
    answers: Place
    original: bytes
    """The attribute that names it to the kernel."""


def forget_udp(
    served: Mapping[Place, frozenset[Place]], families: Sequence[Family] = SINGLE
) -> int:
    """
    Delete UDP connections to these addresses of Services that lead to none of their endpoints.

    As kube-proxy does it: a client that keeps its source port would be sent to a pod that has
    gone for as long as it asks.

    Returns:
        How many there were.

    Raises:
        OSError: the kernel has no such table to look into.
    """
    count = 0
    with open_socket() as link:
        for family in families:
            stale = [c for c in _connections(link, family) if _leads_astray(c, served)]
            for connection in stale:
                _delete(link, connection, family)
            count += len(stale)
    return count


def _header(family: Family) -> bytes:
    return FAMILY.pack(socket.AF_INET if family is IPV4 else socket.AF_INET6, 0, 0)


def _leads_astray(connection: Connection, served: Mapping[Place, frozenset[Place]]) -> bool:
    if connection.protocol != socket.IPPROTO_UDP or connection.asked not in served:
        return False
    return connection.answers not in served[connection.asked]


def _connections(link: socket.socket, family: Family) -> Iterator[Connection]:
    size = HEADER.size + FAMILY.size
    link.send(HEADER.pack(size, GET, REQUEST | DUMP, 1, 0) + _header(family))
    while True:
        for kind, body in messages(link.recv(_BUFFER)):
            if kind == DONE:
                return
            if kind == ERROR:
                checked(body, "conntrack")
            found = _connection(body[FAMILY.size :], _ADDRESSES[family.version])
            if found is not None:
                yield found


def _delete(link: socket.socket, connection: Connection, family: Family) -> None:
    """One that has ended in the meantime is no failure."""
    body = _header(family) + connection.original
    link.send(HEADER.pack(HEADER.size + len(body), DELETE, REQUEST | ACK, 2, 0) + body)
    for _, answer in messages(link.recv(_BUFFER)):
        with contextlib.suppress(FileNotFoundError):
            checked(answer, "conntrack")


def _connection(body: bytes, kinds: tuple[int, int]) -> Connection | None:
    """None for what has no ports."""
    found = dict(attributes(body))
    original, reply = (_tuple(found.get(side), kinds) for side in (ORIGINAL, REPLY))
    if original is None or reply is None:
        return None
    named = attribute(ORIGINAL | NESTED, found[ORIGINAL])
    return Connection(original[0], original[2], reply[1], named)


def _tuple(data: bytes | None, kinds: tuple[int, int]) -> tuple[int, Place, Place] | None:
    """Protocol, source and destination."""
    parts = dict(attributes(data or b""))
    addresses, protocol = dict(attributes(parts.get(1, b""))), dict(attributes(parts.get(2, b"")))
    if not set(kinds) <= addresses.keys() or not {1, 2, 3} <= protocol.keys():
        return None
    ports = [struct.unpack(">H", protocol[kind][:2])[0] for kind in (2, 3)]
    source, destination = (
        (str(ipaddress.ip_address(addresses[kind])), port)
        for kind, port in zip(kinds, ports, strict=True)
    )
    return protocol[1][0], source, destination
