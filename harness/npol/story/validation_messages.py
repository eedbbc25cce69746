"""What pydantic finds wrong, in the words of a story's author."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from npol.story.field_validators import NotValid, did_you_mean, shown
from npol.story.yaml_node import MOST
from npol.yaml_positions import Path


@dataclass(frozen=True, slots=True)
class Slip:
    """One mistake in a mapping; `path` leads to it from there."""

    path: Path
    message: str
    hint: str = ""
    on_key: bool = False


def slips(error: ValidationError, model: type[BaseModel]) -> Iterator[Slip]:
    """Each error once, in plain words; a missing key that was only misspelt is not told again."""
    errors = error.errors(include_url=False, include_input=True)[:MOST]
    told = [_slip(e, model) for e in errors if e["type"] != "missing"]
    meant = {s.hint for s in told if s.on_key}
    for e in errors:
        if e["type"] == "missing" and f"did you mean '{e['loc'][-1]}'?" not in meant:
            told.append(
                Slip(
                    _path(e["loc"][:-1]), f"{_title(model, e['loc'][:-1])} needs `{e['loc'][-1]}:`"
                )
            )
    yield from told


def _path(loc: tuple[Any, ...]) -> Path:
    return tuple(part for part in loc if part != "[key]")


def _slip(error: Any, model: type[BaseModel]) -> Slip:
    loc, path = error["loc"], _path(error["loc"])
    if error["type"] == "extra_forbidden":
        return _unknown_key(path, model)
    if isinstance(cause := error.get("ctx", {}).get("error"), NotValid):
        message, hint = str(cause), cause.hint
        if loc and message.startswith(("must", "has")):
            message = f"`{loc[-1]}` {message}"
        return Slip(path, message, hint, on_key=loc[-1:] == ("[key]",))
    return Slip(path, *_other(error, _title(model, ())), on_key=loc[-1:] == ("[key]",))


def _unknown_key(path: Path, model: type[BaseModel]) -> Slip:
    parent = _model_at(model, path[:-1])
    known = _keys(parent) if parent else []
    hint = did_you_mean(path[-1], known) or f"it has: {', '.join(known)}"
    return Slip(
        path, f"unknown key {shown(path[-1])} in {_title(model, path[:-1])}", hint, on_key=True
    )


_WANTED = {
    "string_type": "text",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "list_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
}


def _other(error: Any, whole: str) -> tuple[str, str]:
    """Message and hint for pydantic's own kinds of errors; `whole` is what is being read."""
    value, kind = error["input"], error["type"]
    name = next((f"`{p}`" for p in reversed(_path(error["loc"])) if isinstance(p, str)), whole)
    if kind == "literal_error":
        known = [w.strip("' ") for w in error["ctx"]["expected"].replace(" or ", ", ").split(",")]
        known = [w for w in known if w]
        hint = "write it without quotes" if value in known else did_you_mean(value, known)
        return f"{name} must be {' or '.join(known)}, got {shown(value)}", hint
    wanted = _WANTED.get(kind)
    if not wanted:
        return f"{name}: {error['msg'].lower()}", ""
    quote = wanted == "text" and isinstance(value, bool | int | float)
    hint = f'quote it: "{str(value).lower()}"' if quote else ""
    return f"{name} must be {wanted}, got {_told(value)}", hint


def _told(value: Any) -> str:
    """A value's type, in the words of YAML, and the value where it is short."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return f"the boolean {str(value).lower()}"
    if isinstance(value, int | float):
        return f"the number {value}"
    if isinstance(value, str):
        return shown(value)
    return "a list" if isinstance(value, list) else "a mapping"


_NOUNS = ("story", "peer", "step", "flow", "change", "source of manifests")
"""What mappings are called that have no key of their own; the others go by their key."""


def _title(model: type[BaseModel], loc: tuple[Any, ...]) -> str:
    found = _model_at(model, _path(loc))
    title = str(found.model_config.get("title")) if found else "mapping"
    if title not in _NOUNS and not title.endswith((" check", "mapping")):
        return f"`{title}`"
    return f"{'an' if title[0] in 'aeiou' else 'a'} {title}"


@functools.cache
def _keys(model: type[BaseModel]) -> list[str]:
    return [f.alias or name for name, f in model.model_fields.items()]


def _model_at(model: type[BaseModel] | None, path: Path) -> type[BaseModel] | None:
    """The model of the mapping at `path`, found along the fields' annotations."""
    for part in path:
        if model is None or isinstance(part, int):
            continue  # a list's items have the model found in the list's annotation
        fields = {f.alias or name: f for name, f in model.model_fields.items()}
        model = _model_in(fields[part].annotation) if part in fields else None
    return model


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((m for a in get_args(annotation) if (m := _model_in(a))), None)
