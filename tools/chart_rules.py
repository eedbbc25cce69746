"""RBAC of deploy/: the table of `npol doctor --rbac`, as the chart and kustomize take it."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from npol.kube.guard import PROTECTED, STATE_NAMESPACE, Mode
from npol.kube.rbac import SYSTEM, RbacRule, cluster_rules, manifests, rules
from npol.yaml_positions import dump

DEPLOY = Path(__file__).resolve().parent.parent / "deploy"
CHART = DEPLOY / "chart/templates/_rules.tpl"
BASE = DEPLOY / "base/rbac.yaml"
EXAMPLE = DEPLOY / "example/rbac.yaml"
MODES = (Mode.SMOKE, Mode.APPLY)
"""What a run may be: nothing is probed by reading alone."""
MADE = "Written by `make reference`, from the table of `npol doctor --rbac`."


def chart_rules() -> str:
    """Named templates: `npol.rules.MODE.WHERE`, and `npol.protected`."""
    pattern = "|".join(fnmatch.translate(p).removesuffix(r"\Z") for p in PROTECTED)
    parts = [_define("npol.protected", f"^({pattern})$")]
    for mode in MODES:
        places = {
            "cluster": cluster_rules(mode),
            "namespace": rules(mode, "any"),
            "protected": rules(mode, SYSTEM),
            "state": rules(mode, STATE_NAMESPACE),
        }
        parts += [
            _define(f"npol.rules.{mode.value}.{where}", _listed(granted))
            for where, granted in places.items()
        ]
    return f"{{{{- /* {MADE} */}}}}\n" + "".join(parts)


def _define(name: str, text: str) -> str:
    return f'{{{{- define "{name}" -}}}}\n{text}\n{{{{- end }}}}\n'


def _listed(granted: Iterable[RbacRule]) -> str:
    return dump([rule.manifest() for rule in granted]).rstrip()


def base_rbac() -> str:
    """What every run needs, whatever its stories name."""
    return _file(obj for obj in manifests(Mode.SMOKE, []) if obj["kind"] != "Namespace")


def example_rbac() -> str:
    """What the example's namespace needs besides."""
    return _file(o for o in manifests(Mode.SMOKE, ["shop"]) if _namespace(o) == "shop")


def _namespace(obj: Mapping[str, Any]) -> str:
    return str(obj["metadata"].get("namespace", ""))


def _file(objects: Iterable[Mapping[str, Any]]) -> str:
    return f"# {MADE}\n" + "---\n".join(map(dump, objects))
