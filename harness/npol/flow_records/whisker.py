"""
Calico's flows, in the form of Whisker's `GET /whisker-backend/flows`.

They keep no source ports and no addresses, and are told 15 to 30 s late, so they never prove what
became of a probe; they name policies, of default denies too. Source: projectcalico/calico
whisker-backend/pkg/apis/v1/flows.go, goldmane/proto/api.proto (3.31).
"""

from __future__ import annotations

import json
import re
from collections.abc import Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from json import JSONDecodeError
from typing import Any

from npol.model.flow_record import RecordedPolicy
from npol.model.observed import EndKind, ObservedEnd
from npol.model.story import Protocol

Fields = Mapping[str, Any]

BEGINNING = re.compile(rb'\s*\{\s*"(total|items)"\s*:')
"""Of an answer; what `jq '.items[]'` makes of it is read line by line."""
_PROTOCOLS = {"tcp": Protocol.TCP, "udp": Protocol.UDP, "sctp": Protocol.SCTP}
_OUTSIDE = ("PUBLIC NETWORK", "pub")
_OWN_LABELS = ("projectcalico.org/", "pcns.", "pcsa.")
"""Beginnings of labels that are Calico's own."""
_DEFAULT_DENY = "EndOfTier"


@dataclass(frozen=True, slots=True, kw_only=True)
class WhiskerFlow:
    """One item: what was told of one flow in one stretch of time, by one of its ends."""

    source: ObservedEnd
    target: ObservedEnd
    protocol: Protocol | None
    port: int
    start: str
    time: float
    denied: bool
    at_target: bool
    """Whether the target's node tells it: what it allows has arrived."""
    by_default: bool = False
    """Whether it is denied by no rule, but for want of one that lets it through."""
    policies: tuple[RecordedPolicy, ...] = ()

    @property
    def begin(self) -> float:
        """`start`, in seconds since 1970."""
        return datetime.fromisoformat(self.start).timestamp()


class NoAnswer(JSONDecodeError):
    """Text where an answer should begin."""


def is_item(data: Fields) -> bool:
    return "source_name" in data and "dest_name" in data


def whisker_flow(item: Fields) -> WhiskerFlow:
    """
    Raises:
        KeyError, TypeError, ValueError, AttributeError: it is no such item.
    """
    protocol = _PROTOCOLS.get(str(item["protocol"]).lower())
    hits = (item.get("policies") or {}).get("enforced") or ()
    return WhiskerFlow(
        source=_end(item, "source"),
        target=_end(item, "dest"),
        protocol=protocol,
        port=int(item["dest_port"]) if protocol else 0,
        start=str(item["start_time"]),
        time=datetime.fromisoformat(item["end_time"]).timestamp(),
        denied=item["action"] == "Deny",
        at_target=item.get("reporter") == "Dst",
        by_default=any(h.get("kind") == _DEFAULT_DENY and h.get("action") == "Deny" for h in hits),
        policies=tuple(_policies(hits)),
    )


def whisker_lines(line: str | bytes) -> list[WhiskerFlow]:
    """
    The flows of one line, if it is one of Whisker: a whole answer, an item of one, or what the
    server sends for `?watch=true` (`data: {...}`). None for any other line; it raises nothing.
    """
    text = line.decode("utf-8", "replace") if isinstance(line, bytes) else line
    try:
        told = json.loads(text.strip().removeprefix("data:"))
        found = [told] if is_item(told) else told.get("items") or ()
        return [whisker_flow(one) for one in found]
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError):
        return []


def items(text: str) -> Iterator[tuple[int, Fields]]:
    """
    The items of one answer or of several, one after the other (pages), each with its offset.

    One at a time: an hour of flows as objects of Python is a multiple of its text.

    Raises:
        NoAnswer: at the place where the text is something else.
        JSONDecodeError: where an answer is cut off or broken.
    """
    decoder, at = json.JSONDecoder(), _skip(text, 0)
    while at < len(text):
        if text[at] != "{":
            raise NoAnswer("no answer", text, at)
        at = _skip(text, at + 1)
        while text[at : at + 1] != "}":
            key, at = decoder.raw_decode(text, at)
            at = _expect(text, _skip(text, at), ":")
            if key == "items" and text[at : at + 1] == "[":
                at = yield from _array(decoder, text, at + 1)
            else:
                _, at = decoder.raw_decode(text, at)
            at = _comma(text, at, "}")
        at = _skip(text, at + 1)


def _array(
    decoder: json.JSONDecoder, text: str, at: int
) -> Generator[tuple[int, Fields], None, int]:
    """Returns where it ends."""
    at = _skip(text, at)
    while text[at : at + 1] != "]":
        item, end = decoder.raw_decode(text, at)
        yield at, item
        at = _comma(text, end, "]")
    return at + 1


def _comma(text: str, at: int, end: str) -> int:
    """The next member, or the end of them."""
    at = _skip(text, at)
    if text[at : at + 1] == ",":
        return _skip(text, at + 1)
    if text[at : at + 1] != end:
        raise JSONDecodeError("cut off, or no JSON", text, at)
    return at


def _expect(text: str, at: int, what: str) -> int:
    if text[at : at + 1] != what:
        raise JSONDecodeError("cut off, or no JSON", text, at)
    return _skip(text, at + 1)


def _skip(text: str, at: int) -> int:
    while text[at : at + 1].isspace():
        at += 1
    return at


def _end(item: Fields, side: str) -> ObservedEnd:
    """Pods are `generateName*` or a bare pod's own name; what has no namespace is no pod."""
    name, namespace = str(item[f"{side}_name"]), str(item.get(f"{side}_namespace") or "")
    if namespace not in ("", "-", "Global"):
        labels = dict(_labels(str(item.get(f"{side}_labels") or "")))
        revision = labels.pop("pod-template-hash", "")
        return ObservedEnd(
            kind=EndKind.POD,
            namespace=namespace,
            name=name.removesuffix("*").removesuffix("-").removesuffix(f"-{revision}"),
            labels=tuple(sorted(labels.items())),
        )
    if name in _OUTSIDE:
        return ObservedEnd(kind=EndKind.OUTSIDE, name="a public network")
    private = "a private network" if name in ("PRIVATE NETWORK", "pvt") else name
    return ObservedEnd(kind=EndKind.UNKNOWN, name=private)


def _labels(told: str) -> Iterator[tuple[str, str]]:
    """`app=web | tier=front`, those that all pods of the name share."""
    for pair in told.split(" | "):
        key, equals, value = pair.strip().partition("=")
        if equals and not key.startswith(_OWN_LABELS):
            yield key, value


def _policies(hits: Iterable[Fields]) -> Iterator[RecordedPolicy]:
    """Of a default deny the policy that brought it about; profiles are no policies."""
    for hit in hits:
        named = hit.get("trigger") or {} if hit.get("kind") == _DEFAULT_DENY else hit
        if named.get("name") and named.get("kind") != "Profile":
            yield RecordedPolicy(
                kind=str(named.get("kind", "")),
                namespace=str(named.get("namespace") or ""),
                name=str(named["name"]),
            )
