"""
rtnetlink(7), as much of it as a lab needs: many requests in one write, every answer checked.

Source of the numbers and structures: the kernel's include/uapi/linux/rtnetlink.h,
if_link.h, if_addr.h, neighbour.h and veth.h.
"""

from __future__ import annotations

import os
import socket
import struct
from dataclasses import dataclass

NETLINK_ROUTE = 0
NLMSG_ERROR = 2
REQUEST, ACK, REPLACE, EXCL, CREATE = 0x1, 0x4, 0x100, 0x200, 0x400
NEWLINK, DELLINK, NEWADDR, NEWROUTE, NEWNEIGH = 16, 17, 20, 24, 28
UP = 0x1
PERMANENT = 0x80
WITHOUT_DAD = 0x2
"""An address's flag: nobody is asked whether it is taken, so it can be used at once."""
TABLE_MAIN, STATIC, UNICAST = 254, 4, 1
UNIVERSE, LINK = 0, 253
"""Scopes of routes."""
_HEADER = struct.Struct("=IHHII")
_BUFFER = 65536


@dataclass(frozen=True, slots=True)
class Request:
    """`what` is for the error message: the same in iproute2's words."""

    what: str
    kind: int
    flags: int
    body: bytes

    def packed(self, sequence: int) -> bytes:
        length = _HEADER.size + len(self.body)
        return _HEADER.pack(length, self.kind, self.flags | REQUEST | ACK, sequence, 0) + self.body


class Netlink:
    """A socket of the network namespace that the calling thread is in, also when it leaves."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_ROUTE)

    def ask(self, *requests: Request) -> None:
        """
        Carry out all requests, in order; one that fails does not keep the next ones.

        Raises:
            OSError: of the first that failed.
        """
        self._socket.send(b"".join(r.packed(n) for n, r in enumerate(requests)))
        failures: dict[int, int] = {}
        answered = 0
        while answered < len(requests):
            for sequence, error in _answers(self._socket.recv(_BUFFER)):
                answered += 1
                if error:
                    failures[sequence] = error
        for sequence, error in sorted(failures.items()):
            raise OSError(error, os.strerror(error), requests[sequence].what)

    def close(self) -> None:
        self._socket.close()


def _answers(data: bytes) -> list[tuple[int, int]]:
    """Sequence number and errno (0: done) of each answer."""
    found = []
    while data:
        length, kind, _, sequence, _ = _HEADER.unpack_from(data)
        if kind == NLMSG_ERROR:
            (error,) = struct.unpack_from("=i", data, _HEADER.size)
            found.append((sequence, -error))
        data = data[(length + 3) & ~3 :]
    return found


def _attribute(kind: int, value: bytes) -> bytes:
    length = 4 + len(value)
    return struct.pack("=HH", length, kind) + value + bytes(-length % 4)


def _text(kind: int, value: str) -> bytes:
    return _attribute(kind, value.encode() + b"\0")


def _number(kind: int, value: int) -> bytes:
    return _attribute(kind, struct.pack("=I", value))


def _inet(address: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def _ip(kind: int, value: str) -> bytes:
    return _attribute(kind, socket.inet_pton(_inet(value), value))


def _mac(kind: int, value: str) -> bytes:
    return _attribute(kind, bytes.fromhex(value.replace(":", ""))) if value else b""


def _link(index: int, flags: int, attributes: bytes) -> bytes:
    return struct.pack("=BxHiII", 0, 0, index, flags, flags) + attributes


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """One end of a veth pair. An empty `mac` lets the kernel choose, as index 0 does."""

    name: str
    index: int = 0
    mac: str = ""


def add_bridge(name: str) -> Request:
    info = _attribute(18, _text(1, "bridge"))
    body = _link(0, UP, _text(3, name) + info)
    return Request(f"ip link add {name} type bridge", NEWLINK, CREATE | EXCL, body)


def add_veth(near: End, far: End, *, netns: int, master: int = 0) -> Request:
    """Our end up, `far` in the namespace of the descriptor `netns`: it goes up there, later."""
    peer = _text(3, far.name) + _mac(1, far.mac) + _number(28, netns)
    pair = _attribute(1, _link(far.index, 0, peer))
    attributes = _text(3, near.name) + _mac(1, near.mac)
    attributes += _number(10, master) if master else b""
    attributes += _attribute(18, _text(1, "veth") + _attribute(2, pair))
    what = f"ip link add {near.name} type veth peer name {far.name}"
    return Request(what, NEWLINK, CREATE | EXCL, _link(near.index, UP, attributes))


def set_up(index: int) -> Request:
    return Request(f"ip link set index {index} up", NEWLINK, 0, _link(index, UP, b""))


def delete_link(index: int) -> Request:
    return Request(f"ip link del index {index}", DELLINK, 0, _link(index, 0, b""))


def add_address(index: int, address: str, length: int) -> Request:
    flags = WITHOUT_DAD if _inet(address) is socket.AF_INET6 else 0
    body = struct.pack("=BBBBI", _inet(address), length, flags, UNIVERSE, index)
    body += _ip(2, address) + _ip(1, address)
    what = f"ip addr add {address}/{length} index {index}"
    return Request(what, NEWADDR, CREATE | EXCL, body)


def add_route(destination: str, *, gateway: str = "", index: int = 0) -> Request:
    """`destination`: a prefix such as 10.0.0.0/8; without a gateway it is on the link itself."""
    address, _, length = destination.partition("/")
    scope = UNIVERSE if gateway else LINK
    sizes = _inet(address), int(length)
    body = struct.pack("=BBBBBBBBI", *sizes, 0, 0, TABLE_MAIN, STATIC, scope, UNICAST, 0)
    body += _ip(1, address) if int(length) else b""
    body += _ip(5, gateway) if gateway else b""
    body += _number(4, index) if index else b""
    what = f"ip route add {destination} via {gateway or index}"
    return Request(what, NEWROUTE, CREATE | EXCL, body)


def add_neighbour(index: int, address: str, mac: str) -> Request:
    body = struct.pack("=BxxxiHBB", _inet(address), index, PERMANENT, 0, 0)
    body += _ip(1, address) + _mac(2, mac)
    what = f"ip neigh replace {address} lladdr {mac} index {index}"
    return Request(what, NEWNEIGH, CREATE | REPLACE, body)
