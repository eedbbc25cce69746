"""axe-core finds nothing in the pages, light and dark, on a desk and on a phone, and in print."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess

import pytest

from npol.report.html import index_page, to_html

pytestmark = pytest.mark.nightly

AXE = "axe-core@4.10.3"
RUN = """<script>axe.run().then(found => {
  const told = {passes: found.passes.length, violations: found.violations.map(v =>
    [v.id, v.nodes.map(n => n.html.slice(0, 120) + " " + n.failureSummary)])};
  document.documentElement.innerHTML = "<pre id=axe></pre>";
  document.getElementById("axe").textContent = JSON.stringify(told);
})</script>"""


@pytest.fixture(scope="module")
def axe(tmp_path_factory):
    """The text of axe-core's script."""
    for program in ("chromium", "npm"):
        if not shutil.which(program):
            pytest.skip(f"there is no {program} here")
    folder = tmp_path_factory.mktemp("axe")
    subprocess.run(["npm", "install", "--silent", "--prefix", folder, AXE], check=True)
    return (folder / "node_modules/axe-core/axe.min.js").read_text()


def pages(report):
    return {"report": to_html([report]), "index": index_page({"shop.html": report})}


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("medium", ["light", "dark", "print"])
@pytest.mark.parametrize("name", ["report", "index"])
def test_axe_finds_nothing(axe, report, tmp_path, name, medium, width):
    page = _as_seen_in(medium, pages(report)[name])
    (tmp_path / "page.html").write_text(
        page.replace("</body>", f"<script>{axe}</script>{RUN}</body>")
    )

    found = _told(tmp_path / "page.html", width)

    assert found["violations"] == []
    assert found["passes"] > 10, "axe looked at something"


def _as_seen_in(medium: str, page: str) -> str:
    """Without the rule that no script may run, and with the queries of the medium always true."""
    page = re.sub(r"<meta http-equiv=.?Content-Security-Policy[^>]*>", "", page)
    if medium == "dark":
        page = page.replace("(prefers-color-scheme: dark)", "all")
    if medium == "print":
        page = page.replace("@media print", "@media all")
    return page


def _told(page, width: int) -> dict:
    done = subprocess.run(
        ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom",
         f"--window-size={width},900", "--virtual-time-budget=60000", f"file://{page}"],
        capture_output=True, text=True, check=True, timeout=300,
    )  # fmt: skip
    return json.loads(html.unescape(re.search(r'<pre id="axe">(.*?)</pre>', done.stdout, re.S)[1]))
