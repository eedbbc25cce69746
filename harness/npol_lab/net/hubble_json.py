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

from npol_lab.net.flow_log import ARRIVED, DENIED, Decided, Entry, FlowLog, Identities, Missing
from npol_lab.net.services import POD_RANGE

Fields = dict[str, Any]
_PODS = ipaddress.ip_network(POD_RANGE)

TRACE, POLICY_VERDICT = 4, 5
POLICY_DENIED = 133
_PORTS = {socket.IPPROTO_TCP: "TCP", socket.IPPROTO_UDP: "UDP", 132: "SCTP"}
_FLAGS = ("FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR")
_ECHO = {0: "EchoReply", 8: "EchoRequest"}


def addresses(packet: bytes) -> tuple[str, str]:
    """Source and target of an IPv4 packet."""
    return socket.inet_ntoa(packet[12:16]), socket.inet_ntoa(packet[16:20])


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
    ports, summary = _layer_4(decided.packet)
    return {
        "time": when,
        "uuid": str(uuid.uuid4()),
        "emitter": {"name": "npol-lab"},
        **_verdict(decided),
        "IP": {"source": source, "destination": target, "ipVersion": "IPv4"},
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
    allowed_by = f"{direction.lower()}_allowed_by"
    return {"verdict": "FORWARDED", **told, allowed_by: _policies(why, decided.known)}


def _policies(chain: str, known: Identities) -> list[Fields]:
    policy = known.policies.get(chain)
    if policy is None:
        return []
    labels = {
        "derived-from": "NetworkPolicy",
        "name": policy.name,
        "namespace": policy.namespace,
        "uid": policy.uid,
    }
    return [
        {
            "name": policy.name,
            "namespace": policy.namespace,
            "labels": [f"k8s:io.cilium.k8s.policy.{k}={v}" for k, v in labels.items()],
            "kind": "NetworkPolicy",
        }
    ]


def _layer_4(packet: bytes) -> tuple[Fields, str]:
    """`l4`, and the sum of it in words."""
    protocol, begin = packet[9], (packet[0] & 15) * 4
    rest = packet[begin:]
    if protocol == socket.IPPROTO_ICMP and len(rest) >= 6:
        kind, code, identifier = rest[0], rest[1], struct.unpack_from(">H", rest, 4)[0]
        numbers = {"type": kind, "code": code, "identifier": identifier}
        name = _ECHO.get(kind, str(kind))
        return {"ICMPv4": {k: v for k, v in numbers.items() if v}}, f"ICMPv4 {name}"
    name = _PORTS.get(protocol, "")
    if not name or len(rest) < 4:
        return {}, ""
    source, target = struct.unpack_from(">HH", rest)
    ports: Fields = {"source_port": source, "destination_port": target}
    if name != "TCP" or len(rest) < 14:
        return {name: ports}, name
    flags = [flag for bit, flag in enumerate(_FLAGS) if rest[13] >> bit & 1]
    return {name: {**ports, "flags": dict.fromkeys(flags, True)}}, f"TCP Flags: {', '.join(flags)}"


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
    if address == log.address:
        return ["reserved:host"]
    if address in known.nodes:
        return ["reserved:remote-node"]
    if address == known.api_server:
        return ["reserved:kube-apiserver", "reserved:remote-node"]
    inside = ipaddress.ip_address(address) in _PODS  # it has gone, or has finished
    return ["reserved:unmanaged" if inside else "reserved:world"]
