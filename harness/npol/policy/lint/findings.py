"""What the lint says: findings, and the rules with their stable ids."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Any

from npol.errors import Position
from npol.policy.objects.netpol_types import Origin
from npol.yaml_positions import Path


class Severity(enum.Enum):
    """The value is SARIF's word for it."""

    ERROR = "error"  # it does not do what it says, or is refused
    WARNING = "warning"  # it probably does not do what was meant
    NOTE = "note"  # worth knowing

    def counts_as(self, least: Severity) -> bool:
        """Whether it is at least as severe."""
        order = list(Severity)
        return order.index(self) <= order.index(least)


_ERROR, _WARNING, _NOTE = Severity.ERROR, Severity.WARNING, Severity.NOTE


class LintRule(enum.Enum):
    """One rule; its value is its id, which never changes its meaning."""

    severity: Severity
    title: str

    def __new__(cls, id_: str, severity: Severity, title: str) -> LintRule:
        rule = object.__new__(cls)
        rule._value_ = id_
        rule.severity = severity
        rule.title = title
        return rule

    @property
    def id(self) -> str:
        return str(self.value)

    @property
    def label(self) -> str:
        """The name as documents and SARIF spell it: `host-network-only`."""
        return self.name.lower().replace("_", "-")

    REFUSED = "NP001", _ERROR, "The API server refuses the policy"
    DUPLICATE_KEY = "NP002", _ERROR, "A YAML key stands twice; the last one wins"
    UNKNOWN_FIELD = "NP003", _ERROR, "A field that the API does not have"
    WRONG_API_VERSION = "NP004", _ERROR, "NetworkPolicy of another API group"
    NO_NAMESPACE = "NP005", _NOTE, "No namespace: it lands where the context says"
    TYPOGRAPHIC = "NP006", _ERROR, "Typographic dashes, quotes or spaces"
    SAME_NAME = "NP007", _WARNING, "Two policies of the same name: the last wins"
    UNREADABLE = "NP008", _ERROR, "No YAML, or no object that an API server takes"
    NO_OBJECT = "NP009", _NOTE, "YAML that is no Kubernetes object: left out"
    SELECTS_NO_POD = "NP010", _WARNING, "The policy selects no pod"
    NO_SUCH_NAMESPACE_LABEL = "NP011", _WARNING, "No namespace has that label"
    PEER_SELECTS_NO_POD = "NP012", _WARNING, "A peer selects no pod"
    STRAY_DASH = "NP013", _WARNING, "Two peers where one was probably meant"
    WRONG_SELECTOR = "NP014", _WARNING, "A namespace's label in a podSelector"
    NO_SUCH_NAMESPACE = "NP015", _WARNING, "The policy's namespace does not exist"
    PORT_WITHOUT_LISTENER = "NP020", _NOTE, "No pod of the rule has that port"
    SERVICE_PORT = "NP021", _ERROR, "A Service's port where the pod's is meant"
    DNS_FORGOTTEN = "NP022", _WARNING, "Egress is isolated and DNS is not allowed"
    DNS_ONE_PROTOCOL = "NP023", _WARNING, "DNS over one protocol only"
    DNS_WRONG_PODS = "NP024", _WARNING, "A rule for port 53 selects no DNS pod"
    NO_SUCH_NAMED_PORT = "NP025", _WARNING, "No pod has a port of that name"
    TYPES_MISSING = "NP030", _NOTE, "policyTypes is missing"
    TYPES_CONTRADICT = "NP031", _ERROR, "Rules of a direction that is not in force"
    ISOLATES_MORE = "NP032", _WARNING, "It isolates a direction it never mentions"
    ALLOWS_EVERYTHING = "NP033", _NOTE, "A rule `{}` allows everything"
    EMPTY_LIST = "NP034", _WARNING, "An empty list in a rule restricts nothing"
    LIVE_TYPES = "NP035", _WARNING, "The applied policyTypes stay, and they differ"
    BLOCK_OF_PODS = "NP040", _WARNING, "ipBlock for addresses of pods"
    EXCEPT_OUTSIDE = "NP041", _ERROR, "except lies outside of cidr"
    HOST_BITS = "NP042", _NOTE, "A cidr with bits behind its prefix"
    BLOCK_OF_EVERYTHING = "NP043", _NOTE, "ipBlock of all addresses: pods, too?"
    BLOCK_OF_SERVICE = "NP044", _WARNING, "ipBlock for the address of a Service"
    ONE_FAMILY = "NP045", _WARNING, "One IP family is let through, and the other forgotten"
    BLOCK_OF_NOBODY = "NP046", _WARNING, "ipBlock that holds nobody's address"
    SHADOWED = "NP050", _NOTE, "A rule that a wider one makes superfluous"
    WITHOUT_EFFECT = "NP051", _NOTE, "Without this policy nothing would change"
    HOST_NETWORK_ONLY = "NP052", _WARNING, "It selects hostNetwork pods only"
    HOST_NETWORK_PEER = "NP053", _WARNING, "A peer selects hostNetwork pods only"
    PRIORITY_TIE = "NP060", _WARNING, "Two policies of a tier share a priority"
    TIER_SHADOWED = "NP061", _WARNING, "A rule of a tier that is never reached"
    BASELINE_NEVER_ACTS = "NP062", _WARNING, "A Baseline policy that is never asked"
    DENIED_RULE = "NP063", _WARNING, "A rule that a deny leaves nothing of"
    PASS_TO_NOTHING = "NP064", _WARNING, "A Pass behind which no policy decides"
    CUTS_WEBHOOK = "NP070", _WARNING, "It cuts a webhook off from the API server"
    CUTS_AGGREGATED_API = "NP071", _WARNING, "It cuts an APIService off from the API server"
    CUTS_FROM_API_SERVER = "NP072", _WARNING, "It cuts off pods that ask the API server"
    CUTS_SCRAPING = "NP073", _WARNING, "It cuts pods off from who scrapes their metrics"
    NO_SUCH_END = "NP080", _WARNING, "A story's flow ends at nothing that it gives"
    NO_SUCH_POLICY = "NP081", _WARNING, "A story's flow names a policy that it does not have"


