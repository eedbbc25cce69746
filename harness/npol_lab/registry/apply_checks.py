"""Configurations that are applied, as they must be to be applied."""

from __future__ import annotations

from typing import Any, cast

from npol.api_rules.objects import Obj
from npol.api_rules.resources import ApiResource
from npol.api_rules.schema import Struct
from npol_lab.registry import apply_merge, errors


def applicable(
    kind: ApiResource, type: Struct, namespace: str | None, name: str, config: Any
) -> Obj:
    """
    A configuration with its name and namespace.

    Raises:
        StatusError: 400 for another object than the path names, 500 for unknown fields.
    """
    if not isinstance(config, dict):
        raise errors.bad_request("error decoding YAML: an object is expected")
    _check_version(kind, config)
    head: Obj = dict(config.get("metadata") or {})
    if head.get("managedFields"):
        raise errors.bad_request("metadata.managedFields must be nil")
    if head.setdefault("name", name) != name:
        raise errors.bad_request(
            f"the name of the object ({head['name']}) does not match the name on the URL ({name})"
        )
    stated = head.get("namespace", "")
    if kind.namespaced and head.setdefault("namespace", namespace) != namespace:
        raise errors.bad_request(
            "the namespace of the provided object does not match the namespace sent on the request"
        )
    config = {**config, "metadata": head}
    called = f"{stated}/{name}; {kind.api_version}, Kind={kind.kind}"
    apply_merge.check(type, config, called)
    return cast(Obj, apply_merge.without_nulls(config))


def _check_version(kind: ApiResource, config: Obj) -> None:
    version, name = config.get("apiVersion"), config.get("kind")
    if version == kind.api_version and name != kind.kind:
        raise errors.bad_request(f"invalid object type: {version}, Kind={name}")
    if version != kind.api_version:
        raise errors.bad_request(
            "Incorrect version specified in apply patch. Specified patch version: "
            f"{version}, expected: {kind.api_version}"
        )
