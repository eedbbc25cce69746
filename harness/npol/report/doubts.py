"""Why a flow cannot be foretold, in words: the one place that makes them of a `Doubt`."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from npol.model.doubt import Doubt, DoubtCode


def doubt_words(doubt: Doubt) -> str:
    return _WORDS[doubt.code](doubt)


def _undefined(what: str) -> Callable[[Doubt], str]:
    return lambda d: f"whether {what} is undefined"


def _block_selects(what: str) -> Callable[[Doubt], str]:
    return lambda d: f"whether ipBlock selects {what} is up to the engine"


def _port_of_host(d: Doubt) -> str:
    """`names`: the engine that it was not measured on."""
    whose = f", and was not measured on {d.names[0]}" if d.names else ""
    return f"whether a port of a pod on the host's network is known by its name is undefined{whose}"


_UNRECORDED = "the records do not say"

_WORDS: Mapping[DoubtCode, Callable[[Doubt], str]] = {
    DoubtCode.HOST_NETWORK_SUBJECT: _undefined("policies act on pods on the host's network"),
    DoubtCode.HOST_NETWORK_PEER: _undefined("selectors select pods on the host's network"),
    DoubtCode.HOST_NETWORK_PORT: _port_of_host,
    DoubtCode.ITSELF_BY_SERVICE: _undefined("policies act on a pod's way to itself by its Service"),
    DoubtCode.BLOCK_SELECTS_PODS: _block_selects("pods"),
    DoubtCode.BLOCK_SELECTS_NODES: _block_selects("nodes"),
    DoubtCode.BLOCK_SELECTS_SERVICES: _undefined("ipBlock sees a Service's address"),
    DoubtCode.ESTABLISHED: _undefined("a connection that is open already is cut"),
    DoubtCode.SAME_PRIORITY: lambda d: (
        f"{' and '.join(d.names)} share priority {d.subject}: which comes first is undefined"
    ),
    DoubtCode.BASELINE_PASS: lambda d: (
        f"a Pass in the last tier, {d.subject}, may close on {d.names[0]} what policies before it "
        "allow"
    ),
    DoubtCode.NODE_OF_POD: lambda d: f"the node of {d.subject} is not known",
    DoubtCode.OWN_NODE: lambda d: (
        f"whether {d.subject} runs on the node that {d.names[0]} stands for is not known"
    ),
    DoubtCode.ADDRESS: lambda d: (
        f"the address of {d.subject} is not known, the rule names {d.names[0]}"
    ),
    DoubtCode.DOMAINS: lambda d: (
        f"{d.subject} names {', '.join(d.names)}, whose addresses are up to DNS"
    ),
    DoubtCode.OTHER_POLICIES: lambda d: f"not evaluated: {', '.join(d.names)}",
    DoubtCode.IDENTITY: lambda d: (
        f"whether {d.subject} is {next(iter(d.names), 'a node with these labels')} is not known"
    ),
    DoubtCode.SERVICE_NOT_SEEN: lambda d: f"{d.subject} is not among the Services that are known",
    DoubtCode.ACCOUNT_NOT_SEEN: lambda d: (
        f"the labels of service account {d.subject} are not known ({d.names[0]})"
    ),
    DoubtCode.TIER_NOT_SEEN: lambda d: (
        f"the tier {d.names[0]} of {d.subject} is not among those that are known"
    ),
    DoubtCode.SOURCE_PORT: lambda d: f"whether a client's own port is one of {d.subject} is open",
    DoubtCode.UNSETTLED_FIELD: lambda d: (
        f"{d.names[0]} has {d.subject}, which data planes read differently here"
    ),
    DoubtCode.AGENT_OPTION: lambda d: (
        f"{d.subject} acts only where Cilium's agents run with --{d.names[0]}"
    ),
    DoubtCode.HOST_POLICIES: lambda d: (
        f"{', '.join(d.names)} may act on {d.subject}: what policies do to nodes is not evaluated"
    ),
    DoubtCode.BEYOND_PACKETS: lambda d: (
        f"{d.names[0]} goes by {d.subject}, which no packet of L3/L4 shows"
    ),
    DoubtCode.PATHS_DIFFER: lambda d: f"open: {', '.join(d.names)}; closed: {', '.join(d.others)}",
    DoubtCode.PODS_DIFFER: lambda d: "open for some of its pods, closed for others",
    DoubtCode.RECORDED_END: lambda d: f"who {d.subject} is, {_UNRECORDED}",
    DoubtCode.RECORDED_PROTOCOL: lambda d: "no policy names its protocol: plugins differ",
    DoubtCode.RECORDED_LABELS: lambda d: f"{_UNRECORDED} the labels of {d.subject} ({d.names[0]})",
    DoubtCode.RECORDED_PORT: lambda d: (
        f"{_UNRECORDED} which port of {d.subject} is called {d.names[0]!r} ({d.names[1]})"
    ),
    DoubtCode.RECORDED_PORT_NAMES: lambda d: (
        f"{_UNRECORDED} which ports of {d.subject} have names ({d.names[0]})"
    ),
    DoubtCode.RECORDED_ACCOUNT: lambda d: (
        f"{_UNRECORDED} the service account of {d.subject} ({d.names[0]})"
    ),
}
