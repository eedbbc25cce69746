"""What netlink sockets of the packet filter have in common; numbers are of nfnetlink.h."""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Iterator

NETLINK_NETFILTER = 12
REQUEST, ACK = 0x1, 0x4
ERROR = 2
NESTED = 0x8000
HEADER = struct.Struct("=IHHII")
FAMILY = struct.Struct(">BBH")
"""Address family, version 0, and what the subsystem makes of the last word."""
_ATTRIBUTE = struct.Struct("=HH")


def messages(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Kind and body of each."""
    while data:
        length, kind, _, _, _ = HEADER.unpack_from(data)
        yield kind, data[HEADER.size : length]
        data = data[(length + 3) & ~3 :]


def attributes(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Kind and value of each."""
    while len(data) >= _ATTRIBUTE.size:
        length, kind = _ATTRIBUTE.unpack_from(data)
        yield kind & ~NESTED, data[_ATTRIBUTE.size : length]
        data = data[(length + 3) & ~3 :]


def attribute(kind: int, value: bytes) -> bytes:
    padding = b"\0" * (-len(value) % 4)
    return _ATTRIBUTE.pack(_ATTRIBUTE.size + len(value), kind) + value + padding


def checked(answer: bytes, what: str) -> None:
    """
    Raises:
        OSError: the answer to a request says so.
    """
    (error,) = struct.unpack_from("=i", answer)
    if error:
        raise OSError(-error, os.strerror(-error), what)


def open_socket() -> socket.socket:
    """Of the network namespace that the calling thread is in."""
    return socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER)
