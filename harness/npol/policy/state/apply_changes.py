"""Worlds out of objects, and new worlds out of old ones: apply, delete, label."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from npol.model.peer_selection import WORKLOADS
from npol.policy.objects.entities import (
    NAME_LABEL,
)
from npol.policy.parse import parse_services, parse_workloads
from npol.policy.parse.field_values import labels_of
from npol.policy.parse.object_source import Given, Source, sources
from npol.policy.parse.parse_calico import (
    POLICY_KINDS,
    TIER_KIND,
    is_calico,
    parse_calico_policy,
    read_network_set,
    read_tier,
)
from npol.policy.parse.parse_cilium import (
    is_cidr_group,
    is_cilium_policy,
    parse_cilium_policy,
    read_cidr_group,
)
from npol.policy.parse.parse_policies import ParsedPolicy, is_policy, parse_policy
from npol.policy.parse.parse_tiers import is_tier_policy, parse_tier_policy
from npol.policy.parse.server_review import is_misnamed_policy, reviewed
from npol.policy.parse.unsupported import is_other, read_other
from npol.policy.state.cluster_draft import ClusterDraft, Key, place_of
from npol.policy.state.cluster_state import ClusterState


def build(given: Iterable[Given], *, default_namespace: str = "default") -> ClusterState:
    """
    The world that manifests or API objects describe; kinds without meaning here are left out.

    Workloads stand for the pods of their templates, unless such pods are among the objects.
    """
    return apply(ClusterState(), given, default_namespace=default_namespace)


def apply(
    world: ClusterState, given: Iterable[Given], *, default_namespace: str = "default"
) -> ClusterState:
    """The world after these objects were applied; an object of the same name is replaced."""
    draft = ClusterDraft.of(world)
    for source in sources(given):
        _apply(draft, source, default_namespace)
    return draft.world()


def delete(
    world: ClusterState, given: Iterable[Given], *, default_namespace: str = "default"
) -> ClusterState:
    """The world after the objects of these kinds and names were deleted."""
    draft = ClusterDraft.of(world)
    for source in sources(given):
        _delete(draft, source, source.namespace(default_namespace))
    return draft.world()


def label(
    world: ClusterState, *, kind: str, name: str, namespace: str, labels: Mapping[str, str | None]
) -> ClusterState:
    """The world after labels were set on (None: taken from) a `pod` or a `namespace`."""
    draft = ClusterDraft.of(world)
    if kind.lower() == "namespace":
        old = world.namespace(name)
        new = {**_relabelled(old.labels, labels), NAME_LABEL: name}
        draft.namespaces[name] = replace(old, labels=new)
    elif pod := draft.pods.get((namespace, name)):
        draft.pods[namespace, name] = replace(pod, labels=_relabelled(pod.labels, labels))
        draft.changed.add(namespace)
    return draft.world()


def _relabelled(old: Mapping[str, str], change: Mapping[str, str | None]) -> dict[str, str]:
    merged: dict[str, Any] = {**old, **change}
    return {key: value for key, value in merged.items() if value is not None}


def _apply(draft: ClusterDraft, source: Source, default: str) -> None:
    key = (source.namespace(default), source.name)
    draft.note(source, key[0])
    if is_misnamed_policy(source):
        draft.refuses(source, key, reviewed(source)[1])
    elif is_policy(source):
        _apply_policy(draft, source, key, parse_policy(source, default_namespace=default))
    elif is_tier_policy(source):
        tiered = parse_tier_policy(source)
        draft.hold(source, key, draft.tier_policies, tiered.policy, tiered.mistakes)
    elif is_cilium_policy(source):
        own = parse_cilium_policy(source, default_namespace=default)
        draft.hold(source, key, draft.cilium_policies, own.policy, own.mistakes)
    elif is_cidr_group(source):
        draft.cidr_groups[source.name] = read_cidr_group(source)
    elif is_calico(source):
        _apply_calico(draft, source, key, default)
    elif is_other(source):
        other = read_other(source, default)
        draft.others[str(other)] = other
    elif source.kind in WORKLOADS:
        _apply_workload(draft, source, default)
    elif not source.group:
        _apply_core(draft, source, key, default)
    elif source.kind == "Ingress":
        draft.ingresses[key] = parse_services.ingress_rules(source, default)
    elif source.kind == "EndpointSlice":
        labels = source.metadata.get("labels") or {}
        service = str(labels.get("kubernetes.io/service-name") or "")
        draft.endpoints[key[0], service, source.name] = parse_services.endpoints(source)


def _apply_policy(draft: ClusterDraft, source: Source, key: Key, reading: ParsedPolicy) -> None:
    """What is refused leaves one that was applied before as it is."""
    if not draft.refuses(source, key, reading.mistakes):
        draft.policies.pop(key, None)
        draft.policies[key] = reading.policy


def _apply_calico(draft: ClusterDraft, source: Source, key: Key, default: str) -> None:
    """As for policies in tiers; what acts on hosts is held, and not evaluated."""
    if source.kind not in (*POLICY_KINDS, TIER_KIND):
        found, mistakes = read_network_set(source, default_namespace=default)
        if not draft.refuses(source, key, mistakes):
            draft.network_sets[str(found)] = found
        return
    if source.kind == TIER_KIND:
        tier, refusals = read_tier(source)
        if not draft.refuses(source, key, refusals):
            draft.calico_tiers[tier.name] = tier
        return
    reading = parse_calico_policy(source, default_namespace=default)
    on_hosts = bool(reading.on_hosts and not reading.mistakes)
    draft.hold(
        source, key, draft.calico_policies, reading.policy, reading.mistakes, unread=on_hosts
    )


def _apply_core(draft: ClusterDraft, source: Source, key: Key, default: str) -> None:
    if source.kind == "Pod":
        draft.pods[key] = parse_workloads.pod(source, default)
    elif source.kind == "Service":
        draft.services[key] = parse_services.service(source, default)
    elif source.kind == "Namespace":
        draft.namespaces[source.name] = parse_workloads.namespace(source)
    elif source.kind == "ConfigMap":
        draft.configs[key] = parse_workloads.config_texts(source)
    elif source.kind == "ServiceAccount":
        draft.account_labels[key] = labels_of(source.metadata)
    elif source.kind == "Node":
        draft.nodes[source.name] = parse_workloads.node(source)


def _apply_workload(draft: ClusterDraft, source: Source, default: str) -> None:
    own, owner = parse_workloads.workload_of(source), parse_workloads.owner_of(source)
    draft.owners[source.namespace(default), own] = owner or own
    if owner:
        return  # which speaks for it
    draft.drop_pods(source, source.namespace(default), promised_only=True)
    for pod in parse_workloads.pods_of(source, default):
        draft.pods.setdefault((pod.namespace, pod.name), pod)


def _delete(draft: ClusterDraft, source: Source, namespace: str) -> None:
    key = (namespace, source.name)
    draft.note(source, namespace)
    draft.refused.pop(place_of(source, key), None)
    if is_policy(source):
        draft.policies.pop(key, None)
    elif is_tier_policy(source):
        draft.tier_policies.pop(str(parse_tier_policy(source).policy), None)
        draft.others.pop(str(read_other(source, namespace)), None)
    elif is_cilium_policy(source):
        policy = parse_cilium_policy(source, default_namespace=namespace).policy
        draft.cilium_policies.pop(str(policy), None)
        draft.others.pop(str(read_other(source, namespace)), None)
    elif is_cidr_group(source):
        draft.cidr_groups.pop(source.name, None)
    elif is_calico(source):
        _delete_calico(draft, source, namespace)
    elif is_other(source):
        draft.others.pop(str(read_other(source, namespace)), None)
    elif source.kind in WORKLOADS:
        draft.drop_pods(source, namespace, promised_only=False)
    elif source.kind == "Pod":
        draft.pods.pop(key, None)
    elif source.kind == "ServiceAccount":
        draft.account_labels.pop(key, None)
    elif source.kind == "Service":
        draft.services.pop(key, None)
    elif source.kind == "Ingress":
        draft.ingresses.pop(key, None)
    elif source.kind == "ConfigMap":
        draft.configs.pop(key, None)
    elif source.kind == "Namespace":
        draft.drop_namespace(source.name)


def _delete_calico(draft: ClusterDraft, source: Source, default: str) -> None:
    if source.kind == TIER_KIND:
        draft.calico_tiers.pop(source.name, None)
    elif source.kind in POLICY_KINDS:
        policy = parse_calico_policy(source, default_namespace=default).policy
        draft.calico_policies.pop(str(policy), None)
        draft.others.pop(str(read_other(source, default)), None)
    else:
        found, _ = read_network_set(source, default_namespace=default)
        draft.network_sets.pop(str(found), None)
