"""
Cilium's flow records: one line of Hubble's JSON, as `hubble observe -o jsonpb` prints it, as
Relay passes it on, or as the agent's exporter writes it.

Source: cilium/cilium api/v1/flow/flow.proto and api/v1/observer/observer.proto (1.20). JSON of
protobuf leaves zeros out and writes 64-bit numbers as strings.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any

from npol.flow_records.hubble_ends import recorded_end
from npol.flow_records.line import (
    LostRecords,
    NodeStatus,
    OtherEvent,
    RecordLine,
    UnreadableLine,
)
from npol.model.flow_record import (
    FlowRecord,
    ObservationPoint,
    RecordDirection,
    RecordedPolicy,
    RecordVerdict,
)
from npol.model.story import Protocol

Fields = Mapping[str, Any]

BY_POLICY = ("POLICY_DENIED", "POLICY_DENY")
"""The reasons of a drop that are a policy's: by default, and by an explicit deny."""

_VERDICTS = {
    "FORWARDED": RecordVerdict.FORWARDED,
    "AUDIT": RecordVerdict.AUDITED,
    "REDIRECTED": RecordVerdict.REDIRECTED,
}
_DIRECTIONS = {"INGRESS": RecordDirection.INGRESS, "EGRESS": RecordDirection.EGRESS}
_DROP, _TRACE, _POLICY_VERDICT = 1, 4, 5
"""Event types (pkg/monitor/api/types.go)."""
_PROTOCOLS = {"TCP": Protocol.TCP, "UDP": Protocol.UDP, "SCTP": Protocol.SCTP}
_ECHO_REQUEST = {"ICMPv4": (8,), "ICMPv6": (128,)}
"""Types of what a ping sends. Its identifier, which the lab tells and Hubble leaves out, is taken
for its source port."""
_KNOWN = ("ESTABLISHED", "REPLY", "RELATED")
"""Trace reasons of packets whose connection was known already."""


def parsed(line: str | bytes) -> RecordLine:
    """One line, whatever it holds; it raises nothing."""
    try:
        event = json.loads(line)
        if not isinstance(event, dict):
            return UnreadableLine(problem="JSON, but no object")
        return _event(event)
    except json.JSONDecodeError:
        return UnreadableLine(problem="not JSON")
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError) as error:
        return UnreadableLine(problem=f"no flow record of Hubble ({type(error).__name__})")


def _event(event: Fields) -> RecordLine:
    node = _node(event.get("node_name", ""))
    if "flow" in event:
        return _flow(event["flow"], node)
    if "lost_events" in event:
        lost = event["lost_events"]
        count = int(lost.get("num_events_lost", 0))
        return LostRecords(source=lost.get("source", ""), count=count, node=node)
    if "node_status" in event:
        status = event["node_status"]
        names = tuple(_node(name) for name in status.get("node_names", ()))
        return NodeStatus(state=status.get("state_change", ""), nodes=names)
    if "verdict" in event and "IP" in event:
        return _flow(event, node)  # before 0.9 `-o json` printed the flow alone
    other = next((key for key in event if key.endswith("_event")), "")
    return OtherEvent(kind=other) if other else UnreadableLine(problem="no record of Hubble")


def _flow(flow: Fields, node: str) -> RecordLine:
    addresses = flow.get("IP")
    if not addresses:
        return OtherEvent(kind="flow without addresses")
    name, ports = _layer_4(flow)
    verdict, reason = _verdict(flow)
    point = _point(flow)
    return FlowRecord(
        time=_seconds(flow["time"]),
        verdict=verdict,
        point=point,
        source=recorded_end(flow.get("source", {}), addresses["source"], ports, "source_port"),
        target=recorded_end(
            flow.get("destination", {}), addresses["destination"], ports, "destination_port"
        ),
        protocol=_PROTOCOLS.get(name),
        direction=_direction(flow, point),
        node=_node(flow.get("node_name", "")) or node,
        first=_first(flow, name, ports),
        reply=_reply(flow),
        reason=reason,
        policies=tuple(_policies(flow)),
    )


def _layer_4(flow: Fields) -> tuple[str, Fields]:
    """The protocol's name and its ports."""
    for name, fields in flow.get("l4", {}).items():
        if fields.get("type") in _ECHO_REQUEST.get(name, ()):
            return name, {"source_port": fields.get("identifier", 0)}
        return name, fields
    return "", {}


def _verdict(flow: Fields) -> tuple[RecordVerdict, str]:
    word = flow.get("verdict", "")
    if word != "DROPPED":
        return _VERDICTS.get(word, RecordVerdict.OTHER), ""
    reason = flow.get("drop_reason_desc") or str(flow.get("drop_reason", ""))
    if reason in BY_POLICY:
        return RecordVerdict.DROPPED_BY_POLICY, reason
    return RecordVerdict.DROPPED_OTHERWISE, reason


def _point(flow: Fields) -> ObservationPoint:
    if flow.get("Type") == "L7":
        return ObservationPoint.L7
    kind = flow.get("event_type", {}).get("type", 0)
    if kind == _POLICY_VERDICT:
        return ObservationPoint.POLICY_VERDICT
    if kind == _DROP:
        return ObservationPoint.DROP
    if kind == _TRACE and flow.get("trace_observation_point") == "TO_ENDPOINT":
        return ObservationPoint.TO_ENDPOINT
    return ObservationPoint.OTHER


def _direction(flow: Fields, point: ObservationPoint) -> RecordDirection:
    """A trace has one, too: a guess, which may be EGRESS where the target's node told it."""
    if point not in (ObservationPoint.POLICY_VERDICT, ObservationPoint.DROP):
        return RecordDirection.UNKNOWN
    return _DIRECTIONS.get(flow.get("traffic_direction", ""), RecordDirection.UNKNOWN)


def _first(flow: Fields, protocol: str, ports: Fields) -> bool:
    if _reply(flow) or flow.get("Type") == "L7":
        return False
    if protocol != "TCP":
        return flow.get("trace_reason", "") not in _KNOWN
    flags = ports.get("flags", {})
    return bool(flags.get("SYN")) and not flags.get("ACK")


def _reply(flow: Fields) -> bool | None:
    """`reply` is the older field, which is false where nothing is known, too."""
    told = flow.get("is_reply")
    return bool(told) if told is not None else flow.get("reply")


def _policies(flow: Fields) -> Iterable[RecordedPolicy]:
    """Those of the direction that was judged; a record has one of the four lists."""
    lists = ("ingress_denied_by", "egress_denied_by", "ingress_allowed_by", "egress_allowed_by")
    for policy in next((flow[key] for key in lists if flow.get(key)), ()):
        yield RecordedPolicy(
            kind=policy.get("kind", ""),
            namespace=policy.get("namespace", ""),
            name=policy.get("name", ""),
        )


def _node(name: str) -> str:
    """A node's name without its cluster's (`default/node1` in records of Relay)."""
    return name.rpartition("/")[2]


def _seconds(text: str) -> float:
    """Since 1970, of RFC 3339 with up to nine digits of a second."""
    whole, _, fraction = text.removesuffix("Z").partition(".")
    return _whole_seconds(whole) + (float(f"0.{fraction}") if fraction else 0.0)


@lru_cache(maxsize=1024)
def _whole_seconds(text: str) -> float:
    """Records of one second come together."""
    return datetime.fromisoformat(f"{text}+00:00").timestamp()
