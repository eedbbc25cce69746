"""
The kernel's table of translated connections: which UDP ones lead to where nobody is any more.

Source of the numbers: the kernel's include/uapi/linux/netfilter/nfnetlink_conntrack.h. All
functions work on the network namespace of the thread that calls them.
"""

from __future__ import annotations

import contextlib
import os
import socket
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

Place = tuple[str, int]
"""An address and a port."""
NETLINK_NETFILTER = 12
REQUEST, ACK, DUMP = 0x1, 0x4, 0x300
ERROR, DONE = 2, 3
GET, DELETE = (1 << 8) | 1, (1 << 8) | 2
ORIGINAL, REPLY = 1, 2
NESTED = 0x8000
_HEADER = struct.Struct("=IHHII")
_ATTRIBUTE = struct.Struct("=HH")
_FAMILY = struct.pack("=BBH", socket.AF_INET, 0, 0)
_BUFFER = 1 << 18


@dataclass(frozen=True, slots=True)
class Connection:
    """`asked`: where its first packet went; `answers`: who answers, after the translation."""

    protocol: int
    asked: Place
    answers: Place
    original: bytes
    """The attribute that names it to the kernel."""


def forget_udp(served: Mapping[Place, frozenset[Place]]) -> int:
    """
    Delete UDP connections to these addresses of Services that lead to none of their endpoints.

    As kube-proxy does it: a client that keeps its source port would be sent to a pod that has
    gone for as long as it asks.

    Returns:
        How many there were.

    Raises:
        OSError: the kernel has no such table to look into.
    """
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER) as link:
        stale = [c for c in _connections(link) if _leads_astray(c, served)]
        for connection in stale:
            _delete(link, connection)
    return len(stale)


def _leads_astray(connection: Connection, served: Mapping[Place, frozenset[Place]]) -> bool:
    if connection.protocol != socket.IPPROTO_UDP or connection.asked not in served:
        return False
    return connection.answers not in served[connection.asked]


def _connections(link: socket.socket) -> Iterator[Connection]:
    size = _HEADER.size + len(_FAMILY)
    link.send(_HEADER.pack(size, GET, REQUEST | DUMP, 1, 0) + _FAMILY)
    while True:
        for kind, body in _messages(link.recv(_BUFFER)):
            if kind == DONE:
                return
            if kind == ERROR:
                _check(body)
            found = _connection(body[len(_FAMILY) :])
            if found is not None:
                yield found


def _delete(link: socket.socket, connection: Connection) -> None:
    """One that has ended in the meantime is no failure."""
    body = _FAMILY + connection.original
    link.send(_HEADER.pack(_HEADER.size + len(body), DELETE, REQUEST | ACK, 2, 0) + body)
    for _, answer in _messages(link.recv(_BUFFER)):
        with contextlib.suppress(FileNotFoundError):
            _check(answer)


def _check(answer: bytes) -> None:
    (error,) = struct.unpack_from("=i", answer)
    if error:
        raise OSError(-error, os.strerror(-error), "conntrack")


def _messages(data: bytes) -> Iterator[tuple[int, bytes]]:
    while data:
        length, kind, _, _, _ = _HEADER.unpack_from(data)
        yield kind, data[_HEADER.size : length]
        data = data[(length + 3) & ~3 :]


def _connection(body: bytes) -> Connection | None:
    """None for what has no ports."""
    attributes = dict(_attributes(body))
    original, reply = _tuple(attributes.get(ORIGINAL)), _tuple(attributes.get(REPLY))
    if original is None or reply is None:
        return None
    raw = attributes[ORIGINAL]
    named = _ATTRIBUTE.pack(_ATTRIBUTE.size + len(raw), ORIGINAL | NESTED) + raw
    return Connection(original[0], original[2], reply[1], named)


def _tuple(data: bytes | None) -> tuple[int, Place, Place] | None:
    """Protocol, source and destination."""
    parts = dict(_attributes(data or b""))
    addresses, protocol = dict(_attributes(parts.get(1, b""))), dict(_attributes(parts.get(2, b"")))
    if not {1, 2} <= addresses.keys() or not {1, 2, 3} <= protocol.keys():
        return None
    ports = [struct.unpack(">H", protocol[kind][:2])[0] for kind in (2, 3)]
    source, destination = (
        (socket.inet_ntoa(addresses[kind]), port) for kind, port in zip((1, 2), ports, strict=True)
    )
    return protocol[1][0], source, destination


def _attributes(data: bytes) -> Iterator[tuple[int, bytes]]:
    while len(data) >= _ATTRIBUTE.size:
        length, kind = _ATTRIBUTE.unpack_from(data)
        yield kind & ~NESTED, data[_ATTRIBUTE.size : length]
        data = data[(length + 3) & ~3 :]
