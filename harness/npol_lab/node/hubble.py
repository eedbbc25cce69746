"""
`hubble observe` as it is used by exec in the pods of Cilium's agent, on a lab's own records.

Runs inside containers, alone, with the standard library only. Options, words and exit codes are
those of hubble's command line (cilium/cilium hubble/cmd/observe).
"""

import json
import re
import signal
import socket
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

SERVER = "\0npol-lab-flows"
FLAGS = {"-f": "follow", "--follow": "follow", "--all": "all", "-j": "json", "--json": "json"}
VALUES = {
    "-o": "output",
    "-t": "type",
    "-n": "namespace",
    **{
        f"--{name}": name
        for name in (
            "output",
            "type",
            "since",
            "last",
            "from-ip",
            "to-ip",
            "ip",
            "from-pod",
            "to-pod",
            "pod",
            "namespace",
            "verdict",
            "protocol",
            "port",
            "from-port",
            "to-port",
            "server",
        )
    },
}
OUTPUTS = ("compact", "json", "jsonpb")
USAGE = "Usage:\n  hubble [command]\n\nAvailable Commands:\n  observe\n  status\n  version\n"
UNITS = {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
TYPES = {1: ("drop",), 4: ("trace", "trace:to-endpoint"), 5: ("policy-verdict",)}

Fields = Mapping[str, Any]
Options = dict[str, list[str]]


class Wrong(Exception):
    """What hubble says of its command line."""


def options(arguments: list[str]) -> Options:
    found: Options = {}
    rest = list(arguments)
    while rest:
        word = rest.pop(0)
        name, equals, value = word.partition("=")
        if name in FLAGS:
            found[FLAGS[name]] = [value or "true"]
        elif name in VALUES and (equals or rest):
            found.setdefault(VALUES[name], []).append(value if equals else rest.pop(0))
        elif name in VALUES:
            raise Wrong(f"flag needs an argument: {name}")
        elif word.startswith("--"):
            raise Wrong(f"unknown flag: {name}")
        elif word.startswith("-"):
            raise Wrong(f"unknown shorthand flag: '{word[1:2]}' in {word}")
        else:
            raise Wrong(f'unknown command "{word}" for "hubble observe"')
    return found


def seconds(text: str) -> float:
    """A Go duration, or a moment in RFC 3339."""
    parts = re.findall(r"([0-9.]+)(ns|us|ms|s|m|h)", text)
    if parts and "".join(n + u for n, u in parts) == text:
        return sum(float(number) * UNITS[unit] for number, unit in parts)
    try:
        then = datetime.fromisoformat(text)
    except ValueError:
        raise Wrong(f"failed to parse the since time: invalid duration {text!r}") from None
    return (datetime.now(UTC) - then.astimezone(UTC)).total_seconds()


def request(chosen: Options) -> dict[str, Any]:
    follow = "follow" in chosen
    since = seconds(chosen["since"][-1]) if "since" in chosen else None
    if "all" in chosen:
        since = float(10**9)
    if "last" in chosen:
        last: int | None = int(chosen["last"][-1])
    else:
        last = None if follow or since is not None else 20
    return {
        "follow": follow,
        "since": since,
        "last": last,
        "from_ip": chosen.get("from-ip", []),
        "to_ip": chosen.get("to-ip", []),
    }


def wants(chosen: Options, flow: Fields) -> bool:
    """Different options must all hold; one that is repeated holds by any of its values."""
    return all(any(HOLDS[name](flow, v) for v in chosen[name]) for name in HOLDS if name in chosen)


def is_of_type(flow: Fields, value: str) -> bool:
    return value in TYPES.get(flow["event_type"]["type"], ())


def has_verdict(flow: Fields, value: str) -> bool:
    return bool(flow["verdict"] == value.upper())


def has_protocol(flow: Fields, value: str) -> bool:
    return value.upper() in {p.upper() for p in flow["l4"]}


def addressed(*ends: str) -> Callable[[Fields, str], bool]:
    return lambda flow, value: any(flow["IP"][end] == value for end in ends)


def ported(*ends: str) -> Callable[[Fields, str], bool]:
    ports = [f"{end}_port" for end in ends]
    return lambda flow, value: any(
        str(numbers.get(port)) == value for numbers in flow["l4"].values() for port in ports
    )


def called(*ends: str) -> Callable[[Fields, str], bool]:
    """`NAMESPACE/PREFIX`, or a prefix in the namespace default."""

    def holds(flow: Fields, value: str) -> bool:
        space, slash, name = value.rpartition("/")
        return any(
            flow[end].get("namespace") == (space if slash else "default")
            and flow[end].get("pod_name", "").startswith(name)
            for end in ends
        )

    return holds


def lives_in(flow: Fields, value: str) -> bool:
    return value in (flow["source"].get("namespace"), flow["destination"].get("namespace"))


HOLDS: Mapping[str, Callable[[Fields, str], bool]] = {
    "type": is_of_type,
    "verdict": has_verdict,
    "protocol": has_protocol,
    "ip": addressed("source", "destination"),
    "pod": called("source", "destination"),
    "from-pod": called("source"),
    "to-pod": called("destination"),
    "namespace": lives_in,
    "port": ported("source", "destination"),
    "from-port": ported("source"),
    "to-port": ported("destination"),
}


def compact(event: Fields) -> str:
    if "lost_events" in event:
        lost = event["lost_events"]
        return f"EVENTS LOST: {lost['source']} CPU(0) {lost['num_events_lost']}"
    flow = event["flow"]
    moment = datetime.fromisoformat(flow["time"]).strftime("%b %d %H:%M:%S.%f")[:-3]
    source, target = (place(flow, end) for end in ("source", "destination"))
    if flow["event_type"]["type"] == 4:
        return f"{moment}: {source} -> {target} to-endpoint FORWARDED ({flow['Summary']})"
    denied = flow["verdict"] == "DROPPED"
    match, arrow, word = ("none", "<>", "DENIED") if denied else ("L3-L4", "->", "ALLOWED")
    verdict = f"policy-verdict:{match} {flow['traffic_direction']} {word}"
    return f"{moment}: {source} {arrow} {target} {verdict} ({flow['Summary']})"


def place(flow: Fields, end: str) -> str:
    known = flow[end]
    name = flow["IP"][end]
    if known.get("pod_name"):
        name = f"{known['namespace']}/{known['pod_name']}"
    port = next((n.get(f"{end}_port") for n in flow["l4"].values()), None)
    kinds = [label.removeprefix("reserved:") for label in known.get("labels", ())]
    kind = "" if known.get("pod_name") else f" ({kinds[0]})"
    return f"{name}:{port}{kind}" if port else f"{name}{kind}"


def observe(arguments: list[str]) -> int:
    chosen = options(arguments)
    output = "json" if "json" in chosen else chosen.get("output", ["compact"])[-1]
    if output not in OUTPUTS:
        raise Wrong(f"invalid output format: {output}")
    asked = json.dumps(request(chosen)).encode() + b"\n"
    with connected() as server:
        server.sendall(asked)
        for line in server.makefile("rb"):
            event = json.loads(line)
            if "flow" in event and not wants(chosen, event["flow"]):
                continue
            text = compact(event) if output == "compact" else line.decode().rstrip("\n")
            print(text, flush=True)
    return 0


def connected() -> socket.socket:
    server = socket.socket(socket.AF_UNIX)
    try:
        server.connect(SERVER)
    except OSError as error:
        server.close()
        where = "unix:///var/run/cilium/hubble.sock"
        raise Wrong(f"failed to connect to '{where}': {error.strerror}") from None
    return server


def status() -> int:
    with connected() as server:
        server.sendall(json.dumps({"since": float(10**9)}).encode() + b"\n")
        flows = sum(1 for _ in server.makefile("rb"))
    share = 100 * flows / 4095
    print("Healthcheck (via unix:///var/run/cilium/hubble.sock): Ok")
    print(f"Current/Max Flows: {flows:,}/4,095 ({share:.2f}%)")
    return 0


def main(arguments: list[str]) -> int:
    command, *rest = arguments or ["help"]
    try:
        if command == "observe":
            return observe(rest)
        if command == "status":
            return status()
    except Wrong as wrong:
        print(wrong, file=sys.stderr)
        return 1
    if command in ("version", "--version"):
        print("hubble npol-lab")
        return 0
    if command in ("help", "--help", "-h"):
        print(USAGE)
        return 0
    print(f'Error: unknown command "{command}" for "hubble"', file=sys.stderr)
    return 1


if __name__ == "__main__":
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # ends with its reader, as the real one
    sys.exit(main(sys.argv[1:]))
