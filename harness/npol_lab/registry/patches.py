"""From an object and a patch of any type to the new object."""

from __future__ import annotations

import json
from typing import Any, Literal, cast

import jsonpatch
import jsonpointer

from npol.api_rules.field_errors import go_text, invalid_value
from npol.api_rules.objects import Obj
from npol.api_rules.schema import Struct
from npol_lab.registry import errors
from npol_lab.registry.errors import StatusError
from npol_lab.registry.merge import merge
from npol_lab.registry.strategic import strategic_merge

PatchType = Literal["merge", "strategic", "json", "apply"]
MAX_OPERATIONS = 10_000


def patched(old: Obj, patch: Any, type: PatchType, struct: Struct) -> Obj:
    """
    Raises:
        StatusError: 400 for a patch that is none, 422 for one that does not fit.
    """
    if type == "json":
        return _json_patched(old, patch)
    if not isinstance(patch, dict):
        raise errors.bad_request("error decoding patch: a JSON object is expected")
    result = strategic_merge(old, patch, struct) if type == "strategic" else merge(old, patch)
    return cast(Obj, result)


def _json_patched(old: Obj, patch: Any) -> Obj:
    if not isinstance(patch, list):
        found = "object" if isinstance(patch, dict) else "value"
        into = "Go value of type []handlers.jsonPatchOp"
        raise errors.bad_request(
            f"error decoding patch: json: cannot unmarshal {found} into {into}"
        )
    if len(patch) > MAX_OPERATIONS:
        message = (
            "Request entity too large: The allowed maximum operations in a JSON patch is "
            f"{MAX_OPERATIONS}, got {len(patch)}"
        )
        raise StatusError(413, "RequestEntityTooLarge", message)
    try:
        return cast(Obj, jsonpatch.apply_patch(old, patch))
    except jsonpatch.InvalidJsonPatch as wrong:
        raise errors.bad_request(f"error decoding patch: {wrong}") from wrong
    except (jsonpatch.JsonPatchException, jsonpointer.JsonPointerException) as wrong:
        message = "the server rejected our request due to an error in our request"
        raise StatusError(422, "Invalid", message, {}) from wrong


def rejected(new: Obj, patch: Any, type: PatchType, message: str) -> StatusError:
    """422 for a patch whose result has fields that the kind lacks."""
    bare = json.dumps(new, separators=(",", ":"))
    shown = go_text(patch) if type == "strategic" else bare
    cause = invalid_value("patch", shown, message)
    return StatusError(
        422,
        "Invalid",
        f' "" is invalid: patch: {cause.message}',
        {"causes": [{"reason": cause.reason, "message": cause.message, "field": "patch"}]},
    )
