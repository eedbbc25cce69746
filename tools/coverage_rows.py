"""
Writes docs/coverage.md: every row of docs/rows.md, what shows it, and on what.

    python tools/coverage_rows.py            write the page and print it
    python tools/coverage_rows.py --check    fail when the page is not what it would write
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from harness.model.story import Story
from harness.story import load_story

ROOT = Path(__file__).resolve().parent.parent
ROWS, PAGE = ROOT / "docs/rows.md", ROOT / "docs/coverage.md"
LIVE_STORIES = ROOT / "tests/live/test_stories.py"
UNVERIFIED = "not verified: "
HEAD = """# Coverage

Written by `make coverage` from [`rows.md`](rows.md) and the `covers:` of the stories; a test holds
that it is up to date. *Where*: **lab**, real packets in the lab; **live**, a real cluster, by
`make test-live`; **objects**, on objects and answers that are recorded or written down.

"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row of docs/rows.md; `open` is why some of it, or all, is not verified."""

    name: str
    doubted: bool
    text: str
    tests: tuple[str, ...]
    open: str


def rows(text: str) -> Iterator[Row]:
    """The rows of the page's table, in its order."""
    for line in text.splitlines():
        cells = [c.strip() for c in line.strip().strip("|").split("|")]
        if len(cells) != 3 or not re.fullmatch(r"[A-Z]+(-[A-Z]+)*-\d+( !)?", cells[0]):
            continue
        shown, _, unverified = cells[2].partition(UNVERIFIED)
        tests = tuple(t for t in re.split(r"[,;\s]+", shown) if t)
        name = cells[0].removesuffix(" !")
        doubted = name != cells[0]
        yield Row(name=name, doubted=doubted, text=cells[1], tests=tests, open=unverified)


def stories() -> list[Story]:
    """Every story under fixtures/."""
    return [
        load_story(str(p), root=str(ROOT)) for p in sorted(ROOT.glob("fixtures/**/*.npol.yaml"))
    ]


def mistakes(found: list[Row], told: list[Story]) -> list[str]:
    """Rows that nothing speaks of, tests that do not exist, and covers of unknown rows."""
    known = {r.name for r in found}
    covered = {name for s in told for name in s.covers}
    wrong = [
        f"{s.path}: covers {c}, which is no row" for s in told for c in s.covers if c not in known
    ]
    wrong += [
        f"{r.name}: nothing shows it and no reason is given"
        for r in found
        if r.name not in covered and not r.tests and not r.open
    ]
    wrong += [f"{r.name}: there is no {t}" for r in found for t in r.tests if not exists(t)]
    return wrong


def exists(test: str) -> bool:
    file, _, function = test.partition("::")
    path = ROOT / file
    return path.is_file() and (not function or f"def {function}(" in path.read_text("utf-8"))


def page(found: list[Row], told: list[Story]) -> str:
    """docs/coverage.md."""
    lines = ["| row | must be true | shown by | where |", "|---|---|---|---|"]
    lines += [_line(row, [s for s in told if row.name in s.covers]) for row in found]
    unshown = [r for r in found if r.open]
    lines += [
        "",
        f"{len(found)} rows, {len(found) - len(unshown)} shown, not verified wholly or in part:",
    ]
    lines += ["", *(f"- {r.name}: {r.open}" for r in unshown)]
    return HEAD + "\n".join(lines) + "\n"


def _line(row: Row, told: list[Story]) -> str:
    shown = [f"story [{s.name}](../{_relative(s)}), {len(s.steps)} steps" for s in told]
    shown += [f"`{t}`" for t in row.tests]
    where = sorted({w for s in told for w in _where_story(s)} | {_where_test(t) for t in row.tests})
    if row.open:
        where.append("*not verified*" if not shown else "*part not verified*")
    name = f"{row.name} **!**" if row.doubted else row.name
    return f"| {name} | {row.text} | {'<br>'.join(shown) or '-'} | {', '.join(where)} |"


def _relative(story: Story) -> str:
    return Path(story.path).resolve().relative_to(ROOT).as_posix()


def _where_story(story: Story) -> list[str]:
    """`make test` runs every story in the lab; the live tests name those that they run."""
    name = Path(story.path).name.removesuffix(".npol.yaml")
    live = LIVE_STORIES.read_text("utf-8")
    return ["lab", "live"] if re.search(rf'["/]{re.escape(name)}"', live) else ["lab"]


def _where_test(test: str) -> str:
    file = test.partition("::")[0]
    if file.startswith("tests/live/"):
        return "live"
    marked = "mark.lab" in (ROOT / file).read_text("utf-8")
    return "lab" if marked or file.startswith(("tests/lab/", "tests/e2e/")) else "objects"


def main() -> int:
    found, told = list(rows(ROWS.read_text("utf-8"))), stories()
    if wrong := mistakes(found, told):
        print("\n".join(wrong), file=sys.stderr)
        return 1
    text = page(found, told)
    if "--check" in sys.argv[1:]:
        if PAGE.is_file() and PAGE.read_text("utf-8") == text:
            return 0
        print("docs/coverage.md is out of date: run make coverage", file=sys.stderr)
        return 1
    PAGE.write_text(text, "utf-8")
    print(text.removeprefix(HEAD), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
