"""What became of the pairs of a flow between namespaces that are selected by label."""

from __future__ import annotations

from dataclasses import dataclass

from npol.model.pairing import FlowPair
from npol.model.part_result import PartResult


@dataclass(frozen=True, slots=True, kw_only=True)
class PairResult(PartResult):
    """What became of one pair."""

    pair: FlowPair


@dataclass(frozen=True, slots=True, kw_only=True)
class PairsResult:
    """What became of all pairs of a flow."""

    peer: str
    namespaces: int
    asked: int
    total: int
    shown: FlowPair
    """The one that the flow's evidence is of: the worst."""
    failing: tuple[PairResult, ...] = ()
    """Those that are not as expected, the worst first."""
