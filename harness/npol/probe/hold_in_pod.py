"""
The program that holds connections open from inside a source. It is sent to that source's Python
(3.7 and later) as this very text, so it imports nothing of npol, and nothing that is slow to load.

It takes one line per request, words that are separated by spaces:
    hold ID KIND TIMEOUT ADDRESS PORT HOST PATH   KIND: http, https, tcp, udp or dns
    beat NUMBER                                   it ends SILENT_FOR seconds after the last one
    bye
and answers with lines @NONCE ID WORD NUMBER AT DETAIL, AT in milliseconds of a clock of its own:
    open PORT      connected, from this port
    sent NUMBER    an exchange has begun
    heard NUMBER   it was answered; nothing else but its own answer counts
    end 0          nothing more will come; DETAIL: failed, reset, closed or lost, and why
    pong NUMBER    of `beat`, with the ID "-": what was heard before it has been told
Closing an exec does not always end what runs in it, nor does the end of its stdin: hence the beats.
"""

from __future__ import annotations

import os
import socket
import struct
import sys
import threading
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    Say = Callable[..., None]

EVERY = 0.2
"""Seconds from one exchange to the next."""
SILENT_FOR = 10.0
LAST_ACK = 56
"""Where tcp_info has the milliseconds since the last ACK: include/uapi/linux/tcp.h."""
KEEPALIVE = 1.0
"""Seconds: the shortest that a kernel can be told."""
DNS_QUESTION = b"".join(
    bytes([len(word)]) + word for word in (b"kubernetes", b"default", b"svc", b"cluster", b"local")
)


class Closed(Exception):
    """The server has ended the connection; its arguments say how."""


def now() -> int:
    return round(1000 * time.monotonic())


class Http:
    """One request at a time over one connection, so each answer is that of the last request."""

    def __init__(self, sock: socket.socket, host: str, path: str) -> None:
        self.sock = sock
        self.unread = b""
        self.head = f"GET {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: npol\r\nAccept: */*\r\n"

    def exchange(self, number: int) -> None:
        self.sock.setblocking(False)
        try:
            early = self.sock.recv(1)
            raise Closed("it spoke unasked" if early else "FIN")
        except (BlockingIOError, InterruptedError):
            pass
        except OSError as error:  # TLS has its own word for nothing to read
            if "read" not in str(error):
                raise
        self.sock.setblocking(True)
        self.sock.sendall(f"{self.head}X-Npol-Exchange: {number}\r\n\r\n".encode())
        while self.answer():
            pass

    def answer(self) -> bool:
        """Reads one; whether it was an interim one."""
        head = self.until(b"\r\n\r\n").decode("latin-1").lower().split("\r\n")
        status = head[0].split(" ")[1] if head[0].count(" ") else ""
        if not head[0].startswith("http/1.") or not status.isdigit():
            raise Closed("no HTTP/1 answer")
        if status.startswith("1"):
            return True
        fields = {f.partition(":")[0]: f.partition(":")[2].strip() for f in head[1:]}
        if "chunked" in fields.get("transfer-encoding", ""):
            while int(self.until(b"\r\n").split(b";")[0], 16):
                self.until(b"\r\n")
            self.until(b"\r\n")
        elif status not in ("204", "304"):
            if "content-length" not in fields:
                raise Closed("its answers end with the connection")
            self.take(int(fields["content-length"]))
        if "close" in fields.get("connection", "") or head[0].startswith("http/1.0"):
            raise Closed("it closes after its answer (keep-alive is off, or used up)")
        return False

    def more(self) -> None:
        data = self.sock.recv(65536)
        if not data:
            raise Closed("FIN")
        self.unread += data

    def until(self, end: bytes) -> bytes:
        while end not in self.unread:
            self.more()
        found, _, self.unread = self.unread.partition(end)
        return found

    def take(self, size: int) -> None:
        while len(self.unread) < size:
            self.more()
        self.unread = self.unread[size:]


def connected(timeout: float, address: str, port: int) -> socket.socket:
    return socket.create_connection((address, port), timeout)


def wrapped(sock: socket.socket, host: str) -> socket.socket:
    import ssl

    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context.wrap_socket(sock, server_hostname=host)


def hold_http(say: Say, timeout: float, address: str, port: int, words: list[str]) -> None:
    sock = connected(timeout, address, port)
    if words[0] == "https":
        sock = wrapped(sock, words[1])
    say("open", sock.getsockname()[1])
    http, number = Http(sock, words[1], words[2]), 0
    while True:
        number += 1
        began = now()
        say("sent", number, began)
        http.exchange(number)
        say("heard", number)
        time.sleep(max(0.0, EVERY - (now() - began) / 1000))


