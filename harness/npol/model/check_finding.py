"""What a state check found in the cluster, as values: `report.checks` makes words of them."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class FindingCode(enum.Enum):
    """What was seen, or why it is not as claimed."""

    # objects
    NOT_KNOWN = "not known"
    NOT_FOUND = "not found"
    DOES_NOT_EXIST = "does not exist"
    THERE = "there"
    VALUE = "value"
    HIDDEN_VALUE = "hidden value"
    RECORDED_DATA = "recorded data"
    # pods
    NO_POD = "no pod"
    NO_RUNNING_POD = "no running pod"
    NO_POD_SELECTED = "no pod selected"
    NO_POD_CARRIES = "no pod carries"
    READY = "ready"
    NOT_READY = "not ready"
    # labels
    HAS_LABELS = "has labels"
    OTHER_LABELS = "other labels"
    NOT_SELECTED = "not selected"
    # Services
    READY_ON = "ready on"
    PORTS = "ports"
    PORT_NOT_DECLARED = "port not declared"
    NO_READY_ENDPOINT = "no ready endpoint"
    ENDPOINTS_WITHOUT_PORT = "endpoints without port"
    # what the repository says
    AS_IN_REPOSITORY = "as in repository"
    DIFFER = "differ"
    NOT_IN_CLUSTER = "not in cluster"
    FIELD_DIFFERS = "field differs"
    HIDDEN_FIELD_DIFFERS = "hidden field differs"
    MORE_DIFFER = "more differ"
    # rollouts
    COMPLETE = "complete"
    VERSION_NOT_SEEN = "version not seen"
    PARTLY_NEW = "partly new"
    OLD_TO_GO = "old to go"
    # admission
    ADMITTED = "admitted"
    REFUSED = "refused"
    # what processes do
    LISTENS = "listens"
    LISTENS_TO_ITSELF = "listens to itself"
    NOT_LISTENING = "not listening"
    UNREACHABLE = "unreachable"
    PORT_NOT_OPENED = "port not opened"
    IN_LOGS = "in logs"
    NOT_IN_LOGS = "not in logs"
    # Prometheus
    UP = "up"
    NO_TARGET = "no target"
    PROMETHEUS_NOT_FOUND = "prometheus not found"
    PROMETHEUS_SILENT = "prometheus silent"
    NOT_PROMETHEUS = "not prometheus"
    # a tool, an error or the API server says it
    SAID = "said"


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckFinding:
    """A code, and what it is about; the codes that have a field leave the others empty."""

    code: FindingCode
    subject: str = ""
    """An object, a pod, or a place in a file."""
    names: tuple[str, ...] = ()
    """Labels, ports, pods, images, fields."""
    count: int = 0
    """How many, of `total`; or a port."""
    total: int = 0
    available: int = 0
    wanted: str = ""
    """What the repository or the story says in its place."""
    said: str = ""
    """A value, or what others say in their own words."""
