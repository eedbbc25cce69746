"""
What ephemeral containers may say, and how they come into a pod.

Source: kubernetes `pkg/apis/core/validation/validation.go`, validateEphemeralContainers and
ValidatePodEphemeralContainersUpdate.
"""

from __future__ import annotations

from npol.api_rules.field_errors import FieldError, duplicate, field_forbidden, not_found_value
from npol.api_rules.kinds.container_checks import check_container
from npol.api_rules.objects import Obj

FIELD = "spec.ephemeralContainers"
ALLOWED = frozenset(
    (
        "args",
        "command",
        "env",
        "envFrom",
        "image",
        "imagePullPolicy",
        "name",
        "resources",
        "securityContext",
        "stdin",
        "stdinOnce",
        "targetContainerName",
        "terminationMessagePath",
        "terminationMessagePolicy",
        "tty",
        "volumeDevices",
        "volumeMounts",
        "workingDir",
    )
)


def check_ephemeral_update(new: Obj, old: Obj) -> list[FieldError]:
    """They may be added; none may be changed or taken away again."""
    given = {c.get("name"): c for c in new["spec"].get("ephemeralContainers") or []}
    wrong = _check(new["spec"])
    for before in old["spec"].get("ephemeralContainers") or []:
        name = before["name"]
        if given.get(name, before) != before or name not in given:
            what = "changed" if name in given else "removed"
            rule = f'existing ephemeral containers "{name}" may not be {what}\n'
            wrong.append(field_forbidden(FIELD, rule))
    return wrong


def _check(spec: Obj) -> list[FieldError]:
    others = [*(spec.get("containers") or []), *(spec.get("initContainers") or [])]
    names = {c["name"] for c in others}
    volumes = {v["name"] for v in spec.get("volumes") or []}
    targets, seen, wrong = {c["name"] for c in spec["containers"]}, set(names), []
    for i, container in enumerate(spec.get("ephemeralContainers") or []):
        here, name = f"{FIELD}[{i}]", container.get("name", "")
        wrong += check_container(container, here, volumes)
        if name in seen:
            wrong.append(duplicate(f"{here}.name", name))
        seen.add(name)
        target = container.get("targetContainerName")
        if target and target not in targets:
            wrong.append(not_found_value(f"{here}.targetContainerName", target))
        rule = "cannot be set for an Ephemeral Container"
        wrong += [field_forbidden(f"{here}.{k}", rule) for k in sorted(set(container) - ALLOWED)]
        if container.get("resources"):
            wrong.append(field_forbidden(f"{here}.resources", rule))
    return wrong


def check_no_ephemeral(obj: Obj) -> list[FieldError]:
    """Of a new pod."""
    given = obj["spec"].get("ephemeralContainers")
    return [field_forbidden(FIELD, "cannot be set on create")] if given else []