def hold_tcp(say: Say, timeout: float, address: str, port: int, words: list[str]) -> None:
    """
    The kernels exchange: a keep-alive segment, and the ACK that answers it. The server gets no
    byte that it did not ask for, whatever it speaks.
    """
    sock = connected(timeout, address, port)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, round(KEEPALIVE))
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, round(KEEPALIVE))
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 127)
    say("open", sock.getsockname()[1])
    sock.settimeout(0.05)
    number, asked, heard = 1, False, now()
    while True:
        try:
            if not sock.recv(65536):
                raise Closed("FIN")
        except socket.timeout:  # noqa: UP041 - it is TimeoutError from 3.10 on
            pass
        at = now()
        info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, LAST_ACK + 4)
        ack = at - struct.unpack_from("=I", info, LAST_ACK)[0]
        due = heard + round(1000 * KEEPALIVE)
        if not asked and at >= due:
            say("sent", number, due)
            asked = True
        if ack > heard + 500 and asked:
            say("heard", number, ack)
            number, asked, heard = number + 1, False, ack
        elif ack > heard + 20:
            heard = ack


def hold_udp(say: Say, timeout: float, address: str, port: int, words: list[str]) -> None:
    """Datagrams do not wait for each other: each has its own number, and so has its answer."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_DGRAM)
    sock.connect((address, port))
    say("open", sock.getsockname()[1])
    dns, number = words[0] == "dns", 0
    while True:
        number += 1
        began = now()
        say("sent", number, began)
        try:
            sock.send(question(number) if dns else b"echo npol-%d" % number)
            while now() - began < 1000 * EVERY:
                sock.settimeout(max(0.001, EVERY - (now() - began) / 1000))
                answered = number_of(sock.recv(4096), dns, number)
                if answered:
                    say("heard", answered)
        except socket.timeout:  # noqa: UP041
            pass
        except OSError:  # an ICMP error is no answer of the server
            time.sleep(max(0.0, EVERY - (now() - began) / 1000))


def question(number: int) -> bytes:
    head = struct.pack(">HHHHHH", number & 0xFFFF, 0x0100, 1, 0, 0, 0)
    return head + DNS_QUESTION + struct.pack(">BHH", 0, 1, 1)


def number_of(data: bytes, dns: bool, latest: int) -> int:
    """The number of the exchange that a datagram answers; 0: none of ours."""
    if dns:
        if len(data) < 12 or not data[2] & 0x80:
            return 0
        number = latest - ((latest - struct.unpack(">H", data[:2])[0]) & 0xFFFF)
        return number if 0 < number <= latest else 0
    found = data.rpartition(b"npol-")[2].strip() if b"npol-" in data else b""
    return int(found) if found.isdigit() and int(found) <= latest else 0


HOW = {"http": hold_http, "https": hold_http, "tcp": hold_tcp, "udp": hold_udp, "dns": hold_udp}


def hold(say: Say, words: list[str]) -> None:
    kind, timeout, address, port, host, path = words
    how: Callable[..., None] = HOW[kind]
    opened: list[str] = []

    def tell(word: str, *more: object) -> None:
        opened.append(word)
        say(word, *more)

    try:
        how(tell, float(timeout), address, int(port), [kind, host, path])
    except Closed as closed:
        end(say, "closed", str(closed))
    except ConnectionError as error:
        end(say, "reset" if opened else "failed", str(error))
    except Exception as error:
        end(say, "lost" if opened else "failed", f"{type(error).__name__}: {error}")


def end(say: Say, how: str, why: str) -> None:
    say("end", 0, now(), f"{how} {' '.join(why.split())}")


def main(nonce: str) -> None:
    lock, last = threading.Lock(), [time.monotonic()]

    def say(name: str, word: str, number: int, at: int = -1, detail: str = "") -> None:
        with lock:
            when = now() if at < 0 else at
            line = f"@{nonce} {name} {word} {number} {when} {detail}"
            sys.stdout.write(line + "\n")
            sys.stdout.flush()

    def start(name: str, words: list[str]) -> None:
        def tell(word: str, *more: object) -> None:
            say(name, word, *more)  # type: ignore[arg-type]

        threading.Thread(target=hold, args=(tell, words), daemon=True).start()

    def listen() -> None:
        for line in sys.stdin:
            words = line.split()
            last[0] = time.monotonic()
            if words[0] == "hold":
                start(words[1], words[2:])
            elif words[0] == "beat":
                time.sleep(0.02)  # who has just been answered says so first
                say("-", "pong", int(words[1]))
            else:
                break
        os._exit(0)

    threading.Thread(target=listen, daemon=True).start()
    while time.monotonic() - last[0] < SILENT_FOR:
        time.sleep(0.5)
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1])
