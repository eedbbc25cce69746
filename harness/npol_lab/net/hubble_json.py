"""
A packet that rules decided about as Hubble tells it: a line of `hubble observe -o jsonpb`.

Source: cilium/cilium api/v1/flow/flow.proto; zeros are left out, 64-bit numbers are strings.
"""

from __future__ import annotations

import ipaddress
import json
import socket
import struct
import uuid
from datetime import UTC, datetime
from typing import Any

from npol_lab.families import BY_NAME
from npol_lab.net.flow_log import ARRIVED, DENIED, Decided, Entry, FlowLog, Identities, Missing
from npol_lab.net.tier_policy import DENIES

Fields = dict[str, Any]
_PODS = [ipaddress.ip_network(family.pods) for family in BY_NAME.values()]

TRACE, POLICY_VERDICT = 4, 5
POLICY_DENIED, POLICY_DENY = 133, 181
"""By default, and by a rule that says so."""
_PORTS = {socket.IPPROTO_TCP: "TCP", socket.IPPROTO_UDP: "UDP", 132: "SCTP"}
_FLAGS = ("FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR")
_ECHO = {0: "EchoReply", 8: "EchoRequest"}
_ECHO_V6 = {128: "EchoRequest", 129: "EchoReply"}
LEAST = {4: 20, 6: 40}
"""Bytes of a header without options."""


def version(packet: bytes) -> int:
    """Of IP; 0 for what has no whole header."""
    found = packet[0] >> 4 if packet else 0
    return found if len(packet) >= LEAST.get(found, len(packet) + 1) else 0


def addresses(packet: bytes) -> tuple[str, str]:
    """Source and target of a packet with a whole header."""
    begin, size = (8, 16) if version(packet) == 6 else (12, 4)
    pair = packet[begin : begin + size], packet[begin + size : begin + 2 * size]
    source, target = (str(ipaddress.ip_address(one)) for one in pair)
    return source, target


def line(entry: Entry, log: FlowLog) -> bytes:
    """With its line end."""
    when = datetime.fromtimestamp(entry.time, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    told: Fields = _lost(entry) if isinstance(entry, Missing) else {"flow": _flow(entry, log, when)}
    told |= {"node_name": log.node, "time": when}
    return json.dumps(told, separators=(",", ":")).encode() + b"\n"


def _lost(missing: Missing) -> Fields:
    lost = {"source": "PERF_EVENT_RING_BUFFER", "num_events_lost": str(missing.count)}
    return {"lost_events": lost}


def _flow(decided: Decided, log: FlowLog, when: str) -> Fields:
    source, target = addresses(decided.packet)
    ip = f"IPv{version(decided.packet)}"
    ports, summary = _layer_4(decided.packet)
    return {
        "time": when,
        "uuid": str(uuid.uuid4()),
        "emitter": {"name": "npol-lab"},
        **_verdict(decided),
        "IP": {"source": source, "destination": target, "ipVersion": ip},
        "l4": ports,
        "source": _end(source, decided.known, log),
        "destination": _end(target, decided.known, log),
        "Type": "L3_L4",
        "node_name": log.node,
        "is_reply": False,
        "Summary": summary,
    }


def _verdict(decided: Decided) -> Fields:
    why = decided.why
    if why == ARRIVED:
        return {
            "verdict": "FORWARDED",
            "event_type": {"type": TRACE},
            "traffic_direction": "INGRESS",
            "trace_observation_point": "TO_ENDPOINT",
            "trace_reason": "NEW",
        }
    direction = "INGRESS" if "ingress" in why else "EGRESS"
    told = {"event_type": {"type": POLICY_VERDICT}, "traffic_direction": direction}
    if why in DENIED.values():
        reason = {"drop_reason": POLICY_DENIED, "drop_reason_desc": "POLICY_DENIED"}
        return {"verdict": "DROPPED", **reason, **told}
    policies = _policies(why, decided.known)
    if DENIES in why:
        reason = {"drop_reason": POLICY_DENY, "drop_reason_desc": "POLICY_DENY"}
        denied_by = f"{direction.lower()}_denied_by"
        return {"verdict": "DROPPED", **reason, **told, denied_by: policies}
    return {"verdict": "FORWARDED", **told, f"{direction.lower()}_allowed_by": policies}


def _policies(chain: str, known: Identities) -> list[Fields]:
    policy = known.policies.get(chain)
    if policy is None:
        return []
    labels = {
        "derived-from": policy.kind,
        "name": policy.name,
        "namespace": policy.namespace,
        "uid": policy.uid,
    }
    told = {
        "name": policy.name,
        "namespace": policy.namespace,
        "labels": [f"k8s:io.cilium.k8s.policy.{k}={v}" for k, v in labels.items() if v],
        "kind": policy.kind,
    }
    return [{key: value for key, value in told.items() if value}]


def _layer_4(packet: bytes) -> tuple[Fields, str]:
    """`l4`, and the sum of it in words."""
    protocol, begin = packet[9], (packet[0] & 15) * 4
    if version(packet) == 6:
        protocol, begin = packet[6], LEAST[6]
    rest = packet[begin:]
    if protocol in (socket.IPPROTO_ICMP, socket.IPPROTO_ICMPV6) and len(rest) >= 6:
        return _icmp(protocol, rest)
    name = _PORTS.get(protocol, "")
    if not name or len(rest) < 4:
        return {}, ""
    source, target = struct.unpack_from(">HH", rest)
    ports: Fields = {"source_port": source, "destination_port": target}
    if name != "TCP" or len(rest) < 14:
        return {name: ports}, name
    flags = [flag for bit, flag in enumerate(_FLAGS) if rest[13] >> bit & 1]
    return {name: {**ports, "flags": dict.fromkeys(flags, True)}}, f"TCP Flags: {', '.join(flags)}"


def _icmp(protocol: int, rest: bytes) -> tuple[Fields, str]:
    kind, code, identifier = rest[0], rest[1], struct.unpack_from(">H", rest, 4)[0]
    what, names = ("ICMPv4", _ECHO) if protocol == socket.IPPROTO_ICMP else ("ICMPv6", _ECHO_V6)
    numbers = {"type": kind, "code": code, "identifier": identifier}
    return {what: {k: v for k, v in numbers.items() if v}}, f"{what} {names.get(kind, kind)}"


def _end(address: str, known: Identities, log: FlowLog) -> Fields:
    pod = known.pods.get(address)
    if pod is None:
        return {"labels": _reserved(address, known, log)}
    spaces = known.namespaces.get(pod.namespace, frozenset())
    prefix = "io.cilium.k8s.namespace.labels."
    labels = {
        **dict(pod.labels),
        **{f"{prefix}{k}": v for k, v in spaces},
        "io.kubernetes.pod.namespace": pod.namespace,
    }
    told: Fields = {
        "namespace": pod.namespace,
        "labels": sorted(f"k8s:{k}={v}" for k, v in labels.items()),
        "pod_name": pod.name,
    }
    if pod.owner:
        kind, name = pod.owner
        told["workloads"] = [{"name": name, "kind": kind}]
    return told


def _reserved(address: str, known: Identities, log: FlowLog) -> list[str]:
    if address in log.addresses:
        return ["reserved:host"]
    if address in known.nodes:
        return ["reserved:remote-node"]
    if address == known.api_server:
        return ["reserved:kube-apiserver", "reserved:remote-node"]
    inside = any(ipaddress.ip_address(address) in pods for pods in _PODS)  # it has gone or finished
    return ["reserved:unmanaged" if inside else "reserved:world"]
