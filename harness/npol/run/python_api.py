"""
Stories written in Python, step by step, for tests that need more than a file can say.

    with netpol(peers={...}, given=["apps"]) as net:
        net.expect("frontend -> backend:80", "allow")
        net.apply("policies/deny.yaml")
        net.expect("frontend -> backend:80", "deny")
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from npol.errors import InputError, Mistakes, NotAsExpected, RestoreIncomplete
from npol.model.expectation import parse_expectation
from npol.model.result import FlowResult, StepResult
from npol.model.story import Flow, Story
from npol.run.options import Options
from npol.run.python_places import caller, placed, placed_mistakes
from npol.run.story_run import StoryRun
from npol.story import read_story
from npol.yaml_positions import dump

FLOW = re.compile(
    r"\s*(?P<from>\S+)\s*(?:->\s*(?P<to>[^\s:]+):(?P<port>\d+)(?:/(?P<protocol>tcp|udp|sctp))?"
    r"|\?\s*(?P<resolve>\S+))\s*"
)


class UnexpectedVerdict(NotAsExpected, AssertionError):
    """Flows that are not as expected; `results` has them."""

    def __init__(self, text: str, results: Sequence[FlowResult]) -> None:
        super().__init__(text)
        self.results = tuple(results)


class UnknownFlows(NotAsExpected):
    """Nothing is known of flows; `results` has them."""

    def __init__(self, text: str, results: Sequence[FlowResult]) -> None:
        super().__init__(text)
        self.results = tuple(results)


ALLOW = parse_expectation("allow")
Explain = Callable[[Sequence[FlowResult]], str]


class Scripted:
    """One run whose steps are made as the test goes on. Every `expect` is a step."""

    def __init__(
        self,
        story: Mapping[str, Any],
        *,
        path: str,
        root: str,
        options: Options,
        explain: Explain,
    ) -> None:
        """`explain`: the text of an error, from the flows that are not as expected."""
        self._explain = explain
        self._data = {"version": 1, "name": "scripted", **story}
        self._path = path
        self._root = root
        self._options = options
        self._run: StoryRun | None = None
        self._changes: list[dict[str, Any]] = []
        self._count = 0
        self._entered = False

    def __enter__(self) -> Scripted:
        self._entered = True
        return self

    def __exit__(self, *_: object) -> None:
        """
        Raises:
            RestoreIncomplete: the cluster is not as it was found.
            Stopped: it is, and a signal came meanwhile.
        """
        if self._run is None:
            return
        restored = self._run.close()
        if not restored.complete:
            raise RestoreIncomplete("; ".join(restored.problems), hint=restored.remedy)
        self._run.raise_kept_back()

    def apply(self, *paths: str) -> None:
        """Apply manifests with the next `expect`."""
        self._changes.append({"apply": list(paths)})

    def delete(self, *paths: str) -> None:
        """Delete what manifests name with the next `expect`."""
        self._changes.append({"delete": list(paths)})

    def expect(self, flow: str | Mapping[str, str], word: str = "allow") -> StepResult:
        """
        Change what is due, settle, and judge `"a -> b:80"` or `"a ? name"`, or several.

        Raises:
            UnexpectedVerdict: a verdict is not `as expected`.
            UnknownFlows: nothing is known of some, and no other one differs.
            InputError: a flow or word is not understood, or there is no `with` around it.
        """
        if not self._entered:
            raise InputError(
                "nothing would give the cluster back",
                hint="with netpol(...) as net: net.expect(...)",
            )
        wanted = {flow: word} if isinstance(flow, str) else flow
        result = self._tell([flow_entry(f, w) for f, w in wanted.items()])
        wrong = [r for r in result.flows if not r.passed]
        if wrong:
            unknown = all(r.inconclusive for r in wrong)
            kind = UnknownFlows if unknown else UnexpectedVerdict
            raise kind(self._explain(wrong), wrong)
        return result

    def _tell(self, flows: list[dict[str, Any]]) -> StepResult:
        self._count += 1
        entry = {"name": f"step {self._count}", "flows": flows}
        if self._changes:
            entry["change"] = self._changes
        self._changes = []
        story = self._read([entry])
        if self._run is None:
            peers = {p.namespace for p in story.peers.values() if p.namespace}
            options = replace(self._options, namespaces=tuple(sorted(peers)))
            self._run = StoryRun(self._every_source(story), options)
            self._run.open()
        return self._run.tell(story.steps[0])

    def _every_source(self, story: Story) -> Story:
        """The story whose sources are all peers that can be one: later steps may need any."""
        written = self._data.get("peers", {})
        flows = [
            Flow(name=p.name, at=p.at, source=p.name, resolve=f"{p.name}.", expect=ALLOW)
            for p in story.peers.values()
            if p.workload or p.pod or p.external or "labels" in written.get(p.name, {})
        ]
        return replace(story, steps=(replace(story.steps[0], changes=(), flows=tuple(flows)),))

    def _read(self, steps: list[dict[str, Any]]) -> Story:
        text, at = dump({**self._data, "steps": steps}).encode(), caller()
        try:
            return placed(read_story(text, self._path, self._root), at)
        except Mistakes as error:
            raise placed_mistakes(error, self._path, at) from None


def flow_entry(flow: str, word: str) -> dict[str, Any]:
    """
    A flow as a story file spells it, from `a -> b:80`, `a -> b:53/udp` or `a ? name`.

    Raises:
        InputError: it is none of these.
    """
    match = FLOW.fullmatch(flow)
    if match is None:
        raise InputError(
            f"not a valid flow: {flow!r}", hint="'a -> b:80', 'a -> b:53/udp' or 'a ? name'"
        )
    found = {k: v for k, v in match.groupdict().items() if v}
    if "port" in found:
        return {**found, "port": int(found["port"]), "expect": word, "name": flow}
    return {**found, "expect": word, "name": flow}
