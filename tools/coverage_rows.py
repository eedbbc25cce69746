"""
Writes docs/coverage.md: every row of docs/rows.md, what shows it, and on what; prints the verdicts.

    python tools/coverage_rows.py            write the page; print each row with its last verdicts
    python tools/coverage_rows.py --run      the same, after a run of the stories and tests
    python tools/coverage_rows.py --check    fail when the page is not what it would write
"""

from __future__ import annotations

import sys

from coverage_page import page, told
from coverage_table import ROOT, mistakes, rows, stories
from coverage_verdicts import Verdicts, run

ROWS, PAGE = ROOT / "docs/rows.md", ROOT / "docs/coverage.md"


def main() -> int:
    found, read = list(rows(ROWS.read_text("utf-8"))), stories()
    if wrong := list(mistakes(found, read)):
        print("\n".join(wrong), file=sys.stderr)
        return 1
    text = page(found, read)
    if "--check" in sys.argv[1:]:
        if PAGE.is_file() and PAGE.read_text("utf-8") == text:
            return 0
        print("docs/coverage.md is out of date: run make coverage", file=sys.stderr)
        return 1
    PAGE.write_text(text, "utf-8")
    code = run(sorted({t for r in found for t in r.tests})) if "--run" in sys.argv[1:] else 0
    print("\n".join(told(found, read, Verdicts.of_last_run())))
    return code


if __name__ == "__main__":
    sys.exit(main())
