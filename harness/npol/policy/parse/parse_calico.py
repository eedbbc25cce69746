"""
Calico's own kinds out of manifests: NetworkPolicy, GlobalNetworkPolicy, Tier and network sets.

What Calico's API refuses counts as refused here. Source: projectcalico/calico
api/pkg/apis/projectcalico/v3 (types and their rules) and libcalico-go/lib/validator/v3.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from npol.api_rules import addresses
from npol.model.change import Manifest
from npol.model.policy_kinds import CALICO_KINDS
from npol.policy.objects.calico_labels import of_accounts, of_namespaces
from npol.policy.objects.calico_selectors import (
    CalicoSelector,
    Comparison,
    Everyone,
    LabelValue,
    together,
)
from npol.policy.objects.calico_types import (
    BUILT_IN_TIERS,
    DEFAULT_TIER,
    NAMESPACE,
    CalicoPolicy,
    CalicoTier,
    NetworkSet,
)
from npol.policy.objects.netpol_types import Direction, Network, Origin
from npol.policy.parse.object_source import Path, Source, items, mapping, sources, spell_path
from npol.policy.parse.parse_calico_ends import read_calico_selector
from npol.policy.parse.parse_calico_rules import CalicoRuleReader
from npol.policy.parse.validation_errors import Refusal, Refusals

POLICY_KINDS = ("NetworkPolicy", "GlobalNetworkPolicy")
STORED = "crd.projectcalico.org"
"""The group of the CRDs that Calico keeps its objects in."""
SET_KINDS = ("NetworkSet", "GlobalNetworkSet")
TIER_KIND = "Tier"
_LABEL = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_POLICY_NAME = re.compile(rf"({_LABEL}\.)?{_LABEL}|(knp|ossg)\.default\..+")
_TIER_NAME = re.compile(_LABEL)
_FIELDS = (
    "tier",
    "order",
    "ingress",
    "egress",
    "selector",
    "types",
    "serviceAccountSelector",
    "performanceHints",
)
_ON_HOSTS = ("doNotTrack", "preDNAT", "applyOnForward")
_GLOBAL_FIELDS = (*_ON_HOSTS, "namespaceSelector")


@dataclass(frozen=True, slots=True)
class ParsedCalicoPolicy:
    """A policy as read; with mistakes it has no effect."""

    policy: CalicoPolicy
    mistakes: tuple[Refusal, ...] = ()
    on_hosts: str = ""
    """The field by which it acts on what hosts forward, which is not evaluated here."""


def is_calico(source: Source) -> bool:
    """Whether it is of a kind, in a version, that is read here."""
    return any((k.api_version, k.kind) == (source.api_version, source.kind) for k in CALICO_KINDS)


def is_calico_policy(source: Source) -> bool:
    return is_calico(source) and source.kind in POLICY_KINDS


def parse_calico_policy(
    source: Source, *, default_namespace: str = "default"
) -> ParsedCalicoPolicy:
    """The policy in an object, read as far as it can be."""
    reader = _CalicoReader(source, default_namespace)
    return source.once((ParsedCalicoPolicy, default_namespace), reader.read)


def calico_policy_of(manifest: Manifest) -> CalicoPolicy | None:
    """The policy in a manifest of these kinds; None for all other kinds."""
    source = next(sources([manifest]), None)
    if source is None or not is_calico_policy(source):
        return None
    return parse_calico_policy(source).policy


def read_network_set(
    source: Source, *, default_namespace: str = "default"
) -> tuple[NetworkSet, tuple[Refusal, ...]]:
    """A set and what is refused of it."""
    refusals = Refusals(source)
    spec = refusals.mapping_of(source.body.get("spec"), ("spec",))
    refusals.fields(spec, ("spec",), ("nets",))
    namespaced = source.kind == "NetworkSet"
    labels = mapping(source.metadata.get("labels"))
    if NAMESPACE in labels:
        refusals.wrong(("metadata", "labels", NAMESPACE), "not a label that a set may have")
    found = NetworkSet(
        kind=source.kind,
        name=source.name,
        namespace=source.namespace(default_namespace) if namespaced else "",
        labels={str(key): str(value) for key, value in labels.items()},
        networks=tuple(_networks(refusals, spec)),
    )
    return found, tuple(refusals.found)


def _networks(refusals: Refusals, spec: Mapping[str, Any]) -> Iterator[Network]:
    for index, text in enumerate(refusals.list_of(spec, "nets", ("spec",))):
        whole = "" if "/" in str(text) else "/128" if ":" in str(text) else "/32"
        network = addresses.network(f"{text}{whole}")
        if network is None:
            refusals.wrong(("spec", "nets", index), f"not a valid address or CIDR: {text!r}")
        else:
            yield network


def read_tier(source: Source) -> tuple[CalicoTier, tuple[Refusal, ...]]:
    """A tier and what is refused of it; those that are always there may not be changed."""
    refusals = Refusals(source)
    spec = refusals.mapping_of(source.body.get("spec"), ("spec",))
    refusals.fields(spec, ("spec",), ("order", "defaultAction"))
    if not _TIER_NAME.fullmatch(source.name):
        refusals.wrong(("metadata", "name"), f"must be a DNS label, not {source.name!r}")
    action = spec.get("defaultAction") or "Deny"
    if action not in ("Deny", "Pass"):
        why = f"must be Deny or Pass, not {action!r}"
        refusals.wrong(("spec", "defaultAction"), why)
    tier = CalicoTier(name=source.name, order=_order(refusals, spec), denies=action != "Pass")
    built_in = next((t for t in BUILT_IN_TIERS if t.name == tier.name), tier)
    if tier != built_in:
        meant = f"order {built_in.order:g}, defaultAction {'Deny' if built_in.denies else 'Pass'}"
        refusals.wrong(("spec",), f"the tier {tier.name} must have {meant}")
    return tier, tuple(refusals.found)


def _order(refusals: Refusals, spec: Mapping[str, Any]) -> float:
    value = spec.get("order")
    if value is None:
        return math.inf
    if isinstance(value, bool) or not isinstance(value, int | float):
        refusals.wrong(("spec", "order"), f"must be a number, not {value!r}")
        return math.inf
    return float(value)


class _CalicoReader:
    def __init__(self, source: Source, default_namespace: str) -> None:
        self._source = source
        namespaced = source.kind == "NetworkPolicy"
        self._namespace = source.namespace(default_namespace) if namespaced else ""
        self._kind = "CalicoNetworkPolicy" if namespaced else source.kind
        self._refusals = Refusals(source)
        self._wrong = self._refusals.wrong

    def read(self) -> ParsedCalicoPolicy:
        spec = self._refusals.mapping_of(self._source.body.get("spec"), ("spec",))
        known = _FIELDS if self._namespace else (*_FIELDS, *_GLOBAL_FIELDS)
        self._refusals.fields(spec, ("spec",), known)
        if not _POLICY_NAME.fullmatch(self._source.name):
            why = f"must be a DNS label, or two joined by a dot, not {self._source.name!r}"
            self._wrong(("metadata", "name"), why)
        is_stored = self._source.group == STORED
        rules = CalicoRuleReader(self._refusals, self._origin, self._namespace, is_stored=is_stored)
        policy = CalicoPolicy(
            kind=self._kind,
            group=self._source.group,
            name=self._source.name,
            namespace=self._namespace,
            origin=self._origin(()),
            selector=self._subject(spec),
            tier=self._tier(spec),
            order=_order(self._refusals, spec),
            directions=self._directions(spec),
            ingress=rules.read(spec, Direction.INGRESS),
            egress=rules.read(spec, Direction.EGRESS),
        )
        on_hosts = self._on_hosts(spec)
        return ParsedCalicoPolicy(policy, tuple(self._refusals.found), on_hosts)

    def _origin(self, path: Path) -> Origin:
        place = f"{self._namespace}/" if self._namespace else ""
        at = self._source.at(*path)
        return Origin(f"{place}{self._source.name}", spell_path(path), at, kind=self._kind)

    def _subject(self, spec: Mapping[str, Any]) -> CalicoSelector:
        path: Path = ("spec",)
        own, place, accounts = (
            read_calico_selector(self._refusals, spec, key, path)
            for key in ("selector", "namespaceSelector", "serviceAccountSelector")
        )
        parts: list[CalicoSelector] = [own or Everyone()]
        if self._namespace:
            parts.append(LabelValue(NAMESPACE, Comparison.IN, (self._namespace,)))
        elif place is not None:
            parts.append(of_namespaces(place))
        if accounts is not None:
            parts.append(of_accounts(accounts))
        return together(*parts)

    def _tier(self, spec: Mapping[str, Any]) -> str:
        tier = str(spec.get("tier") or DEFAULT_TIER)
        if not _TIER_NAME.fullmatch(tier):
            self._wrong(("spec", "tier"), f"must be a DNS label, not {tier!r}")
        return tier

    def _directions(self, spec: Mapping[str, Any]) -> frozenset[Direction]:
        """Those that `types` name; without it the ones that have rules, and Ingress for none."""
        given = self._refusals.list_of(spec, "types", ("spec",))
        for index, word in enumerate(given):
            if word not in {d.value for d in Direction}:
                why = f"must be Ingress or Egress, not {word!r}"
                self._wrong(("spec", "types", index), why)
            elif word in given[:index]:
                self._wrong(("spec", "types", index), f"{word} is given twice")
        if given:
            return frozenset(d for d in Direction if d.value in given)
        found = frozenset(d for d in Direction if items(spec.get(d.field)))
        return found or frozenset({Direction.INGRESS})

    def _on_hosts(self, spec: Mapping[str, Any]) -> str:
        if self._namespace:
            return ""
        given = [key for key in _ON_HOSTS if spec.get(key)]
        early = [key for key in given if key != "applyOnForward"]
        if len(early) > 1:
            self._wrong(("spec", early[1]), f"not beside {early[0]}")
        if early and "applyOnForward" not in given:
            self._wrong(("spec", early[0]), "needs applyOnForward: true")
        if "preDNAT" in given and Direction.EGRESS in self._directions(spec):
            self._wrong(("spec", "preDNAT"), "has no egress: packets come in then")
        return given[0] if given else ""
