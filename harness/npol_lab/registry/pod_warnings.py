"""
What a client is told of pods and templates that are accepted and perhaps not meant.

Source: kubernetes `pkg/api/pod/warnings.go`; of it only what is told of ports.
"""

from __future__ import annotations

from collections.abc import Iterator

from npol.api_rules.objects import Obj
from npol.api_rules.resources import ApiResource
from npol_lab.registry.podsecurity import TEMPLATES


def warnings(kind: ApiResource, obj: Obj) -> list[str]:
    if kind.name == "pods":
        return list(_repeated_names(obj.get("spec", {}), "spec"))
    if kind.name not in TEMPLATES:
        return []
    template = obj.get("spec", {}).get("template", {})
    return list(_repeated_names(template.get("spec", {}), "spec.template.spec"))


def _repeated_names(spec: Obj, field: str) -> Iterator[str]:
    """Within one container that is refused."""
    first: dict[str, str] = {}
    for place, port in _ports(spec, field):
        name = port.get("name", "")
        if name in first:
            yield (
                f'{place}: duplicate port name "{name}" with {first[name]}, services and probes '
                f"that select ports by name will use {first[name]}"
            )
        elif name:
            first[name] = place


def _ports(spec: Obj, field: str) -> Iterator[tuple[str, Obj]]:
    for key in ("initContainers", "containers"):
        for i, container in enumerate(spec.get(key) or []):
            if key == "containers" or container.get("restartPolicy") == "Always":
                for j, port in enumerate(container.get("ports") or []):
                    yield f"{field}.{key}[{i}].ports[{j}]", port
