"""Changes of running workloads: their pods anew, or another number of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from npol.model.change import Manifest, Restart, Scale, WorkloadRef
from npol.story.field_validators import shown
from npol.story.mixed_manifests import Identity
from npol.story.schema.change import RestartEntry, ScaleEntry
from npol.story.yaml_node import YamlNode

RESTARTED = {"deployment": "Deployment", "statefulset": "StatefulSet", "daemonset": "DaemonSet"}
SCALED = {kind: RESTARTED[kind] for kind in ("deployment", "statefulset")}
Given = Mapping[Identity, Manifest] | None


def restart(entry: RestartEntry, node: YamlNode, given: Given) -> Iterator[Restart]:
    if workload := _workload(entry, node, RESTARTED, given):
        yield Restart(at=node.at(), workload=workload)


def scale(entry: ScaleEntry, node: YamlNode, given: Given) -> Iterator[Scale]:
    if workload := _workload(entry, node, SCALED, given):
        yield Scale(at=node.at(), workload=workload, replicas=entry.replicas)


def _workload(
    entry: RestartEntry | ScaleEntry, node: YamlNode, kinds: Mapping[str, str], given: Given
) -> WorkloadRef | None:
    word, _, name = entry.workload.partition("/")
    if word not in kinds:
        node.wrong(
            f"a {word} cannot be changed so", f"one of: {', '.join(kinds)}", on=("workload",)
        )
        return None
    kind = kinds[word]
    listed = [m.namespace for m in (given or {}).values() if (m.kind, m.name) == (kind, name)]
    if not entry.namespace and len(listed) != 1:
        why = "`given` lists several" if listed else "`given` does not list it"
        node.wrong(f"{shown(entry.workload)} needs a `namespace:` beside it: {why}")
        return None
    return WorkloadRef(kind=kind, namespace=entry.namespace or listed[0], name=name)
