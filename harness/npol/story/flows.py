"""Flows: what one of them asks, and whether its parts fit together."""

from __future__ import annotations

from dataclasses import replace

from npol.model.engine import ENGINES
from npol.model.expectation import Expectation, Outcome, Word, parse_expectation
from npol.model.gap import GapBudget
from npol.model.pairing import Pairing
from npol.model.story import Flow, HttpCheck, Protocol
from npol.story.field_validators import did_you_mean, shown
from npol.story.fresh_flows import check_fresh
from npol.story.held_flows import check_hold
from npol.story.peers import NODE, Peers
from npol.story.schema.flow import FlowEntry, GapBudgetEntry
from npol.story.yaml_node import YamlNode

_DNS_WORDS = (Outcome.DNS_TIMEOUT, Outcome.DNS_NEGATIVE)
_WORDS = (
    "allow",
    "deny",
    "timeout",
    "refused",
    "unreachable",
    "reset",
    "dns timeout",
    "dns negative",
    "lives",
    "cut",
)


def read_flow(node: YamlNode, peers: Peers) -> Flow | None:
    """The flow that a mapping of `flows:` or a cell of `matrix:` stands for."""
    before = len(node.mistakes)
    entry = node.read(FlowEntry)
    if entry is None:
        return None
    _check_ends(entry, node, peers)
    expect = _expectation(entry, node)
    if expect is None or len(node.mistakes) > before:
        return None
    _check_words(entry, expect, node, peers)
    check_fresh(entry, _http(entry, expect) is not None, node, peers)
    check_hold(entry, node, peers)
    return _flow(entry, expect, node)


def _check_ends(entry: FlowEntry, node: YamlNode, peers: Peers) -> None:
    _check_source(entry, node, peers)
    if bool(entry.to) == bool(entry.resolve):
        node.wrong("a flow needs one of `to:` and `resolve:`, and only one")
        return
    if entry.to:
        _check_target(entry, node, peers)
    ends = [end_of(text) for text in (entry.source, _to(entry))]
    fresh = any(n in peers.read and peers.read[n].fresh for _, n in ends)
    if fresh and any(pairing is not Pairing.NONE for pairing, _ in ends):
        node.wrong("a fresh pod asks, and is asked by, one peer, not each of many", on=("from",))
    for field in ("port", "http") if entry.resolve else ():
        if field in entry.model_fields_set:
            node.wrong(
                f"`{field}` does not go with `resolve:`, which only looks up a name", key=(field,)
            )
    if entry.resolve and entry.protocol == "sctp":
        node.wrong("names are looked up over udp or tcp", on=("protocol",))


def _to(entry: FlowEntry) -> str:
    return (entry.to.peer or entry.to.every_pod_of) if entry.to else ""


def _check_source(entry: FlowEntry, node: YamlNode, peers: Peers) -> None:
    pairing, name = end_of(entry.source)
    trouble = peers.trouble_as_source(name) or peers.trouble_with(pairing, name)
    if pairing in (Pairing.OTHERS, Pairing.SAME):
        trouble = f"`{pairing}` is for `to:`", f"write `{Pairing.EACH} {name}`"
    if trouble:
        node.wrong(*trouble, on=("from",))


def end_of(text: str) -> tuple[Pairing, str]:
    """How an end is spoken of, and the peer's name: `the others of tenants`."""
    for pairing in (Pairing.EACH, Pairing.OTHERS, Pairing.SAME):
        if text.startswith(f"{pairing} "):
            return pairing, text.removeprefix(f"{pairing} ").strip()
    return Pairing.NONE, text


def _check_target(entry: FlowEntry, node: YamlNode, peers: Peers) -> None:
    assert entry.to
    pairing, name = end_of(_to(entry))
    if bool(entry.to.peer) == bool(entry.to.every_pod_of):
        node.wrong("`to:` is a peer's name or {every pod of: PEER}", on=("to",))
    elif trouble := (
        peers.trouble_as_target(name)
        or peers.trouble_with(pairing, name)
        or _trouble_between(entry.source, pairing, name)
    ):
        where = ("to", "every pod of") if entry.to.every_pod_of else ("to",)
        node.wrong(*trouble, on=where)
    elif entry.to.every_pod_of and name in peers.podless:
        node.wrong("this peer has no pods of its own", "drop `every pod of`", on=("to",))
    if not entry.port:
        node.wrong("the flow needs a `port:`")
    if entry.http and entry.protocol not in ("", "tcp"):
        node.wrong(f"HTTP is spoken over tcp, not {entry.protocol}", on=("protocol",))


def _trouble_between(source: str, pairing: Pairing, target: str) -> tuple[str, str] | None:
    """Message and hint when a source cannot ask selected namespaces so."""
    if pairing in (Pairing.OTHERS, Pairing.SAME) and end_of(source)[0] is not Pairing.EACH:
        return (
            f"`{pairing} {target}` needs a source in each namespace",
            f"write `from: {Pairing.EACH} PEER`, or `to: {Pairing.EACH} {target}`",
        )
    if pairing is not Pairing.NONE and source == NODE:
        return f"{NODE} is the node of one target", "name one of the namespaces"
    return None


