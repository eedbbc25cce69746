"""
What `explain` names, taken away and put back.

A cause names a policy as a whole, or a rule of one: `NetworkPolicy x/p spec.ingress[0]`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from npol.model.causes import AllowedBy, Cause, DeniedBy, Isolated, RankedRuleFits
from npol.model.prediction import PredictedDecision, Prediction

RULE = re.compile(r"spec(?:s\[(\d+)\])?\.(\w+)\[(\d+)\]")
SIDES = ("ingress", "egress", "ingressDeny", "egressDeny")

Predict = Callable[[list[dict]], Prediction]
"""What becomes of one flow under these policies."""
Place = tuple[int, ...] | tuple[int, int, str, int]
"""A policy by its number; or a rule in it: number of the spec, its list, its number there."""


@dataclass(frozen=True)
class Fewer:
    """
    Policies of which what decides a flow was taken away, until the answer was another.

    `put_back`: the same with what was named first. `changed` False: nothing was left to take away,
    for it stays open where nothing isolates its ends.
    """

    policies: list[dict]
    put_back: list[dict]
    changed: bool


def until_it_changes(policies: list[dict], predict: Predict) -> Fewer:
    """
    Raises `AssertionError` where nothing is named for a closed flow, or where what was named first
    does not bring the first answer back.
    """
    left = Left(policies)
    before = found = predict(policies)
    first: set[Place] = set()
    while found.decision is before.decision:
        named = left.places(found.causes)
        if not named:
            assert before.decision is PredictedDecision.ALLOW, f"closed by nobody: {found}"
            return Fewer(left.policies, policies, changed=False)
        first = first or named
        left.gone |= named
        found = predict(left.policies)
    whole = {(place[0],) for place in first}
    put_back = Left(policies, left.gone - first - whole).policies
    again = predict(put_back)
    assert again.decision is before.decision, f"{before.causes} did not decide: {again}"
    return Fewer(left.policies, put_back, changed=True)


@dataclass
class Left:
    """Policies without some of them, and without some of their rules."""

    original: list[dict]
    gone: set[Place] = field(default_factory=set)

    @property
    def policies(self) -> list[dict]:
        made = (self._rest(n) for n in range(len(self.original)) if (n,) not in self.gone)
        return [policy for policy in made if policy]

    def places(self, causes: Sequence[Cause]) -> set[Place]:
        """Those of the policies and rules that a prediction says decide."""
        return {self._place(*place.split()) for cause in causes for place in _named(cause)}

    def _place(self, kind: str, name: str, path: str = "") -> Place:
        number = next(n for n, p in enumerate(self.original) if _is_called(p, kind, name))
        if not path:
            return (number,)
        spec, side, rule = RULE.match(path).groups()
        # The number is one among the specs and rules that are left.
        spec_number = self._specs_left(number)[int(spec or 0)]
        return (number, spec_number, side, self._rules_left(number, spec_number, side)[int(rule)])

    def _rest(self, number: int) -> dict | None:
        """None where nothing is left that the API server would take."""
        policy = self.original[number]
        if "specs" in policy:
            rest = [self._spec(number, spec) for spec in self._specs_left(number)]
            return {**policy, "specs": rest} if rest else None
        if "spec" in policy and self._specs_left(number):
            return {**policy, "spec": self._spec(number, 0)}
        return None if "spec" in policy else policy

    def _specs_left(self, number: int) -> list[int]:
        """Cilium refuses a spec without rules."""
        found = range(len(_specs(self.original[number])))
        if not self.original[number]["apiVersion"].startswith("cilium.io/"):
            return [*found]
        return [n for n in found if any(self._rules_left(number, n, side) for side in SIDES)]

    def _spec(self, number: int, spec: int) -> dict:
        written = _specs(self.original[number])[spec]
        rest = {
            side: [written[side][rule] for rule in self._rules_left(number, spec, side)]
            for side in SIDES
            if side in written
        }
        return {**written, **rest}

    def _rules_left(self, number: int, spec: int, side: str) -> list[int]:
        rules = _specs(self.original[number])[spec].get(side) or []
        return [n for n in range(len(rules)) if (number, spec, side, n) not in self.gone]


def _specs(policy: dict) -> list[dict]:
    return policy.get("specs") or [policy["spec"]]


def _is_called(policy: dict, kind: str, name: str) -> bool:
    metadata = policy["metadata"]
    full = "/".join(filter(None, [metadata.get("namespace"), metadata["name"]]))
    return name == full and kind.endswith(policy["kind"])


def _named(cause: Cause) -> Iterator[str]:
    match cause.what:
        case AllowedBy(rule=rule) | DeniedBy(rule=rule):
            yield rule.place
        case RankedRuleFits(rule=ranked):
            yield ranked.policy.place
        case Isolated(policies=policies):
            yield from (policy.place for policy in policies)
