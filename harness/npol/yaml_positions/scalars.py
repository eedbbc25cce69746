"""What a plain scalar means, in YAML 1.2 and to kubectl."""

from __future__ import annotations

import math
import re
from typing import Any

from npol.yaml_positions.document import YamlDialect

CORE = "tag:yaml.org,2002:"
CORE_TAGS = {CORE + name for name in ("str", "int", "float", "bool", "null", "map", "seq")}
RESOLVED_TAGS = {CORE + name for name in ("int", "float", "bool", "null")}
NOT_JSON = {f"{sign}.{word}" for sign in ("", "+", "-") for word in ("inf", "Inf", "INF")} | {
    ".nan",
    ".NaN",
    ".NAN",
}
_NULL = {"", "~", "null", "Null", "NULL"}
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_TRUE = {"true", "True", "TRUE"}
_FALSE = {"false", "False", "FALSE"}
_INT_11 = re.compile(
    r"[-+]?(0b_*[01][01_]*|0x_*[0-9a-fA-F][0-9a-fA-F_]*|0o_*[0-7][0-7_]*|0[0-7_]*|[1-9][0-9_]*)"
)


def _spellings(*words: str) -> set[str]:
    return {s for w in words for s in (w, w.capitalize(), w.upper())}


_TRUE_11 = _spellings("y", "yes", "on", "true")
_FALSE_11 = _spellings("n", "no", "off", "false")


def _number(text: str, base: int = 10) -> Any:
    """An integer; text that is too long to be one on any computer stays text."""
    return int(text, base) if len(text) <= 400 else text


def go_number(number: float) -> str:
    """As Go's `strconv.FormatFloat(number, 'g', -1, 64)` writes it."""
    digits, _, exponent = f"{number!r:s}".partition("e")
    if not exponent and 1e-4 <= abs(number) < 1e21:
        return digits.removesuffix(".0")
    shown = f"{number:.17g}" if not exponent else f"{digits.removesuffix('.0')}e{exponent}"
    return shown


def _fraction(text: str) -> Any:
    """A finite number, as JSON has them; anything else stays text."""
    number = float(text)
    return number if math.isfinite(number) else text


def _core_scalar(text: str) -> Any:
    """YAML 1.2 core schema (yaml.org/spec/1.2.2, section 10.3.2)."""
    if text in _NULL:
        return None
    if text in _TRUE or text in _FALSE:
        return text in _TRUE
    if re.fullmatch(r"[-+]?[0-9]+", text):
        return _number(text)
    if re.fullmatch(r"0o[0-7]+|0x[0-9a-fA-F]+", text):
        return _number(text, 0)
    return _fraction(text) if _FLOAT.fullmatch(text) else text


def manifest_scalar(text: str) -> Any:
    """go-yaml v2's `resolve`, which sigs.k8s.io/yaml uses; dates stay strings."""
    if text in _NULL:
        return None
    if text in _TRUE_11 or text in _FALSE_11:
        return text in _TRUE_11
    if _INT_11.fullmatch(text):
        digits = text.replace("_", "")
        octal = re.fullmatch(r"([-+]?)0([0-7]+)", digits)
        return _number(f"{octal[1]}0o{octal[2]}" if octal else digits, 0)
    return _fraction(text) if _FLOAT.fullmatch(text) else text


SCALARS = {YamlDialect.STORY: _core_scalar, YamlDialect.MANIFEST: manifest_scalar}
