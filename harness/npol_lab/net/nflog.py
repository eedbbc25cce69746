"""
NFLOG: the packets that rules with `log group` show, one message each and at once.

Source of the numbers: the kernel's include/uapi/linux/netfilter/nfnetlink_log.h.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from npol_lab.net.nfnetlink import (
    ACK,
    FAMILY,
    HEADER,
    REQUEST,
    attribute,
    attributes,
    checked,
    messages,
    open_socket,
)

GROUP = 5
PACKET, CONFIG = 4 << 8, 4 << 8 | 1
BIND = 1
CFG_CMD, CFG_MODE, CFG_THRESHOLD, CFG_FLAGS = 1, 2, 5, 6
COPY_PACKET, NUMBERED = 2, 1
PAYLOAD, PREFIX, NUMBER = 9, 10, 12
HEADERS = 80
"""Bytes of a packet that are shown: none of what it carries where the IP header has no options."""
BUFFER, QUEUE = 1 << 16, 1 << 21


def statement(prefix: str) -> str:
    """What a rule says to show a packet. It does not end the rule."""
    return f'log prefix "{prefix}" group {GROUP} snaplen {HEADERS} queue-threshold 1'


@dataclass(frozen=True, slots=True)
class Logged:
    """One packet; `number` counts those of the group, so that a gap shows what was lost."""

    prefix: str
    packet: bytes
    number: int


def open_log() -> socket.socket:
    """
    A non-blocking socket that gets the packets of the calling thread's network namespace.

    Raises:
        OSError: the kernel has no nfnetlink_log.
    """
    log = open_socket()
    try:
        log.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, QUEUE)
        _configure(log, attribute(CFG_CMD, struct.pack("=B", BIND)))
        _configure(log, attribute(CFG_MODE, struct.pack(">IBx", HEADERS, COPY_PACKET)))
        _configure(log, attribute(CFG_THRESHOLD, struct.pack(">I", 1)))
        _configure(log, attribute(CFG_FLAGS, struct.pack(">H", NUMBERED)))
        log.setblocking(False)
    except OSError:
        log.close()
        raise
    return log


def _configure(log: socket.socket, setting: bytes) -> None:
    body = FAMILY.pack(socket.AF_UNSPEC, 0, GROUP) + setting
    log.send(HEADER.pack(HEADER.size + len(body), CONFIG, REQUEST | ACK, 1, 0) + body)
    for kind, answer in messages(log.recv(BUFFER)):
        if kind != PACKET:
            checked(answer, "nfnetlink_log")


def packets(data: bytes) -> Iterator[Logged]:
    """Those of one read."""
    for kind, body in messages(data):
        if kind != PACKET:
            continue
        told = dict(attributes(body[FAMILY.size :]))
        yield Logged(
            prefix=told.get(PREFIX, b"").rstrip(b"\0").decode("ascii", "replace"),
            packet=told.get(PAYLOAD, b""),
            number=int.from_bytes(told.get(NUMBER, b""), "big"),
        )