def _expectation(entry: FlowEntry, node: YamlNode) -> Expectation | None:
    """The expectation; an engine that is not named gets `default`, else the first word."""
    words: dict[str, Expectation] = {}
    for engine, text in entry.expect.items():
        here = ("expect",) if engine == "default" else ("expect", engine)
        if engine not in (*ENGINES, "default"):
            hint = did_you_mean(engine, ENGINES) or f"the engines are: {', '.join(ENGINES)}"
            node.wrong(f"not a valid network plugin: {shown(engine)}", hint, key=("expect", engine))
        try:
            words[engine] = parse_expectation(text)
        except ValueError:
            listed = f"{', '.join(_WORDS)}, http 200, http 2xx"
            hint = did_you_mean(text, _WORDS) or f"one of: {listed}"
            node.wrong(f"not a valid expectation: {shown(text)}", hint, on=here)
    if not entry.expect:
        node.wrong("`expect` is empty", on=("expect",))
    if not words:
        return None
    base = words.get("default") or next(iter(words.values()))
    engines = {e: w for e, w in words.items() if e != "default"}
    return replace(base, per_engine=engines)


def _check_words(entry: FlowEntry, expect: Expectation, node: YamlNode, peers: Peers) -> None:
    """Words that can never come true for this kind of flow."""
    for engine, word in (("", expect), *expect.per_engine.items()):
        on = ("expect", engine) if engine else ("expect",)
        if problem := _impossible(entry, word, peers):
            node.wrong(f"`{word}` cannot be expected here: {problem[0]}", problem[1], on=on)


def _impossible(entry: FlowEntry, word: Expectation, peers: Peers) -> tuple[str, str] | None:
    if bool(entry.hold) != word.held:
        if entry.hold:
            return "`hold` asks about one connection", "lives or cut"
        return "no connection is held", "name the step that it is held from: `hold: STEP`"
    if entry.resolve:
        if word.word is Word.HTTP or word.outcome is Outcome.RESET:
            return "a lookup has no such answer", "allow, deny, dns timeout or dns negative"
        if word.outcome is Outcome.TIMEOUT:
            return "a lookup that nobody answers is a dns timeout", "did you mean 'dns timeout'?"
        return None
    if word.word is Word.HTTP and entry.protocol not in ("", "tcp"):
        return f"HTTP is spoken over tcp, not {entry.protocol}", ""
    if word.outcome in _DNS_WORDS and not _by_name(entry, peers):
        return "this target is reached by its address, no name is looked up", ""
    return None


def _by_name(entry: FlowEntry, peers: Peers) -> bool:
    """Whether the source looks a name up to reach the target."""
    peer = peers.read.get(end_of(entry.to.peer)[1]) if entry.to else None
    return peer is None or bool(peer.service or (peer.host and not peer.via_service))


def _flow(entry: FlowEntry, expect: Expectation, node: YamlNode) -> Flow:
    protocol = Protocol(entry.protocol or ("udp" if entry.resolve else "tcp"))
    every = entry.to.every_pod_of if entry.to else ""
    pairing, target = end_of(every or (entry.to.peer if entry.to else ""))
    return Flow(
        name=entry.name or _name(entry, protocol),
        at=node.at(),
        source=end_of(entry.source)[1],
        expect=expect,
        target=target,
        pairing=pairing,
        every_pod=bool(every),
        port=entry.port,
        protocol=protocol,
        http=_http(entry, expect),
        resolve=entry.resolve,
        hold=entry.hold,
        converge_within=entry.converge_within or None,
        at_most=read_gap_budget(entry.at_most),
        leak=entry.leak,
        because=entry.because.policy if entry.because else "",
        covers=tuple(entry.covers),
        tags=tuple(entry.tags),
    )


def read_gap_budget(entry: GapBudgetEntry | None) -> GapBudget | None:
    return GapBudget(open=entry.open, closed=entry.closed) if entry else None


def _http(entry: FlowEntry, expect: Expectation) -> HttpCheck | None:
    """`expect: http 200` alone asks for GET /."""
    if entry.http:
        return HttpCheck(**entry.http.model_dump())
    words = (expect, *expect.per_engine.values())
    return HttpCheck() if any(w.word is Word.HTTP for w in words) else None


def _name(entry: FlowEntry, protocol: Protocol) -> str:
    """`a -> b:80`, `a -> b:53/udp`, `a ? name`, `a ? name/tcp`."""
    if entry.resolve:
        return f"{entry.source} ? {entry.resolve}{'/tcp' if protocol is Protocol.TCP else ''}"
    assert entry.to
    every = f"every pod of {entry.to.every_pod_of}" if entry.to.every_pod_of else entry.to.peer
    suffix = "" if protocol is Protocol.TCP else f"/{protocol.value}"
    path = f" {entry.http.path}" if entry.http and entry.http.path != "/" else ""
    held = f" held since {entry.hold!r}" if entry.hold else ""
    return f"{entry.source} -> {every}:{entry.port}{suffix}{path}{held}"
