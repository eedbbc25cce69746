"""Rendered charts of many shapes, written for the tests in the manner of public ones."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from npol.api_rules.resources import BUILT_IN
from npol.yaml_positions import YamlDialect, load

SHAPES = Path(__file__).parent / "shapes"
NAMESPACE = "shop"
"""Where a chart is installed whose objects name no namespace."""
CHARTS = tuple(sorted(path.stem for path in SHAPES.glob("*.yaml")))
WRONG = ("legacy", "monitoring", "other-namespace", "refused", "unknown-field")
"""Charts of which a server takes a part only."""
KINDS = {(r.api_version, r.kind): r for r in BUILT_IN}


def path_of(chart: str) -> Path:
    return SHAPES / f"{chart}.yaml"


def objects_of(chart: str) -> list[Any]:
    file = path_of(chart)
    return [d.data for d in load(file.read_text(), file.name, YamlDialect.MANIFEST)]


def collection(obj: Any, definitions: list[Any]) -> str:
    """The path to which a manifest is posted; empty for a kind that nobody serves."""
    version, kind = obj["apiVersion"], obj["kind"]
    group = version if "/" in version else ""
    if (version, kind) in KINDS:
        resource = KINDS[version, kind]
        plural, namespaced = resource.plural, resource.namespaced
    else:
        spec = next((d["spec"] for d in definitions if _defines(d["spec"], version, kind)), None)
        if spec is None:
            return ""
        plural, namespaced = spec["names"]["plural"], spec["scope"] == "Namespaced"
    base = f"/apis/{group}" if group else f"/api/{version}"
    namespace = obj["metadata"].get("namespace", NAMESPACE)
    return f"{base}/namespaces/{namespace}/{plural}" if namespaced else f"{base}/{plural}"


def _defines(spec: Any, version: str, kind: str) -> bool:
    served = [f"{spec['group']}/{v['name']}" for v in spec["versions"]]
    return version in served and spec["names"]["kind"] == kind


def pod_specs() -> Iterator[tuple[str, Any]]:
    """Every pod of every chart, by the name of its chart."""
    for chart in CHARTS:
        for obj in objects_of(chart):
            spec = obj.get("spec") or {}
            spec = (spec.get("jobTemplate") or {}).get("spec") or spec
            if template := spec.get("template"):
                yield chart, template["spec"]
