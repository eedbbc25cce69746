"""
Calico's selectors, as trees: which labels they select.

Source: projectcalico/calico libcalico-go/lib/selector/parser/ast.go.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

from npol.selectors import Labels


class Comparison(enum.Enum):
    """What a label's value is compared by; the value is how it is written."""

    IN = "in"
    CONTAINS = "contains"
    STARTS_WITH = "starts with"
    ENDS_WITH = "ends with"

    def holds(self, value: str, operands: tuple[str, ...]) -> bool:
        return _COMPARE[self](value, operands)


_COMPARE: Mapping[Comparison, Callable[[str, tuple[str, ...]], bool]] = {
    Comparison.IN: lambda value, operands: value in operands,
    Comparison.CONTAINS: lambda value, operands: operands[0] in value,
    Comparison.STARTS_WITH: lambda value, operands: value.startswith(operands[0]),
    Comparison.ENDS_WITH: lambda value, operands: value.endswith(operands[0]),
}


@dataclass(frozen=True, slots=True)
class Everyone:
    """`all()`, and the empty selector."""

    def selects(self, labels: Labels) -> bool:
        return True

    def __str__(self) -> str:
        return "all()"


@dataclass(frozen=True, slots=True)
class Anywhere:
    """`global()`: of a namespaceSelector, what is in no namespace."""

    def selects(self, labels: Labels) -> bool:
        return True

    def __str__(self) -> str:
        return "global()"


@dataclass(frozen=True, slots=True)
class HasLabel:
    key: str

    def selects(self, labels: Labels) -> bool:
        return self.key in labels

    def __str__(self) -> str:
        return f"has({self.key})"


@dataclass(frozen=True, slots=True)
class LabelValue:
    """A comparison; only one with a value that is there holds, so `!=` is the negation of it."""

    key: str
    comparison: Comparison
    operands: tuple[str, ...]

    def selects(self, labels: Labels) -> bool:
        value = labels.get(self.key)
        return value is not None and self.holds_for(value)

    def holds_for(self, value: str) -> bool:
        return self.comparison.holds(value, self.operands)

    def __str__(self) -> str:
        if self.comparison is Comparison.IN and len(self.operands) != 1:
            listed = ", ".join(f"'{operand}'" for operand in self.operands)
            return f"{self.key} in {{{listed}}}"
        word = "==" if self.comparison is Comparison.IN else self.comparison.value
        return f"{self.key} {word} '{self.operands[0]}'"


@dataclass(frozen=True, slots=True)
class Negated:
    inner: CalicoSelector

    def selects(self, labels: Labels) -> bool:
        return not self.inner.selects(labels)

    def __str__(self) -> str:
        if isinstance(self.inner, AllOf | AnyOf | LabelValue):
            return f"!({self.inner})"
        return f"!{self.inner}"


@dataclass(frozen=True, slots=True)
class AllOf:
    parts: tuple[CalicoSelector, ...]

    def selects(self, labels: Labels) -> bool:
        return all(part.selects(labels) for part in self.parts)

    def __str__(self) -> str:
        return " && ".join(f"({p})" if isinstance(p, AnyOf) else str(p) for p in self.parts)


@dataclass(frozen=True, slots=True)
class AnyOf:
    parts: tuple[CalicoSelector, ...]

    def selects(self, labels: Labels) -> bool:
        return any(part.selects(labels) for part in self.parts)

    def __str__(self) -> str:
        return " || ".join(map(str, self.parts))


CalicoSelector = Everyone | Anywhere | HasLabel | LabelValue | Negated | AllOf | AnyOf


def keys_in(selector: CalicoSelector) -> Iterator[str]:
    """The labels that a selector asks for."""
    if isinstance(selector, HasLabel | LabelValue):
        yield selector.key
    elif isinstance(selector, Negated):
        yield from keys_in(selector.inner)
    elif isinstance(selector, AllOf | AnyOf):
        for part in selector.parts:
            yield from keys_in(part)


def together(*parts: CalicoSelector) -> CalicoSelector:
    """What all of them select."""
    return parts[0] if len(parts) == 1 else AllOf(parts)


def inherited(
    selector: CalicoSelector, prefix: str, everyone: CalicoSelector, anywhere: CalicoSelector
) -> CalicoSelector:
    """
    A selector of namespaces, or of service accounts, as one of the pods that have their labels.

    Args:
        prefix: what these labels begin with on the pods.
        everyone: what `all()` means there, and `anywhere` what `global()` does.
    """
    if isinstance(selector, Everyone):
        return everyone
    if isinstance(selector, Anywhere):
        return anywhere
    if isinstance(selector, HasLabel | LabelValue):
        return replace(selector, key=prefix + selector.key)
    if isinstance(selector, Negated):
        return Negated(inherited(selector.inner, prefix, everyone, anywhere))
    parts = tuple(inherited(part, prefix, everyone, anywhere) for part in selector.parts)
    return AllOf(parts) if isinstance(selector, AllOf) else AnyOf(parts)


def may_select(selector: CalicoSelector, labels: Labels, known: str) -> bool:
    """
    Whether it may select something, whatever labels it has besides.

    `known`: what the keys of the labels begin with that are known in full.
    """
    return True in _answers(selector, labels, known)


def _answers(selector: CalicoSelector, labels: Labels, known: str) -> set[bool]:
    if isinstance(selector, HasLabel | LabelValue):
        sure = selector.key in labels or selector.key.startswith(known)
        return {selector.selects(labels)} if sure else {True, False}
    if isinstance(selector, Negated):
        return {not answer for answer in _answers(selector.inner, labels, known)}
    if isinstance(selector, AllOf | AnyOf):
        parts = [_answers(part, labels, known) for part in selector.parts]
        every = isinstance(selector, AllOf)
        found = {every} if all(every in part for part in parts) else set()
        return found | ({not every} if any((not every) in part for part in parts) else set())
    return {True}
