"""Why a verdict is what it is: a code that code compares, and words that people read."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from npol.model.sentence import NOTHING, Sentence


class ReasonCode(enum.Enum):
    """What a verdict rests on, or what it lacks."""

    # nothing was asked, or the probe did not run
    NOTHING_TO_ASK = "nothing to ask"
    PROBE_FAILED = "probe failed"
    SOURCE_STARVED = "source starved"
    # what the network did
    OPEN = "open"
    CLOSED = "closed"
    DNS_BLOCKED = "dns blocked"
    NO_SUCH_NAME = "no such name"
    NAME_ANSWERED = "name answered"
    FOREIGN_ADDRESS = "foreign address"
    REFUSED = "refused"
    ENDPOINT_CLOSED = "endpoint closed"
    ONE_FAMILY_CLOSED = "one family closed"
    ONE_FAMILY_OPEN = "one family open"
    OTHER_STATUS = "other status"
    OTHER_BODY = "other body"
    OTHER_OUTCOME = "other outcome"
    # a silence, or an answer, that proves nothing
    NOT_SILENT = "not silent"
    SOURCE_NOT_PROVEN = "source not proven"
    DNS_NOT_PROVEN = "dns not proven"
    TARGET_NOT_PROVEN = "target not proven"
    TARGET_SILENT = "target silent"
    NOT_BY_POLICY = "not by policy"
    # what the data plane's records say besides
    NOT_ENFORCED = "not enforced"
    CONTRADICTION = "contradiction"
    # beyond one round
    FLAPPING = "flapping"
    AGAINST_PREDICTION = "against prediction"
    SOURCE_PODS_DIFFER = "source pods differ"
    TOO_SLOW = "too slow"
    OTHER_POLICY_DECIDES = "other policy decides"
    DECIDING_POLICY_UNKNOWN = "deciding policy unknown"
    POLICY_NAMES_DIFFER = "policy names differ"
    CHANGED_BY_OTHERS = "changed by others"
    CHANGES_NOT_READ = "changes not read"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """`subject`: the address or end that it is about; "" for the flow as a whole."""

    code: ReasonCode
    subject: str = ""
    words: Sentence = NOTHING

    @property
    def trouble(self) -> tuple[ReasonCode, str]:
        """What two reasons share that are the same trouble, whatever their words."""
        return self.code, self.subject

    def __str__(self) -> str:
        return str(self.words)
