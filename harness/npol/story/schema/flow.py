"""Flows as written, in a step's `flows:` or as a cell of its `matrix:`."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from npol.story.field_validators import NotValid, shown
from npol.story.schema.values import (
    Duration,
    DurationOrZero,
    Entry,
    Expect,
    Host,
    HttpPath,
    Line,
    LookedUp,
    Optional,
    PolicyClaim,
    Port,
    Tag,
)


class HttpEntry(Entry, title="http"):
    """An HTTP request over the flow, and what its answer must hold."""

    path: HttpPath = Field("/", description="Path and query of the request.")
    host: Host = Field("", description="The Host header; without it, the target's own name.")
    body: str = Field(
        "",
        max_length=1000,
        description="Text that the first 2,048 bytes of the answer must contain.",
    )
    tls: bool = Field(False, description="Speak HTTPS. Certificates are not checked.")
    sni: Host = Field("", description="The server name in the TLS handshake.")


class BecauseEntry(Entry, title="because"):
    """Which policy decides the flow, by prediction."""

    policy: PolicyClaim = Field(
        description="The NetworkPolicy's name, or its namespace/name where several share a name."
    )


class GapBudgetEntry(Entry, title="at_most"):
    """For how long in all a flow may be otherwise while `npol run --for` watches it."""

    open: DurationOrZero = Field(0.0, description="Open although it is to be closed (0s).")
    closed: DurationOrZero = Field(0.0, description="Closed although it is to be open (0s).")


class TargetEntry(Entry, title="to"):
    """A target: a peer, or each of its pods."""

    peer: str = Field("", description="The peer to reach.")
    every_pod_of: str = Field(
        "",
        alias="every pod of",
        description="The peer whose every pod must be reached, each by its own address.",
    )


def _one_peer(value: Any) -> Any:
    if isinstance(value, str | dict) or value is None:
        return {"peer": value} if isinstance(value, str) else value
    raise NotValid(
        f"not a valid target: {shown(value)}", "write a peer's name, or {every pod of: PEER}"
    )


class FlowEntry(Entry, title="flow"):
    """One source, one target, one port, one protocol, and what is expected of it."""

    name: Line = Field("", description="What reports and pytest call it: `from -> to:port`.")
    source: str = Field(
        alias="from",
        description="The peer that asks, `each of PEER`, or @node for the node of its target.",
    )
    to: Annotated[
        Optional[TargetEntry], BeforeValidator(_one_peer, json_schema_input_type=str | TargetEntry)
    ] = Field(
        None,
        description="The peer, `{every pod of: PEER}`, @dns or @apiserver; of a peer with"
        " `namespaces`: `each of PEER`, `the others of PEER`, `the same of PEER`.",
    )
    resolve: LookedUp = Field(
        "",
        description="A name to look up, instead of a target to reach; as in a pod, search domains"
        " complete it unless it ends in a dot.",
    )
    port: Port = Field(
        0, description="The Service's port for a target with a Service, else the pod's."
    )
    protocol: Literal["", "tcp", "udp", "sctp"] = Field(
        "",
        description="Transport protocol: tcp, or udp for `resolve`, when left out.",
        json_schema_extra={"enum": ["tcp", "udp", "sctp"]},
    )
    http: Optional[HttpEntry] = Field(None, description="Send an HTTP request over the flow.")
    hold: Line = Field(
        "",
        description="An earlier step: one connection is kept open from its end on, and the flow"
        " asks whether it lives; `expect` is `lives` or `cut` then.",
    )
    expect: Expect = Field(
        description="`allow`, `deny`, `timeout`, `refused`, `unreachable`, `reset`,"
        " `dns timeout`, `dns negative`, `http 200`, `http 2xx`; with `hold`: `lives`, `cut`;"
        " where engines differ by design,"
        " a word for each: `{calico: allow, cilium: deny}`; `default:` is for those not named."
    )
    because: Optional[BecauseEntry] = Field(
        None, description="The policy that decides: `{policy: NAME}`."
    )
    converge_within: Duration = Field(
        0.0, description="A budget: the flow must be as expected this soon after the change."
    )
    at_most: Optional[GapBudgetEntry] = Field(
        None, description="A budget: for how long it may be otherwise while it is watched."
    )
    leak: Optional[DurationOrZero] = Field(
        None,
        description="A budget of a flow with a fresh end that is to be closed: for how long it may"
        " be open once the pod has started.",
    )
    covers: list[Line] = Field([], description="Ids of requirements that the flow shows.")
    tags: list[Tag] = Field([], description="Become pytest markers: `pytest -m TAG`.")
