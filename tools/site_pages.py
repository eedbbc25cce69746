"""
Writes what `make docs` builds a site of: mkdocs.yml and the pages, into the folder that is named.

Pages link to files beside docs/, which is right in a clone. A site has none of them, and the
repository has no address yet: there they are named, not linked.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
LINK = re.compile(r"\[(?P<text>(?:[^\[\]]|\[[^\]]*\])+)\]\((?P<to>(?!https?:|mailto:|#)[^)\s]+)\)")


def page_of_site(page: Path) -> str:
    """A page of docs/ as it stands on the site."""

    def linked(match: re.Match[str]) -> str:
        path, _, _ = match["to"].partition("#")
        target = Path(os.path.normpath(page.parent / path))
        if target.is_relative_to(DOCS) and target.suffix == ".md":
            return match[0]
        name = str(target.relative_to(ROOT))
        return match["text"] if name in match["text"] else f"{match['text']} (`{name}`)"

    return LINK.sub(linked, page.read_text(encoding="utf-8"))


def write_site(folder: Path) -> None:
    """Anew: a page that is gone must not stay."""
    shutil.rmtree(folder, ignore_errors=True)
    for page in DOCS.rglob("*.md"):
        copy = folder / "docs" / page.relative_to(DOCS)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text(page_of_site(page), encoding="utf-8")
    shutil.copy(ROOT / "mkdocs.yml", folder)


if __name__ == "__main__":
    write_site(Path(sys.argv[1]))
