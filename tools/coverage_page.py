"""docs/coverage.md, and the same for the terminal with the verdicts of the last run."""

from __future__ import annotations

from collections.abc import Iterator

from coverage_table import ROOT, Row, Shown, shown
from coverage_verdicts import AS_EXPECTED, Verdicts

from npol.model.story import Story

HEAD = """# Coverage

Written by `make coverage` from [`rows.md`](rows.md) and the `covers:` of the stories; a test holds
that it is up to date. `make coverage` also runs what is named here and prints the verdicts.
*Where*: **lab**, real packets in the lab; **live**, a real cluster, by `make test-live`;
**objects**, on objects and answers that are written down. A check that only reads back what its
own story wrote shows nothing, and is not counted.

"""


def page(found: list[Row], told: list[Story]) -> str:
    """docs/coverage.md."""
    lines = ["| row | must be true | shown by | where |", "|---|---|---|---|"]
    lines += [_line(row, list(shown(row.name, told))) for row in found]
    lines += ["", "## Where a document is wrong or unclear", ""]
    lines += ["| row | the document says | the cluster does | evidence |", "|---|---|---|---|"]
    lines += [
        f"| {r.name} | {r.doubt[0]} | {r.doubt[1]} | {_evidence(r, list(shown(r.name, told)))} |"
        for r in found
        if r.doubt
    ]
    unshown = [r for r in found if r.open]
    count = f"{len(found)} rows, {len(found) - len(unshown)} shown"
    lines += ["", "## Not verified", "", f"{count}, not verified wholly or in part:", ""]
    lines += [f"- {r.name}: {r.open}" for r in unshown]
    return HEAD + "\n".join(lines) + "\n"


def _line(row: Row, parts: list[Shown]) -> str:
    where = sorted({w for s in parts for w in s.where} | {_where_test(t) for t in row.tests})
    if row.open:
        where.append("*part not verified*" if parts or row.tests else "*not verified*")
    name = f"{row.name} **!**" if row.doubt else row.name
    return f"| {name} | {row.text} | {_evidence(row, parts)} | {', '.join(where)} |"


def _evidence(row: Row, parts: list[Shown]) -> str:
    told = [_linked(s) for s in parts] + [f"`{t}`" for t in row.tests]
    return "<br>".join(told) or "-"


def _linked(part: Shown) -> str:
    name = part.file.removeprefix("fixtures/").removesuffix(".npol.yaml")
    rest = "".join(f" :: {p}" for p in (part.step, part.item) if p).replace("|", "\\|")
    return f"[{name}](../{part.file}){rest}" + ("" if part.proves else " (not counted)")


def _where_test(test: str) -> str:
    file = test.partition("::")[0]
    if file.startswith("tests/live/"):
        return "live"
    marked = "mark.lab" in (ROOT / file).read_text("utf-8")
    return "lab" if marked or file.startswith(("tests/lab/", "tests/e2e/")) else "objects"


def told(found: list[Row], read: list[Story], verdicts: Verdicts) -> Iterator[str]:
    """Each row with what covers it and its verdict; the last line counts."""
    proven = 0
    for row in found:
        yield f"{row.title}  {row.text}"
        if row.doubt:
            yield f"    the document: {row.doubt[0]}"
            yield f"    the cluster:  {row.doubt[1]}"
        parts = [(str(s), verdicts.of_story(s.file, s.step, s.item)) for s in shown(row.name, read)]
        parts += [(t, verdicts.of_test(t)) for t in row.tests]
        yield from (f"    {verdict:<12}  {what}" for what, verdict in parts)
        if row.open:
            yield f"    not verified  {row.open}"
        proven += any(v == AS_EXPECTED for _, v in parts)
    yield f"{len(found)} rows, {proven} with a verdict `as expected` of the last run"
