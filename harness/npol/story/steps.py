"""Steps: their changes, flows and checks, and the names between them."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from npol.errors import Mistake
from npol.model.story import Flow, StateCheck, Step, When
from npol.model.story_settings import Settle
from npol.story.changes import KINDS, Changes
from npol.story.checks import read_check
from npol.story.field_validators import NotValid, kind_and_name, namespace, shown
from npol.story.flows import read_flow
from npol.story.matrix import cells
from npol.story.peers import Peers
from npol.story.schema.story import SettleEntry, StepEntry, WhenEntry
from npol.story.yaml_node import YamlNode

MAX_FLOWS = 10_000
_PIECES = ("flows", "state", "change")
_ACTS = (*KINDS, "same_as")
_ASKS = ("flows", "matrix", "state", "change")


@dataclass(slots=True, kw_only=True)
class Steps:
    """Reads a story's steps in order; `lines` are those of the story file."""

    peers: Peers
    changes: Changes
    lines: Sequence[str]
    items: dict[str, dict[str, str]] = field(default_factory=dict)
    """What each item of each step so far asks, by name."""
    count: int = 0
    """Flows so far."""

    def read(self, story: YamlNode) -> Iterator[Step]:
        """Every step that can be read."""
        for node in story.items("steps"):
            step = self._step(node)
            name = node.data.get("name") if isinstance(node.data, dict) else None
            if isinstance(name, str):
                self._remember(name, step, node)
            if step:
                yield step

    def _remember(self, name: str, step: Step | None, node: YamlNode) -> None:
        if name in self.items:
            node.wrong(f"two steps are called {shown(name)}", on=("name",))
        self.items[name] = {i.name: _key(i) for i in _items(step)} if step else {}
        self.changes.earlier.append(name)

    def _step(self, node: YamlNode) -> Step | None:
        entry = node.read(StepEntry, hollow=_PIECES)
        flows = tuple(self._flows(node))
        read = (read_check(check, self.changes.shelf) for check in node.items("state"))
        checks = tuple(c for c in read if c)
        if entry is None:
            return None
        step = Step(
            name=entry.name,
            at=node.at("name"),
            changes=self.changes.of_step(entry, node),
            checks=checks,
            flows=flows,
            same_as=entry.same_as,
            settle=read_settle(entry.settle) if entry.settle else None,
            converge_within=entry.converge_within or None,
            leak=entry.leak,
            trust_packets=entry.trust == "packets",
            when=_when(entry.when, node) if entry.when else None,
            covers=tuple(entry.covers),
            tags=tuple(entry.tags),
        )
        self._check(step, node)
        return step

    def _flows(self, node: YamlNode) -> Iterator[Flow]:
        for place in (*node.items("flows"), *self._cells(node)):
            self.count += 1
            if self.count > MAX_FLOWS:
                node.wrong(f"the story asks more than {MAX_FLOWS} flows", "split it")
                return
            if flow := read_flow(place, self.peers):
                yield flow

    def _cells(self, node: YamlNode) -> Iterator[YamlNode]:
        if isinstance(node.data, dict) and isinstance(node.data.get("matrix"), str):
            yield from itertools.islice(cells(node.child("matrix"), self.lines), MAX_FLOWS + 1)

    def _check(self, step: Step, node: YamlNode) -> None:
        if step.same_as and (trouble := self.changes.not_earlier(step.same_as)):
            node.wrong(*trouble, on=("same_as",))
        if not (any(k in node.data for k in _ACTS) or any(node.data.get(k) for k in _ASKS)):
            node.wrong("the step does nothing and asks nothing")
        for flow in step.flows:
            if flow.hold and (trouble := self.changes.not_earlier(flow.hold)):
                node.mistakes.append(Mistake(flow.at, *trouble))
        inherited = self.items.get(step.same_as, {})
        seen: set[str] = set()
        for item in _items(step):
            if item.name in seen:
                message = f"two items of this step are called {shown(item.name)}"
                node.mistakes.append(Mistake(item.at, message, "give one of them a `name:`"))
            elif inherited.get(item.name, _key(item)) != _key(item):
                message = f"step {shown(step.same_as)} has another item called {shown(item.name)}"
                node.mistakes.append(Mistake(item.at, message, "give this one another `name:`"))
            seen.add(item.name)


def _items(step: Step) -> Iterator[Flow | StateCheck]:
    yield from step.checks
    yield from step.flows


def _key(item: Flow | StateCheck) -> str:
    """What an item is about. A step that repeats another may restate a flow, but no check."""
    return replace(item, http=None).key if isinstance(item, Flow) else str(item.at)


def read_settle(entry: SettleEntry) -> Settle:
    """Settings as written; what was left out is the engine's own figure."""
    stable = entry.stable if "stable" in entry.model_fields_set else None
    return Settle(within=entry.within or None, stable=stable, quiet=entry.quiet or None)


def _place(text: str | None) -> str:
    return namespace(text) if text else ""


_EXISTS = re.compile(r"(?P<ref>\S+/\S+)( +in +(?P<namespace>\S+))?")


def _when(entry: WhenEntry, node: YamlNode) -> When | None:
    match = _EXISTS.fullmatch(entry.exists)
    if not match:
        message = f"{shown(entry.exists)} names no object"
        node.wrong(message, "write KIND/NAME, or KIND/NAME in NAMESPACE", on=("when", "exists"))
        return None
    try:
        kind, _, name = kind_and_name(match["ref"]).partition("/")
        return When(kind=kind, name=name, namespace=_place(match["namespace"]))
    except NotValid as error:
        node.wrong(str(error), error.hint, on=("when", "exists"))
        return None
