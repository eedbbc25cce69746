"""The pages as a whole: each is in the nav, and each link leads to a page and a heading of it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

DOCS = Path(__file__).parents[2] / "docs"
PAGES = sorted(DOCS.rglob("*.md"))
NAV = yaml.safe_load((DOCS.parent / "mkdocs.yml").read_text())["nav"]
ANCHOR = re.compile(r"\]\((?!https?:)([^)#\s]*)#([^)\s]+)\)")
FENCED = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


ZENSICAL = shutil.which("zensical", path=f"{DOCS.parent}/.venv/tools/bin:{os.environ['PATH']}")


@pytest.fixture
def site(tmp_path, monkeypatch):
    """The pages as `make docs` takes them."""
    monkeypatch.syspath_prepend(str(DOCS.parent / "tools"))
    import site_pages

    site_pages.write_site(tmp_path / "pages")
    return tmp_path / "pages"


def pages_of(nav) -> list[str]:
    if isinstance(nav, str):
        return [nav]
    parts = nav.values() if isinstance(nav, dict) else nav
    return [page for part in parts for page in pages_of(part)]


def anchors(page: Path) -> set[str]:
    """The headings of a page as GitHub and the site spell them."""
    headings = HEADING.findall(FENCED.sub("", page.read_text(encoding="utf-8")))
    return {re.sub(r"[^\w -]", "", h.lower()).strip().replace(" ", "-") for h in headings}


def test_the_nav_has_every_page_once():
    told = [str(page.relative_to(DOCS)) for page in PAGES]

    assert sorted(pages_of(NAV)) == [page for page in told if not page.startswith("decisions/")]


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(DOCS)))
def test_a_link_to_a_heading_leads_there(page):
    links = ANCHOR.findall(FENCED.sub("", page.read_text(encoding="utf-8")))
    ends = [((page.parent / path).resolve() if path else page, anchor) for path, anchor in links]

    assert [(str(p), a) for p, a in ends if p.suffix == ".md" and a not in anchors(p)] == []


LINK = re.compile(r"\]\((?!https?:|mailto:|#)([^)#\s]+)")


def test_no_link_of_the_site_leaves_its_pages(site):
    pages = sorted(site.rglob("*.md"))
    links = [(page, to) for page in pages for to in LINK.findall(page.read_text())]

    assert len(pages) == len(PAGES)
    assert [(str(p), to) for p, to in links if not (p.parent / to).is_file()] == []


def test_what_stands_beside_the_pages_is_named_on_the_site(site):
    text = (site / "docs/how-to/smoke.md").read_text()

    assert "`fixtures/baseline/smoke.npol.yaml`" in text
    assert "](../../" not in text


@pytest.mark.nightly
@pytest.mark.skipif(not ZENSICAL, reason="needs zensical: make docs")
def test_the_site_is_built_and_no_link_leads_nowhere(site):
    config = ("--config-file", site / "mkdocs.yml")
    subprocess.run([ZENSICAL, "build", "--strict", *config], check=True, timeout=100)

    assert (site / "site/tutorial/index.html").exists()