@dataclass(frozen=True, slots=True)
class CertainFix:
    """
    A fix that nobody has to think about: `value` belongs at a document's `path`.

    `at`: where the value that it replaces stands; of one that is missing, the first key beside it.
    """

    at: Position
    path: Path
    value: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class LintFinding:
    """One thing found in one place."""

    rule: LintRule
    message: str
    fix: str
    subject: str
    """`namespace/name` of the policy, or the object's kind and name."""
    path: str = ""
    """`spec.ingress[0].from[1]`."""
    at: Position | None = None
    """None for objects that came from a cluster."""
    about_policy: bool = True
    """Whether it is about a NetworkPolicy, not about what lies beside one."""
    harmless: bool = False
    """Whether it is only untidy here, whatever the rule's severity is."""
    certain: CertainFix | None = None
    """What `npol check --fix` writes."""

    @property
    def id(self) -> str:
        return self.rule.id

    @property
    def severity(self) -> Severity:
        return Severity.NOTE if self.harmless else self.rule.severity

    def __str__(self) -> str:
        place = str(self.at) if self.at else f"{self.subject} {self.path}".strip()
        fix = f" - {self.fix}" if self.fix else ""
        return f"{place}: {self.id} {self.severity.value}: {self.message}{fix}"


def finding_at(
    rule: LintRule, message: str, fix: str, policy: object, origin: Origin
) -> LintFinding:
    """About a policy of another kind than NetworkPolicy, at one of its clauses."""
    return LintFinding(rule=rule, message=message, fix=fix, subject=str(policy), at=origin.at)
