"""Frames of SPDY/3.1, as kubectl's port-forward sends them."""

import struct
import zlib

import pytest

from npol_lab.api import spdy


class Client:
    """The other end."""

    def __init__(self):
        self._deflate = zlib.compressobj(zdict=spdy._dictionary())

    def opens(self, stream, **headers):
        plain = struct.pack(">I", len(headers))
        for word in (w.encode() for pair in headers.items() for w in pair):
            plain += struct.pack(">I", len(word)) + word
        block = self._deflate.compress(plain) + self._deflate.flush(zlib.Z_SYNC_FLUSH)
        body = struct.pack(">IIH", stream, 0, 0) + block
        return struct.pack(">HHI", 0x8003, 1, len(body)) + body


def heard(data, frames=None, piece=1):
    """Whatever the pieces are that a connection brings."""
    frames = frames or spdy.Frames()
    pieces = [data[i : i + piece] for i in range(0, len(data), piece)]
    return [event for each in pieces for event in frames.feed(each)]


@pytest.mark.parametrize("piece", [1, 7, 10_000])
def test_headers_are_read_with_those_before_them(piece):
    client = Client()
    sent = client.opens(1, streamtype="error", port="80") + client.opens(3, streamtype="data")

    assert heard(sent, piece=piece) == [
        spdy.Opened(1, {"streamtype": "error", "port": "80"}),
        spdy.Opened(3, {"streamtype": "data"}),
    ]


@pytest.mark.parametrize("payload", [b"", b"GET /", bytes(70_000)], ids=len)
@pytest.mark.parametrize("last", [True, False])
def test_data_comes_back_as_it_was_sent(payload, last):
    frame = spdy.data(5, payload, last=last)

    assert heard(frame, piece=4096) == [spdy.Data(5, payload, last)]


def test_a_ping_is_to_be_sent_back_as_it_is():
    ping = struct.pack(">HHII", 0x8003, 6, 4, 1)

    assert heard(ping) == [spdy.Ping(ping)]


def test_a_reset_ends_its_stream():
    assert heard(struct.pack(">HHIII", 0x8003, 3, 8, 3, 5)) == [spdy.Data(3, b"", True)]


def test_frames_that_ask_for_nothing_are_passed_over():
    assert heard(struct.pack(">HHIII", 0x8003, 9, 8, 3, 500)) == []


@pytest.mark.parametrize(
    "data", [struct.pack(">HHII", 0x8002, 1, 4, 0), struct.pack(">HHI", 0x8003, 1, 12) + bytes(12)]
)
def test_a_malformed_spdy_frame_is_refused(data):
    with pytest.raises(ValueError, match=r"SPDY version 2|headers cannot be read"):
        heard(data, piece=100)
