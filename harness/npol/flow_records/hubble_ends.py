"""
An end of a flow in Hubble's records. Labels stand as `source:key=value`; a pod's own have the
source `k8s`, and its namespace's are among them, with a prefix.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from npol.model.flow_record import RecordedEnd

NAMESPACE_LABEL = "io.cilium.k8s.namespace.labels."
OWN_LABELS = ("io.cilium.", "io.kubernetes.pod.")
"""Prefixes of the labels that Cilium adds to those of the API."""


def recorded_end(
    end: Mapping[str, Any], address: str, ports: Mapping[str, Any], port: str
) -> RecordedEnd:
    """`end`: the record's Endpoint; `ports`: its layer 4, of which `port` is this end's."""
    labels, of_namespace, entities = _sorted_labels(tuple(end.get("labels", ())))
    return RecordedEnd(
        address=address,
        port=int(ports.get(port, 0)),
        namespace=end.get("namespace", ""),
        pod=end.get("pod_name", ""),
        workload=_workload(end.get("workloads", ())),
        labels=labels,
        namespace_labels=of_namespace,
        entities=entities,
    )


@lru_cache(maxsize=4096)
def _sorted_labels(
    told: tuple[str, ...],
) -> tuple[Mapping[str, str], Mapping[str, str], frozenset[str]]:
    """The pod's labels, its namespace's, and the reserved names; each set is sorted once."""
    labels: dict[str, str] = {}
    of_namespace: dict[str, str] = {}
    entities: list[str] = []
    for label in told:
        source, colon, pair = label.partition(":")
        if not colon:
            source, pair = "k8s", label
        key, _, value = pair.partition("=")
        if source == "reserved":
            entities.append(key)
        elif source == "k8s" and key.startswith(NAMESPACE_LABEL):
            of_namespace[key.removeprefix(NAMESPACE_LABEL)] = value
        elif source == "k8s" and not key.startswith(OWN_LABELS):
            labels[key] = value
    return MappingProxyType(labels), MappingProxyType(of_namespace), frozenset(entities)


def _workload(told: Sequence[Mapping[str, Any]]) -> str:
    first = next(iter(told), None)
    return f"{first.get('kind', '').lower()}/{first.get('name', '')}" if first else ""
