"""Quantities such as `500m` and `128Mi`, spelled as the API server spells them."""

from __future__ import annotations

import re
from decimal import Decimal

_SHAPE = re.compile(r"^([+-]?[0-9]*\.?[0-9]*)([eE][+-]?[0-9]+|[numkKMGTPE]i?|)$")
BINARY = {"Ki": 1, "Mi": 2, "Gi": 3, "Ti": 4, "Pi": 5, "Ei": 6}
_FARTHEST = 10_000
"""No quantity has so many digits."""
DECIMAL = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}


MOST = Decimal(2**63 - 1)
"""What is more counts as this, as for the API server."""


def amount(quantity: str | int | float) -> Decimal:
    """
    Raises:
        ValueError: this is no quantity.
    """
    number, suffix = _parts(str(quantity))
    if suffix in BINARY:
        value = number * Decimal(1024) ** BINARY[suffix]
    else:
        exponent = DECIMAL[suffix] if suffix in DECIMAL else int(suffix[1:])
        value = number.scaleb(max(-_FARTHEST, min(exponent, _FARTHEST)))
    return max(-MOST, min(value, MOST))


def _parts(text: str) -> tuple[Decimal, str]:
    found = _SHAPE.match(text)
    suffix = found[2] if found else "?"
    known = suffix in BINARY or suffix in DECIMAL or suffix[:1] in ("e", "E")
    if found is None or not known or not any(c.isdigit() for c in found[1]):
        raise ValueError(f"not a quantity: {text!r}")
    return Decimal(found[1]), suffix


def canonical(quantity: str | int | float) -> str:
    """
    The largest suffix of the same family that leaves no fraction: `1000m` is `1`, `1.5Gi` is
    `1536Mi` (apimachinery `pkg/api/resource/quantity.go`, CanonicalizeBytes).

    Raises:
        ValueError: this is no quantity.
    """
    value, suffix = amount(quantity), _parts(str(quantity))[1]
    if value == 0:
        return "0"
    if suffix in BINARY and abs(value) >= 1024:
        steps = [(name, Decimal(1024) ** power) for name, power in reversed(BINARY.items())]
        steps.append(("", Decimal(1)))
    elif suffix[:1] in ("e", "E") and suffix != "E":
        steps = [(f"e{p}" if p else "", Decimal(10) ** p) for p in range(18, -10, -3)]
    else:
        steps = [(name, Decimal(10) ** power) for name, power in reversed(DECIMAL.items())]
    for name, size in steps:
        if value % size == 0:
            return f"{int(value / size)}{name}"
    return f"{int((value * 10**9).to_integral_value())}n"
