"""
SPDY/3.1 frames, as far as kubectl's port-forward speaks them inside a WebSocket.

There is no flow control: the library that kubectl uses (moby/spdystream) has none.
"""

from __future__ import annotations

import enum
import struct
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

_WORDS = """
options head post put delete trace accept accept-charset accept-encoding accept-language
accept-ranges age allow authorization cache-control connection content-base content-encoding
content-language content-length content-location content-md5 content-range content-type date etag
expect expires from host if-match if-modified-since if-none-match if-range if-unmodified-since
last-modified location max-forwards pragma proxy-authenticate proxy-authorization range referer
retry-after server te trailer transfer-encoding upgrade user-agent vary via warning
www-authenticate method get status 200_OK version HTTP/1.1 url public set-cookie keep-alive origin
"""
_REST = (
    "100101201202205206300302303304305306307402405406407408409410411412413414415416417502504505"
    "203 Non-Authoritative Information204 No Content301 Moved Permanently400 Bad Request"
    "401 Unauthorized403 Forbidden404 Not Found500 Internal Server Error501 Not Implemented"
    "503 Service UnavailableJan Feb Mar Apr May Jun Jul Aug Sept Oct Nov Dec 00:00:00 "
    "Mon, Tue, Wed, Thu, Fri, Sat, Sun, GMTchunked,text/html,image/png,image/jpg,image/gif,"
    "application/xml,application/xhtml+xml,text/plain,text/javascript,publicprivatemax-age="
    "gzip,deflate,sdchcharset=utf-8charset=iso-8859-1,utf-,*,enq=0."
)
CONTROL, VERSION, FIN = 0x8000, 3, 0x01
HEAD = 8


class Kind(enum.IntEnum):
    SYN_STREAM = 1
    SYN_REPLY = 2
    RST_STREAM = 3
    PING = 6


@dataclass(frozen=True, slots=True)
class Opened:
    """The client has a new stream."""

    stream: int
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Data:
    stream: int
    data: bytes
    last: bool


@dataclass(frozen=True, slots=True)
class Ping:
    frame: bytes
    """To be sent back as it is."""


Event = Opened | Data | Ping


def _sized(text: bytes) -> bytes:
    return struct.pack(">I", len(text)) + text


def _dictionary() -> bytes:
    """What both ends of a connection begin to compress headers with (SPDY/3, 2.6.10.1)."""
    words = (word.replace("_", " ").encode() for word in _WORDS.split())
    return b"".join(map(_sized, words)) + _REST.encode()


class Frames:
    """One end of a connection. A block of headers is read and written with those before it."""

    def __init__(self) -> None:
        self._buffer = b""
        self._inflate = zlib.decompressobj(zdict=_dictionary())
        self._deflate = zlib.compressobj(zdict=_dictionary())

    def feed(self, data: bytes) -> Iterator[Event]:
        """
        What the client has said; frames that ask for nothing are left out.

        Raises:
            ValueError: this is not SPDY.
        """
        self._buffer += data
        while len(self._buffer) >= HEAD:
            size = HEAD + int.from_bytes(self._buffer[5:HEAD], "big")
            if len(self._buffer) < size:
                return
            frame, self._buffer = self._buffer[:size], self._buffer[size:]
            event = self._event(frame)
            if event is not None:
                yield event

    def _event(self, frame: bytes) -> Event | None:
        version, kind = struct.unpack(">HH", frame[:4])
        if not version & CONTROL:
            stream = int.from_bytes(frame[:4], "big")
            return Data(stream, frame[HEAD:], bool(frame[4] & FIN))
        if version != CONTROL | VERSION:
            raise ValueError(f"SPDY version {version & ~CONTROL} is not 3")
        if kind == Kind.SYN_STREAM:
            return Opened(int.from_bytes(frame[8:12], "big"), self._headers(frame[18:]))
        if kind == Kind.RST_STREAM:
            return Data(int.from_bytes(frame[8:12], "big"), b"", True)
        return Ping(frame) if kind == Kind.PING else None

    def _headers(self, block: bytes) -> dict[str, str]:
        try:
            plain = self._inflate.decompress(block)
            count, at = struct.unpack(">I", plain[:4])[0], 4
            found = []
            for _ in range(2 * count):
                size = struct.unpack(">I", plain[at : at + 4])[0]
                found.append(plain[at + 4 : at + 4 + size].decode())
                at += 4 + size
        except (zlib.error, struct.error) as wrong:
            raise ValueError(f"headers cannot be read: {wrong}") from wrong
        return dict(zip(found[::2], found[1::2], strict=True))

    def reply(self, stream: int) -> bytes:
        """The stream is taken. To be sent in the order of the calls."""
        nothing = struct.pack(">I", 0)
        block = self._deflate.compress(nothing) + self._deflate.flush(zlib.Z_SYNC_FLUSH)
        size = struct.pack(">I", 4 + len(block))
        head = struct.pack(">HH", CONTROL | VERSION, Kind.SYN_REPLY) + size
        return head + struct.pack(">I", stream) + block


def data(stream: int, payload: bytes, *, last: bool = False) -> bytes:
    """`last`: nothing more will come from this end."""
    flags = FIN if last else 0
    return struct.pack(">II", stream, flags << 24 | len(payload)) + payload
