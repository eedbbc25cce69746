"""What the lint says: findings, and the catalogue of rules with their stable ids."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from npol.errors import Position


class Severity(enum.Enum):
    """The value is SARIF's word for it."""

    ERROR = "error"  # it does not do what it says, or is refused
    WARNING = "warning"  # it probably does not do what was meant
    NOTE = "note"  # worth knowing


@dataclass(frozen=True, slots=True)
class LintRule:
    """One rule; its id never changes its meaning."""

    id: str
    name: str
    severity: Severity
    title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LintFinding:
    """One thing found in one place."""

    id: str
    severity: Severity
    message: str
    fix: str
    subject: str
    """`namespace/name` of the policy, or the object's kind and name."""
    path: str = ""
    """`spec.ingress[0].from[1]`."""
    at: Position | None = None
    """None for objects that came from a cluster."""

    def __str__(self) -> str:
        place = str(self.at) if self.at else f"{self.subject} {self.path}".strip()
        fix = f" - {self.fix}" if self.fix else ""
        return f"{place}: {self.id} {self.severity.value}: {self.message}{fix}"


_ERROR, _WARNING, _NOTE = Severity.ERROR, Severity.WARNING, Severity.NOTE

RULES = {
    rule.id: rule
    for rule in (
        LintRule("NP001", "refused", _ERROR, "The API server refuses the policy"),
        LintRule("NP002", "duplicate-key", _ERROR, "A YAML key stands twice; the last one wins"),
        LintRule("NP003", "unknown-field", _ERROR, "A field that the API does not have"),
        LintRule("NP004", "wrong-api-version", _ERROR, "NetworkPolicy of another API group"),
        LintRule("NP005", "no-namespace", _NOTE, "No namespace: it lands where the context says"),
        LintRule("NP006", "typographic", _ERROR, "Typographic dashes, quotes or spaces"),
        LintRule("NP007", "same-name", _WARNING, "Two policies of the same name: the last wins"),
        LintRule("NP008", "unreadable", _ERROR, "No YAML, or no object that an API server takes"),
        LintRule("NP009", "no-object", _NOTE, "YAML that is no Kubernetes object: left out"),
        LintRule("NP010", "selects-no-pod", _WARNING, "The policy selects no pod"),
        LintRule("NP011", "no-such-namespace-label", _WARNING, "No namespace has that label"),
        LintRule("NP012", "peer-selects-no-pod", _WARNING, "A peer selects no pod"),
        LintRule("NP013", "stray-dash", _WARNING, "Two peers where one was probably meant"),
        LintRule("NP014", "wrong-selector", _WARNING, "A namespace's label in a podSelector"),
        LintRule("NP015", "no-such-namespace", _WARNING, "The policy's namespace does not exist"),
        LintRule("NP020", "port-without-listener", _WARNING, "No pod of the rule has that port"),
        LintRule("NP021", "service-port", _ERROR, "A Service's port where the pod's is meant"),
        LintRule("NP022", "dns-forgotten", _WARNING, "Egress is isolated and DNS is not allowed"),
        LintRule("NP023", "dns-one-protocol", _WARNING, "DNS over one protocol only"),
        LintRule("NP024", "dns-wrong-pods", _WARNING, "A rule for port 53 selects no DNS pod"),
        LintRule("NP025", "no-such-named-port", _WARNING, "No pod has a port of that name"),
        LintRule("NP030", "types-missing", _NOTE, "policyTypes is missing"),
        LintRule("NP031", "types-contradict", _ERROR, "Rules of a direction that is not in force"),
        LintRule("NP032", "isolates-more", _WARNING, "It isolates a direction it never mentions"),
        LintRule("NP033", "allows-everything", _NOTE, "A rule `{}` allows everything"),
        LintRule("NP034", "empty-list", _WARNING, "An empty list in a rule restricts nothing"),
        LintRule("NP040", "block-of-pods", _WARNING, "ipBlock for addresses of pods"),
        LintRule("NP041", "except-outside", _ERROR, "except lies outside of cidr"),
        LintRule("NP042", "host-bits", _NOTE, "A cidr with bits behind its prefix"),
        LintRule("NP043", "block-of-everything", _NOTE, "ipBlock of all addresses: pods, too?"),
        LintRule("NP044", "block-of-service", _WARNING, "ipBlock for the address of a Service"),
        LintRule("NP050", "shadowed", _NOTE, "A rule that a wider one makes superfluous"),
        LintRule("NP051", "without-effect", _NOTE, "Without this policy nothing would change"),
        LintRule("NP052", "host-network-only", _WARNING, "It selects host-network pods only"),
    )
}
