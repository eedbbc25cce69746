"""The cluster's name server: answers over UDP and TCP from sockets inside a pod."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from socket import socket as Socket
from typing import Any, Literal, Protocol

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset
from dns.rdatatype import RdataType

from npol_lab.net.dns_records import ZONE, Meaning, Names

PORT = 53
TTL = 30
PLAIN_UDP = 512
"""Bytes of an answer over UDP to who does not say that more is welcome."""
LONGEST_CHAIN = 8
"""Aliases that are followed."""
SOA = f"ns.dns.{ZONE}. hostmaster.{ZONE}. 1 7200 1800 86400 {TTL}"


class Listens(Protocol):
    """What the server needs of the pod that it answers in."""

    def listen(self, port: int, protocol: Literal["TCP", "UDP"], host: str = "") -> Socket: ...


def answer(query: dns.message.Message, names: Names) -> dns.message.Message:
    """An authoritative answer; names that nobody knows do not exist."""
    response = dns.message.make_response(query, recursion_available=True)
    if len(query.question) != 1:
        response.set_rcode(dns.rcode.FORMERR)
        return response
    question = query.question[0]
    response.flags |= dns.flags.AA
    name, exists = question.name, True
    for _ in range(LONGEST_CHAIN):
        meaning = names.look_up(name.to_text(omit_final_dot=True).lower())
        exists = meaning is not None
        for rrset in _records(name, question.rdtype, meaning or Meaning()):
            response.answer.append(rrset)
        if meaning is None or not meaning.alias or question.rdtype == RdataType.CNAME:
            break
        name = dns.name.from_text(meaning.alias)
    if not exists:
        response.set_rcode(dns.rcode.NXDOMAIN)
    if not response.answer or not exists:
        response.authority += _authority(name)
    response.additional += _additional(question.rdtype, name, names)
    return response


def _records(name: dns.name.Name, kind: RdataType, meaning: Meaning) -> Iterator[dns.rrset.RRset]:
    values = {
        RdataType.A: [a for a in meaning.addresses if ":" not in a],
        RdataType.AAAA: [a for a in meaning.addresses if ":" in a],
        RdataType.SRV: list(dict.fromkeys(f"0 100 {s.port} {s.target}." for s in meaning.servers)),
        RdataType.PTR: [f"{p}." for p in meaning.pointers],
    }
    if name.to_text().lower() == f"{ZONE}.":
        values |= {RdataType.SOA: [SOA], RdataType.NS: [f"ns.dns.{ZONE}."]}
    if meaning.alias:
        values = {kind: [], RdataType.CNAME: [f"{meaning.alias}."]}
    for found, texts in values.items():
        if texts and (found in (kind, RdataType.CNAME) or kind == RdataType.ANY):
            yield dns.rrset.from_text_list(name, TTL, "IN", found, texts)


def _authority(name: dns.name.Name) -> list[dns.rrset.RRset]:
    zone = dns.name.from_text(ZONE)
    return [dns.rrset.from_text(zone, TTL, "IN", "SOA", SOA)] if name.is_subdomain(zone) else []


def _additional(kind: RdataType, name: dns.name.Name, names: Names) -> list[dns.rrset.RRset]:
    """The addresses of the servers that an SRV answer names."""
    if kind != RdataType.SRV:
        return []
    meaning = names.look_up(name.to_text(omit_final_dot=True).lower()) or Meaning()
    addresses = dict.fromkeys((server.target, server.address) for server in meaning.servers)
    return [
        dns.rrset.from_text(f"{t}.", TTL, "IN", "AAAA" if ":" in a else "A", a)
        for t, a in addresses
    ]


class NameServer:
    """One server, started in one pod after the other as often as wanted."""

    def __init__(self, names: Names) -> None:
        self._names = names
        self._open: list[asyncio.AbstractServer | asyncio.BaseTransport] = []

    async def start(self, sandbox: Listens) -> None:
        """
        Raises:
            OSError: port 53 is taken.
        """
        loop = asyncio.get_running_loop()
        datagrams, _ = await loop.create_datagram_endpoint(
            lambda: _Datagrams(self._respond), sock=sandbox.listen(PORT, "UDP")
        )
        stream = await asyncio.start_server(self._talk, sock=sandbox.listen(PORT, "TCP"))
        self._open += [datagrams, stream]

    async def stop(self) -> None:
        for opened in self._open:
            opened.close()
        self._open.clear()

    def _respond(self, data: bytes, room: int | None) -> bytes | None:
        """
        The answer as it goes over the wire; silence for what is no query.

        `room`: bytes that fit where the client does not say so; None: no limit.
        """
        try:
            query = dns.message.from_wire(data)
        except dns.exception.DNSException:
            return None
        if query.flags & dns.flags.QR:
            return None
        try:
            response = answer(query, self._names)
            return response.to_wire(max_size=0 if room is None else max(room, query.payload))
        except dns.exception.TooBig:
            short = dns.message.make_response(query, recursion_available=True)
            short.flags |= dns.flags.TC
        except dns.exception.DNSException:  # a label of an alias that is too long for DNS
            short = dns.message.make_response(query, recursion_available=True)
            short.set_rcode(dns.rcode.SERVFAIL)
        return short.to_wire()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                size = int.from_bytes(await reader.readexactly(2), "big")
                response = self._respond(await reader.readexactly(size), None)
                if response is None:
                    break
                writer.write(len(response).to_bytes(2, "big") + response)
                await writer.drain()
        writer.close()


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, respond: Callable[[bytes, int | None], bytes | None]) -> None:
        self._respond = respond

    def connection_made(self, transport: Any) -> None:
        self._transport = transport  # asyncio's own is no DatagramTransport before Python 3.12

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
        response = self._respond(data, PLAIN_UDP)
        if response is not None:
            self._transport.sendto(response, addr)
