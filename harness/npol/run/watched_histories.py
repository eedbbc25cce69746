"""What watched flows have done so far: their tries, who was told of which turn, and the gaps."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime, timedelta

from npol.judge.gaps import UNSEEN_AFTER, FlowHistory
from npol.judge.tries import SECOND_SYN, Try
from npol.model.expectation import Expectation
from npol.model.gap import FlowTurn, GapBudget, GapKind, WatchedFlow, WatchResult
from npol.model.story import Flow


class WatchedHistories:
    """The histories of one watch; times are those of its clock, `began` is their zero."""

    def __init__(
        self,
        flows: Collection[Flow],
        began: float,
        *,
        engine: str,
        budget: GapBudget | None = None,
    ) -> None:
        """`budget`: that of flows without one of their own."""
        self.flows: Mapping[str, Flow] = {flow.name: flow for flow in flows}
        self.began = began
        self._started = datetime.now(UTC)
        self._engine = engine
        self._budget = budget or GapBudget()
        self._histories = {name: FlowHistory() for name in self.flows}
        self._told: dict[str, tuple[GapKind | None, float]]
        self._told = dict.fromkeys(self.flows, (None, began))

    @property
    def otherwise(self) -> int:
        """How many flows are not as expected now."""
        return sum(saw is not None for saw, _ in self._told.values())

    def expected(self, flow: Flow) -> Expectation:
        return flow.expect.for_engine(self._engine)

    def add(self, name: str, tries: Collection[Try]) -> None:
        self._histories[name].add(*tries)

    def silent(self, now: float) -> set[str]:
        """Names of the flows of which nothing was seen for a while."""
        since = now - UNSEEN_AFTER - SECOND_SYN
        return {n for n, history in self._histories.items() if history.latest(self.began) < since}

    def tell_turns(self, tell: Callable[[FlowTurn], object], now: float) -> None:
        """Each flow that is otherwise than when it was told last."""
        silent = self.silent(now)
        for name, flow in self.flows.items():
            history, (before, since) = self._histories[name], self._told[name]
            saw = GapKind.NOT_SEEN if name in silent else history.state
            if saw is before:
                continue
            seen_at = history.latest if saw is GapKind.NOT_SEEN else history.turned
            at = seen_at(self.began)
            self._told[name] = saw, at
            tell(
                FlowTurn(
                    time=self._time(at),
                    flow=name,
                    expected=str(self.expected(flow)),
                    saw=saw,
                    lasted=max(0.0, at - since),
                )
            )

    def result(self, ended: float) -> WatchResult:
        """All gaps up to an instant."""
        return WatchResult(
            started=self._time(self.began),
            seconds=ended - self.began,
            flows=tuple(self._watched(flow, ended) for flow in self.flows.values()),
        )

    def _watched(self, flow: Flow, ended: float) -> WatchedFlow:
        history = self._histories[flow.name]
        return WatchedFlow(
            name=flow.name,
            at=flow.at,
            expected=str(self.expected(flow)),
            tries=history.tries,
            gaps=history.gaps(self.began, ended),
            budget=flow.at_most or self._budget,
            told_as=flow.told_as,
        )

    def _time(self, at: float) -> str:
        moment = self._started + timedelta(seconds=at - self.began)
        return moment.isoformat(timespec="milliseconds")
