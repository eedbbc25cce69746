"""Why a clause of a rule does not fit an end of a flow: `report.mismatches` makes words of it."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class RulePart(enum.Enum):
    """The part of a rule that does not fit."""

    NAMESPACE = "namespace label"
    POD = "pod label"
    ADDRESS = "address"
    KIND = "kind of end"  # a selector never selects a node or a place outside
    PORT = "port"
    PROTOCOL = "protocol"


class MismatchCode(enum.Enum):
    """What does not fit, and the part of the rule that it is about."""

    NODE = "node", RulePart.KIND
    HOST_NETWORK = "host network", RulePart.KIND
    OUTSIDE = "outside", RulePart.KIND
    NO_POD = "no pod", RulePart.KIND
    NO_NODE = "no node", RulePart.KIND
    NODE_LABELS = "node labels", RulePart.KIND
    OWN_NAMESPACE_ONLY = "own namespace only", RulePart.NAMESPACE
    NAMESPACE_LABELS = "namespace labels", RulePart.NAMESPACE
    NO_NAMESPACE_HAS = "no namespace has", RulePart.NAMESPACE
    POD_LABELS = "pod labels", RulePart.POD
    NO_POD_HAS = "no pod has", RulePart.POD
    ENGINE_NEVER_SELECTS = "engine never selects", RulePart.ADDRESS
    NO_PEERS = "no peers", RulePart.KIND
    ENTITY = "entity", RulePart.KIND
    INSIDE = "inside", RulePart.KIND
    NO_ENDPOINT = "no endpoint", RulePart.KIND
    EXCLUDED = "excluded", RulePart.ADDRESS
    EMPTY_GROUP = "empty group", RulePart.ADDRESS
    NO_SERVICE = "no service", RulePart.ADDRESS
    OTHER_FAMILY = "other family", RulePart.ADDRESS
    OUTSIDE_BLOCK = "outside block", RulePart.ADDRESS
    SERVICE_ADDRESS = "service address", RulePart.ADDRESS
    OTHER_PROTOCOL = "other protocol", RulePart.PROTOCOL
    OTHER_PORT = "other port", RulePart.PORT
    OTHER_TIER_PORT = "other port of a tier", RulePart.PORT
    OTHER_NAMED_PORT = "other named port", RulePart.PORT
    NO_PORTS = "no ports", RulePart.PORT
    NAME_NOT_LOOKED_UP = "name not looked up", RulePart.PORT
    SERVICE_PORT = "service port", RulePart.PORT
    SOURCE_PORT = "source port", RulePart.PORT

    @property
    def part(self) -> RulePart:
        return self.value[1]


@dataclass(frozen=True, slots=True)
class Mismatch:
    """A code, and what it is about; the codes that have a field leave the others empty."""

    code: MismatchCode
    subject: str = ""
    """The end, namespace or Service; of NO_NAMESPACE_HAS and NO_POD_HAS what was meant."""
    wanted: str = ""
    """What the rule names, as it spells it: labels, a block, a port, a protocol."""
    has: str = ""
    """What there is in its place; of ENGINE_NEVER_SELECTS the engine."""
    number: int = 0
    """The port that the flow goes to, or its IP family."""
    where: str = ""
    """The namespaces that were searched, or the direction of the rule."""
