"""
The commands of agnhost that tests run by exec: `connect`, `pause`, `help`.

Runs inside containers, alone, with the standard library only. The words and exit
codes are those of test/images/agnhost/connect of Kubernetes.
"""

import errno
import re
import signal
import socket
import sys

UNITS = {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
STREAMS = {"tcp": socket.IPPROTO_TCP, "sctp": socket.IPPROTO_SCTP}
USAGE = "Usage:\n  app [command]\n\nAvailable Commands:\n  connect\n  netexec\n  pause\n"


def fail(message: str) -> int:
    print(message, file=sys.stderr)
    return 1


def seconds(text: str) -> float | None:
    """A Go duration; 0 means no limit."""
    parts = re.findall(r"([0-9.]+)(ns|us|ms|s|m|h)", text)
    return sum(float(number) * UNITS[unit] for number, unit in parts) or None


def options(arguments: list[str]) -> tuple[dict[str, str], list[str]]:
    found = {"timeout": "0s", "protocol": "tcp", "udp-data": "hostname"}
    places, rest = [], list(arguments)
    while rest:
        argument = rest.pop(0)
        if not argument.startswith("--"):
            places.append(argument)
        elif "=" in argument:
            name, value = argument[2:].split("=", 1)
            found[name] = value
        else:
            found[argument[2:]] = rest.pop(0) if rest else ""
    return found, places


def resolve(target: str) -> tuple[str, int]:
    """IPv4 first, as Go has it for the cluster's names."""
    host, port = target.rsplit(":", 1)
    found = socket.getaddrinfo(host.strip("[]"), int(port), type=socket.SOCK_STREAM)
    info = sorted(found, key=lambda entry: entry[0] != socket.AF_INET)
    address, number = info[0][4][:2]
    return str(address), int(number)


def connect(arguments: list[str]) -> int:
    chosen, places = options(arguments)
    if len(places) != 1 or not re.fullmatch(r".*:[0-9]+", places[0]):
        return fail("UNKNOWN: address " + " ".join(places) + ": missing port in address")
    try:
        address = resolve(places[0])
    except OSError as error:
        return fail(f"DNS: {error}")
    limit = seconds(chosen["timeout"])
    protocol = chosen["protocol"]
    if protocol == "udp":
        return connect_udp(address, limit, chosen["udp-data"])
    if protocol not in STREAMS:
        return fail(f"Unsupported protocol {protocol}")
    return connect_stream(address, limit, STREAMS[protocol])


def connect_stream(address: tuple[str, int], limit: float | None, protocol: int) -> int:
    """A kernel without SCTP says so: nothing else may stand in for it."""
    family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_STREAM, protocol) as channel:
            channel.settimeout(limit)
            channel.connect(address)
    except TimeoutError:
        return fail("TIMEOUT")
    except ConnectionRefusedError:
        return fail("REFUSED")
    except OSError as error:
        if error.errno == errno.ETIMEDOUT:
            return fail("TIMEOUT")
        return fail(f"OTHER: {error.strerror}")
    return 0


def connect_udp(address: tuple[str, int], limit: float | None, data: str) -> int:
    family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as channel:
        channel.settimeout(limit)
        try:
            channel.connect(address)
            channel.send(data.encode() + b"\n")
            channel.recv(1024)
        except TimeoutError as error:
            return fail(f"TIMEOUT: {error}")
        except ConnectionRefusedError as error:
            return fail(f"REFUSED: {error}")
        except OSError as error:
            return fail(f"UNKNOWN: {error}")
    return 0


def main(arguments: list[str]) -> int:
    command, *rest = arguments or ["help"]
    if command == "connect":
        return connect(rest)
    if command == "pause":
        signal.pause()
        return 0
    if command in ("help", "--help", "-h"):
        print(USAGE)
        return 0
    return fail(f'Error: the lab has no command "{command}" of agnhost outside a pod\'s own')


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
