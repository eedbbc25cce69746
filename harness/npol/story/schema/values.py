"""Single values of a story file, as types: checked when read, described in the JSON Schema."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainValidator,
    WithJsonSchema,
)

from npol.model.engine import ENGINES
from npol.model.expectation import WORDS
from npol.story import addresses, field_validators


class Entry(BaseModel):
    """One mapping of a story file, as written. Its title is what messages call it."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


_LABEL = "^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$"
_SECONDS = r"^[0-9]+(\.[0-9]+)?(ms|s|m|h)$"

Namespace = Annotated[
    str,
    AfterValidator(field_validators.namespace),
    WithJsonSchema({"type": "string", "pattern": _LABEL}),
]
ServiceName = Namespace
ObjectName = Annotated[str, AfterValidator(field_validators.object_name)]
PolicyClaim = Annotated[str, AfterValidator(field_validators.policy_claim)]
Line = Annotated[str, AfterValidator(field_validators.one_line)]
Tag = Annotated[
    str,
    AfterValidator(field_validators.tag),
    WithJsonSchema({"type": "string", "pattern": "^[A-Za-z][A-Za-z0-9_-]*$"}),
]
Host = Annotated[str, AfterValidator(field_validators.host)]
LookedUp = Annotated[str, AfterValidator(field_validators.name_to_look_up)]
Address = Annotated[str, AfterValidator(addresses.address)]
HttpPath = Annotated[
    str,
    AfterValidator(field_validators.http_path),
    WithJsonSchema({"type": "string", "pattern": "^/"}),
]
Image = Annotated[str, AfterValidator(field_validators.image)]
Workload = Annotated[
    str,
    AfterValidator(field_validators.workload),
    WithJsonSchema({"type": "string", "pattern": f"^({'|'.join(field_validators.WORKLOADS)})/"}),
]
Templated = Annotated[
    str,
    AfterValidator(field_validators.templated),
    WithJsonSchema({"type": "string", "pattern": f"^({'|'.join(field_validators.TEMPLATED)})/"}),
]
KindAndName = Annotated[
    str,
    AfterValidator(field_validators.kind_and_name),
    WithJsonSchema({"type": "string", "pattern": "^[A-Za-z][A-Za-z0-9.-]*/"}),
]
LabelKey = Annotated[str, AfterValidator(field_validators.label_key)]
LabelValue = Annotated[str, AfterValidator(field_validators.label_value)]
Labels = dict[LabelKey, LabelValue]
Uid = Annotated[int, Field(ge=1, le=4_294_967_294, strict=True)]
Port = Annotated[
    int,
    PlainValidator(field_validators.port),
    WithJsonSchema({"type": "integer", "minimum": 1, "maximum": 65535}),
]


MOST = 100_000


def _count(number: int, *, least: int) -> int:
    if least <= number <= MOST:
        return number
    raise field_validators.NotValid(f"{number} is out of range: {least} to {MOST}")


Count = Annotated[
    int,
    AfterValidator(partial(_count, least=0)),
    WithJsonSchema({"type": "integer", "minimum": 0, "maximum": MOST}),
]
Samples = Annotated[
    int,
    AfterValidator(partial(_count, least=1)),
    WithJsonSchema({"type": "integer", "minimum": 1, "maximum": MOST}),
]


def _duration(value: Any, *, zero: bool = False) -> float:
    """Seconds. Numbers alone are refused: a reader cannot know their unit."""
    if isinstance(value, str):
        return field_validators.duration(value, zero=zero)
    hint = f"did you mean '{value}s'?" if type(value) in (int, float) else ""
    raise field_validators.NotValid(
        f"not a valid duration: {field_validators.shown(value)} (such as 500ms, 2s, 1m)", hint
    )


Duration = Annotated[
    float,
    PlainValidator(_duration),
    WithJsonSchema({"type": "string", "pattern": _SECONDS, "examples": ["500ms", "2s", "1m"]}),
]
DurationOrZero = Annotated[
    float,
    PlainValidator(partial(_duration, zero=True)),
    WithJsonSchema({"type": "string", "pattern": _SECONDS, "examples": ["0s", "500ms", "2s"]}),
]


def _one_word(value: Any) -> Any:
    if isinstance(value, str):
        return {"default": value}
    if isinstance(value, dict):
        return value
    hint = f"did you mean 'http {value}'?" if type(value) is int and 100 <= value < 600 else ""
    words = "one of: allow, deny, http 200, ..., or {ENGINE: WORD}"
    raise field_validators.NotValid(
        f"not a valid expectation: {field_validators.shown(value)}", hint or words
    )


_WORD = {
    "anyOf": [
        {"enum": list(WORDS)},
        {"type": "string", "pattern": "^http [1-5]([0-9][0-9]|[0-9]x|xx)$"},
    ]
}
Expect = Annotated[
    dict[str, str],
    BeforeValidator(_one_word),
    WithJsonSchema(
        {
            "anyOf": [
                *_WORD["anyOf"],
                {
                    "type": "object",
                    "properties": dict.fromkeys(("default", *ENGINES), _WORD),
                    "additionalProperties": False,
                },
            ]
        }
    ),
]
"""A word for every engine, as `{"default": word}`, or a word per engine."""

T = TypeVar("T")


def _given(value: T) -> T:
    """`http:` with nothing behind it is a slip, not a wish."""
    if value is None:
        raise field_validators.NotValid("has no value")
    return value


if TYPE_CHECKING:
    Optional = Annotated[T | None, BeforeValidator(_given)]
else:  # a union would have two complaints of one slip, and offer `null` in the schema
    Optional = Annotated[T, BeforeValidator(_given)]
    """A mapping that may be left out, but not be left empty."""
