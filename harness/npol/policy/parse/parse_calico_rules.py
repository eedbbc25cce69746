"""The rules of Calico's own policies. Source: api/pkg/apis/projectcalico/v3/policy_common.go."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from npol.policy.objects.calico_types import CalicoEnd, CalicoRule
from npol.policy.objects.netpol_types import Direction, Origin
from npol.policy.objects.tier_types import RuleAction
from npol.policy.parse.object_source import Path
from npol.policy.parse.parse_calico_ends import CalicoEndReader
from npol.policy.parse.validation_errors import Refusals

MOST_RULES = 1024
ACTIONS = {
    "Allow": RuleAction.ACCEPT,
    "Deny": RuleAction.DENY,
    "Pass": RuleAction.PASS,
    "Log": RuleAction.LOG,
}
WORDS = {action: word for word, action in ACTIONS.items()}
_PROTOCOLS = {"tcp": 6, "udp": 17, "icmp": 1, "icmpv6": 58, "sctp": 132, "udplite": 136}
_ICMP = {1: 4, 58: 6}
"""The family of each protocol."""
_FIELDS = (
    "action",
    "ipVersion",
    "protocol",
    "notProtocol",
    "icmp",
    "notICMP",
    "source",
    "destination",
    "http",
    "metadata",
)


class CalicoRuleReader:
    def __init__(
        self,
        refusals: Refusals,
        origin: Callable[[Path], Origin],
        namespace: str,
        *,
        is_stored: bool,
    ) -> None:
        """`is_stored`: it is of Calico's CRD, which the API server takes without its validator."""
        self._is_stored = is_stored
        self._refusals = refusals
        self._wrong = refusals.wrong
        self._origin = origin
        self._ends = CalicoEndReader(refusals, origin, namespace)

    def read(self, spec: Mapping[str, Any], direction: Direction) -> tuple[CalicoRule, ...]:
        path: Path = ("spec", direction.field)
        rules = self._refusals.list_of(spec, direction.field, ("spec",))
        if len(rules) > MOST_RULES:
            self._wrong(path, f"may hold at most {MOST_RULES} rules, not {len(rules)}")
        return tuple(self._rule(rule, direction, (*path, n)) for n, rule in enumerate(rules))

    def _rule(self, value: Any, direction: Direction, path: Path) -> CalicoRule:
        rule = self._refusals.mapping_of(value, path)
        self._refusals.fields(rule, path, _FIELDS)
        protocol = self._protocol(rule, "protocol", path)
        far = "source" if direction is Direction.INGRESS else "destination"
        source, destination = (
            self._ends.read(
                rule.get(key),
                (*path, key),
                protocol,
                may_name_services=self._is_stored or key == far,
            )
            for key in ("source", "destination")
        )
        astray = destination if far == "source" else source
        self._check_families(rule, path, source, destination)
        return CalicoRule(
            direction=direction,
            origin=self._origin(path),
            action=self._action(rule, path),
            source=source,
            destination=destination,
            family=self._family(rule, path),
            protocol=protocol,
            not_protocol=self._protocol(rule, "notProtocol", path),
            asks=self._http(rule, direction, path),
            unsettled=self._icmp(rule, protocol, path) or ("services" if astray.service else ""),
        )

    def _action(self, rule: Mapping[str, Any], path: Path) -> RuleAction:
        word = rule.get("action")
        if word not in ACTIONS:
            known = ", ".join(ACTIONS)
            self._wrong((*path, "action"), f"must be one of {known}, not {word!r}")
            return RuleAction.DENY
        return ACTIONS[str(word)]

    def _family(self, rule: Mapping[str, Any], path: Path) -> int | None:
        value = rule.get("ipVersion")
        if value not in (None, 4, 6):
            self._wrong((*path, "ipVersion"), f"must be 4 or 6, not {value!r}")
            return None
        return value

    def _protocol(self, rule: Mapping[str, Any], key: str, path: Path) -> int | None:
        value = rule.get(key)
        if value is None:
            return None
        text = str(value)
        number = int(text) if text.isdecimal() else _PROTOCOLS.get(text.lower(), 0)
        if not 1 <= number <= 255 or isinstance(value, bool):
            known = "TCP, UDP, ICMP, ICMPv6, SCTP, UDPLite or 1 to 255"
            self._wrong((*path, key), f"must be {known}, not {value!r}")
        elif rule.get("ipVersion") not in (None, _ICMP.get(number, rule.get("ipVersion"))):
            self._wrong((*path, key), f"is not of IP version {rule['ipVersion']}")
        return number

    def _icmp(self, rule: Mapping[str, Any], protocol: int | None, path: Path) -> str:
        """TCP, UDP and SCTP have no type: what is said of it is checked, and no more."""
        for key in ("icmp", "notICMP"):
            where = (*path, key)
            fields = self._refusals.mapping_of(rule.get(key), where)
            self._refusals.fields(fields, where, ("type", "code"))
            for name, most in (("type", 254), ("code", 255)):
                given = fields.get(name)
                if given is not None and not (isinstance(given, int) and 0 <= given <= most):
                    self._wrong((*where, name), f"must be 0 to {most}, not {given!r}")
            if fields.get("code") is not None and fields.get("type") is None:
                self._wrong((*where, "code"), "needs a type")
        if rule.get("icmp") is not None and protocol not in _ICMP:
            self._wrong((*path, "icmp"), "needs the protocol ICMP or ICMPv6")
        return "notICMP" if rule.get("notICMP") and protocol not in _ICMP else ""

    def _http(self, rule: Mapping[str, Any], direction: Direction, path: Path) -> str:
        if rule.get("http") is None:
            return ""
        where = (*path, "http")
        http = self._refusals.mapping_of(rule["http"], where)
        self._refusals.fields(http, where, ("methods", "paths"))
        if rule.get("action") != "Allow":
            self._wrong(where, "only in rules that allow")
        if direction is Direction.EGRESS:
            self._wrong(where, "only in ingress rules")
        if rule.get("protocol") not in (None, "TCP", 6):
            self._wrong(where, "needs the protocol TCP, or none")
        return "http" if any(http.values()) else ""

    def _check_families(
        self, rule: Mapping[str, Any], path: Path, source: CalicoEnd, destination: CalicoEnd
    ) -> None:
        """The networks of a rule are of one family, and of its ipVersion."""
        ends = (source, destination)
        versions = {n.version for end in ends for n in (*end.networks, *end.not_networks)}
        if len(versions | ({rule["ipVersion"]} if rule.get("ipVersion") in (4, 6) else set())) > 1:
            self._wrong(path, "its networks, and its ipVersion, must be of one IP family")
