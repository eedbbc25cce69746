"""The API server's word for what a kind adds to the common way of writing objects."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from npol.api_rules import name_validation
from npol.api_rules.field_errors import FieldError
from npol.api_rules.objects import Obj


def _nothing(obj: Obj) -> None:
    """A kind without defaults."""


def _fine(obj: Obj) -> list[FieldError]:
    return []


def _unchanged(new: Obj, old: Obj) -> None:
    """A kind whose updates bring everything themselves."""


def _allowed(new: Obj, old: Obj) -> list[FieldError]:
    return []


@dataclass(frozen=True, slots=True, kw_only=True)
class Strategy:
    default: Callable[[Obj], None] = _nothing
    """Runs on every write, before validation."""
    prepare: Callable[[Obj], None] = _nothing
    """Runs on create, after the defaults: the first status, what derives from the uid."""
    prepare_update: Callable[[Obj, Obj], None] = _unchanged
    """(new, old): what a client left out that the server knows."""
    validate: Callable[[Obj], list[FieldError]] = _fine
    validate_create: Callable[[Obj], list[FieldError]] = _fine
    validate_update: Callable[[Obj, Obj], list[FieldError]] = _allowed
    """(new, old): what may not change."""
    name: Callable[[str], list[str]] = name_validation.dns_subdomain


PLAIN = Strategy()
