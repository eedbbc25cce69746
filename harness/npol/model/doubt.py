"""Why nobody can tell what policies mean for a flow: `report.doubts` makes words of it."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class DoubtCode(enum.Enum):
    """What an answer hangs on."""

    # the specification leaves it to the network plugin
    HOST_NETWORK_SUBJECT = "host network subject"
    HOST_NETWORK_PEER = "host network peer"
    HOST_NETWORK_PORT = "host network port"
    ITSELF_BY_SERVICE = "itself by service"
    BLOCK_SELECTS_PODS = "block selects pods"
    BLOCK_SELECTS_NODES = "block selects nodes"
    BLOCK_SELECTS_SERVICES = "block selects services"
    ESTABLISHED = "established"
    SAME_PRIORITY = "same priority"
    # a network plugin was seen to depart from it
    BASELINE_PASS = "baseline pass"
    # what is at hand does not say it
    NODE_OF_POD = "node of pod"
    OWN_NODE = "own node"
    ADDRESS = "address"
    DOMAINS = "domains"
    OTHER_POLICIES = "other policies"
    IDENTITY = "identity"
    SERVICE_NOT_SEEN = "service not seen"
    ACCOUNT_NOT_SEEN = "account not seen"
    TIER_NOT_SEEN = "tier not seen"
    SOURCE_PORT = "source port"
    UNSETTLED_FIELD = "unsettled field"
    AGENT_OPTION = "agent option"
    HOST_POLICIES = "host policies"
    # packets of L3 and L4 do not show it
    BEYOND_PACKETS = "beyond packets"
    # the parts of a flow fare differently
    PATHS_DIFFER = "paths differ"
    PODS_DIFFER = "pods differ"
    # flow records do not say it
    RECORDED_END = "recorded end"
    RECORDED_PROTOCOL = "recorded protocol"
    RECORDED_LABELS = "recorded labels"
    RECORDED_PORT = "recorded port"
    RECORDED_PORT_NAMES = "recorded port names"
    RECORDED_ACCOUNT = "recorded account"


@dataclass(frozen=True, slots=True)
class Doubt:
    """A code, and what it is about; the codes that have a field leave the others empty."""

    code: DoubtCode
    subject: str = ""
    """An end, a namespace, a port, a policy or a field; the priority that policies share."""
    names: tuple[str, ...] = ()
    """Policies, rules, blocks, domains, options; the other end, the engine; open paths."""
    others: tuple[str, ...] = ()
    """The paths that are closed."""
