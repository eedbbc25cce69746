"""Namespaces as they are typed behind `-n`."""

from __future__ import annotations

from collections.abc import Iterable

from npol.errors import InputError
from npol.story.field_validators import NotValid, namespace


def typed_namespaces(words: Iterable[str]) -> list[str]:
    """
    Each once, in their order; several in one word stand between commas.

    Raises:
        InputError: one is no namespace's name.
    """
    names = [name.strip() for word in words for name in word.split(",")]
    try:
        return list(dict.fromkeys(namespace(name) for name in names if name))
    except NotValid as error:
        raise InputError(f"-n: {error}", hint=error.hint) from error
