"""
Servers of every temper on one address, for the packet tests: `python server.py ADDRESS`.

TCP 80 HTTP, 93 HTTP 500, 96 a redirect, 94 a body without end, 443 HTTP where TLS is spoken,
90 mute, 91 closes, 92 resets; UDP 7 echoes, 8 answers NUL, 6 is silent; DNS on 53, both ways.
Writes a line to stdout when all listen.
"""

import socket
import struct
import sys
import threading

import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset

ADDRESS = sys.argv[1]
CODES = {"nx": dns.rcode.NXDOMAIN, "servfail": dns.rcode.SERVFAIL, "refused": dns.rcode.REFUSED}
KEPT = []


def lookup(wire):
    query = dns.message.from_wire(wire)
    answer = dns.message.make_response(query)
    (question,) = query.question
    name, kind = question.name.to_text(), question.rdtype
    answer.set_rcode(CODES.get(name.split(".")[0], dns.rcode.NOERROR))
    if name == "six.test." and kind == dns.rdatatype.AAAA:
        answer.answer.append(dns.rrset.from_text(name, 5, "IN", "AAAA", "fd00::1"))
    if name == "web.test." and kind == dns.rdatatype.A:
        answer.answer.append(dns.rrset.from_text(name, 5, "IN", "A", ADDRESS))
    return answer.to_wire()


def http(status, *headers, body=b"hello ok\n"):
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *headers]

    def serve(connection):
        asked = connection.recv(4096)
        host = [line for line in asked.split(b"\r\n") if line.lower().startswith(b"host:")]
        shown = b"\n".join([body.strip(), *host]) + b"\n" if host else body
        lines[1] = f"Content-Length: {len(shown)}"
        connection.sendall("\r\n".join([*lines, "", ""]).encode() + shown)
        connection.close()

    return serve


def endless(connection):
    connection.recv(4096)
    connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
    try:
        while True:
            connection.sendall(b"x" * 65536)
    except OSError:
        connection.close()


def close(connection):
    connection.recv(4096)
    connection.close()


def reset(connection):
    connection.recv(10)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def dns_over_tcp(connection):
    (length,) = struct.unpack("!H", connection.recv(2))
    answer = lookup(connection.recv(length))
    connection.sendall(struct.pack("!H", len(answer)) + answer)
    connection.close()


def tcp(port, serve):
    listener = socket.create_server((ADDRESS, port), backlog=64)

    def loop():
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=serve, args=(connection,), daemon=True).start()

    threading.Thread(target=loop, daemon=True).start()


def udp(port, answer):
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind((ADDRESS, port))

    def loop():
        while True:
            data, sender = sock.recvfrom(4096)
            if (reply := answer(data)) is not None:
                sock.sendto(reply, sender)

    threading.Thread(target=loop, daemon=True).start()


TCP = {
    80: http("200 OK"),
    443: http("400 Bad Request"),
    93: http("500 Oops"),
    96: http("302 Found", f"Location: http://{ADDRESS}/"),
    94: endless,
    90: KEPT.append,
    91: close,
    92: reset,
    53: dns_over_tcp,
}
UDP = {7: lambda data: data, 8: lambda _: b"\0", 6: lambda _: None, 53: lookup}

for number, how in TCP.items():
    tcp(number, how)
for number, how in UDP.items():
    udp(number, how)
print("listening", flush=True)
threading.Event().wait()
