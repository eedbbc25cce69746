"""The rows of docs/rows.md, and what of the stories and tests covers them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from npol.model.story import Flow, StateCheck, Step, Story
from npol.run.checks import cannot_fail
from npol.story import load_story

ROOT = Path(__file__).resolve().parent.parent
LIVE_STORIES = ROOT / "tests/live/test_stories.py"
UNVERIFIED = "not verified: "
NAME = re.compile(r"[A-Z]+(-[A-Z]+)*-\d+( !)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row of docs/rows.md; `open` is why some of it, or all, is not verified."""

    name: str
    text: str
    tests: tuple[str, ...]
    open: str
    doubt: tuple[str, str] | None
    """Where a document is wrong or unclear: what it says, and what the cluster does."""

    @property
    def title(self) -> str:
        return f"{self.name} !" if self.doubt else self.name


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A story, or one of its steps, flows and checks, that covers a row."""

    story: Story
    step: str = ""
    item: str = ""
    proves: bool = True
    """Whether anything in it can fail."""
    conditional: bool = False

    @property
    def file(self) -> str:
        return Path(self.story.path).resolve().relative_to(ROOT).as_posix()

    def __str__(self) -> str:
        return " :: ".join(p for p in (self.file, self.step, self.item) if p)

    @property
    def where(self) -> list[str]:
        """`make test` runs every story in the lab; the live tests name those that they run."""
        name = Path(self.story.path).name.removesuffix(".npol.yaml")
        live = re.search(rf'["/]{re.escape(name)}"', LIVE_STORIES.read_text("utf-8"))
        here = [] if self.conditional or not self.proves else ["lab"]
        return [*here, *(["live"] if live else [])]


def rows(text: str) -> Iterator[Row]:
    """The rows of the page's first table in its order, with what the second says of them."""
    first, _, second = text.partition("\n## ")
    doubts = {name: (says, does) for name, says, does in _cells(second)}
    for name, claim, shown in _cells(first):
        named, _, unverified = shown.partition(UNVERIFIED)
        bare = name.removesuffix(" !")
        yield Row(
            name=bare,
            text=claim,
            tests=tuple(t for t in re.split(r"[,;\s]+", named) if t),
            open=unverified,
            doubt=doubts.get(bare, ("", "")) if name != bare else None,
        )


def _cells(table: str) -> Iterator[list[str]]:
    for line in table.splitlines():
        cells = [c.strip() for c in line.strip().strip("|").split("|")]
        if len(cells) == 3 and NAME.fullmatch(cells[0]):
            yield cells


def stories() -> list[Story]:
    """Every story under fixtures/."""
    return [
        load_story(str(p), root=str(ROOT)) for p in sorted(ROOT.glob("fixtures/**/*.npol.yaml"))
    ]


def shown(row: str, told: list[Story]) -> Iterator[Shown]:
    """What of the stories covers a row."""
    for story in told:
        if row in story.covers:
            yield Shown(story=story)
        for step in story.steps:
            yield from _in_step(row, story, step)


def _in_step(row: str, story: Story, step: Step) -> Iterator[Shown]:
    idle = {c.name for c in step.checks if cannot_fail(c, story, step.name, creates=True)}
    skipped = step.when is not None
    if row in step.covers:
        proves = bool(step.flows or step.same_as or {c.name for c in step.checks} - idle)
        yield Shown(story=story, step=step.name, proves=proves, conditional=skipped)
    items: tuple[StateCheck | Flow, ...] = (*step.checks, *step.flows)
    for item in items:
        if row in item.covers:
            yield Shown(
                story=story,
                step=step.name,
                item=item.name,
                proves=item.name not in idle,
                conditional=skipped,
            )


def mistakes(found: list[Row], told: list[Story]) -> Iterator[str]:
    """Rows that nothing speaks of, doubts without their truth, tests and rows that do not exist."""
    known = {r.name for r in found}
    for story in told:
        strange = [c for c in story.shows if c not in known]
        yield from (f"{story.path}: covers {c}, which is no row" for c in strange)
    for row in found:
        proved = any(s.proves for s in shown(row.name, told))
        if not proved and not row.tests and not row.open:
            yield f"{row.name}: nothing that can fail shows it, and no reason is given"
        if row.doubt is not None and not all(row.doubt):
            yield f"{row.name}: what the document says, and what the cluster does, is not stated"
        yield from (f"{row.name}: there is no {t}" for t in row.tests if not exists(t))


def exists(test: str) -> bool:
    file, _, function = test.partition("::")
    path = ROOT / file
    return path.is_file() and (not function or f"def {function}(" in path.read_text("utf-8"))
