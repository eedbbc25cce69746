"""The objects of Calico's own kinds that the store holds, as far as they mean something."""

from __future__ import annotations

import logging
import math

from npol.api_rules.objects import Obj
from npol_lab.net.calico_policy import CalicoPolicy, compile_calico_policy
from npol_lab.net.calico_world import BUILT_IN, CalicoObjects, NetworkSet, Tier
from npol_lab.net.flow_log import PolicyName
from npol_lab.net.tier_policies import DIRECTIONS, SHOWN
from npol_lab.store import Event

GROUP = "projectcalico.org"
POLICY_KINDS = {
    f"networkpolicies.{GROUP}": "NetworkPolicy",
    f"globalnetworkpolicies.{GROUP}": "GlobalNetworkPolicy",
}
"""By the resource, as the store calls it; so the others."""
TIERS = f"tiers.{GROUP}"
SETS = (f"networksets.{GROUP}", f"globalnetworksets.{GROUP}")
ACCOUNTS = "serviceaccounts"
KINDS = (*POLICY_KINDS, TIERS, *SETS)
SHOWN_KINDS = {"NetworkPolicy": "CalicoNetworkPolicy"}
"""What flow records call a kind, where another one has its name."""
Key = tuple[str, str, str]
"""Resource, namespace and name."""
log = logging.getLogger(__name__)


class CalicoPolicies:
    """`enforce` False: they are accepted and ignored, as by a plugin that does not know them."""

    def __init__(self, *, enforce: bool) -> None:
        self._enforce = enforce
        self._policies: dict[Key, CalicoPolicy] = {}
        self._tiers = {tier.name: tier for tier in BUILT_IN}
        self._sets: dict[Key, NetworkSet] = {}
        self._accounts: dict[tuple[str, str], frozenset[tuple[str, str]]] = {}

    def note(self, event: Event) -> bool:
        """One of them was made, changed or deleted; whether rules could change by it."""
        metadata = event.object["metadata"]
        namespace, name = metadata.get("namespace") or "", metadata["name"]
        there = event.object if event.type != "DELETED" else None
        if event.resource == ACCOUNTS:
            self._learn(namespace, name, there)
        elif event.resource == TIERS:
            self._arrange(name, there)
        elif event.resource in SETS:
            self._collect((event.resource, namespace, name), there)
        else:
            self._compile((event.resource, namespace, name), there)
        return bool(self._policies) or event.resource in POLICY_KINDS

    def _learn(self, namespace: str, name: str, account: Obj | None) -> None:
        self._accounts.pop((namespace, name), None)
        if account is not None:
            self._accounts[namespace, name] = _labels(account)

    def _arrange(self, name: str, tier: Obj | None) -> None:
        self._tiers.pop(name, None)
        if tier is not None:
            spec = tier.get("spec") or {}
            order = spec.get("order")
            self._tiers[name] = Tier(
                name=name,
                order=math.inf if order is None else float(order),
                denies=spec.get("defaultAction") != "Pass",
            )

    def _collect(self, key: Key, found: Obj | None) -> None:
        self._sets.pop(key, None)
        if found is not None:
            nets = tuple((found.get("spec") or {}).get("nets") or ())
            self._sets[key] = NetworkSet(namespace=key[1], labels=_labels(found), nets=nets)

    def _compile(self, key: Key, policy: Obj | None) -> None:
        self._policies.pop(key, None)
        if policy is None or not self._enforce:
            return
        try:
            self._policies[key] = compile_calico_policy(POLICY_KINDS[key[0]], policy)
        except ValueError:
            log.exception("policy %s cannot be enforced, and is left out", key)

    @property
    def objects(self) -> CalicoObjects | None:
        """None without policies: then nothing else of Calico's means anything."""
        if not self._policies:
            return None
        return CalicoObjects(
            tiers=dict(self._tiers),
            policies=tuple(self._policies.values()),
            sets=tuple(self._sets.values()),
            accounts=dict(self._accounts),
        )

    @property
    def names(self) -> dict[str, PolicyName]:
        """What is shown of packets that they decide, and whose rule that is."""
        return {
            policy.log_name(direction, action): PolicyName(
                namespace=policy.namespace,
                name=policy.name,
                uid=policy.uid,
                kind=SHOWN_KINDS.get(policy.kind, policy.kind),
            )
            for policy in self._policies.values()
            for direction in DIRECTIONS
            for action in SHOWN
        }


def _labels(obj: Obj) -> frozenset[tuple[str, str]]:
    return frozenset((obj["metadata"].get("labels") or {}).items())
