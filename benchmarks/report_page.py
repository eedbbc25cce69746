"""
How soon a large HTML report is on the screen: `python benchmarks/report_page.py`.

A page of 10,000 flows, 500 of them failing with full evidence, is opened several times in a
headless Chromium; the figures are the browser's own, from the start of the navigation to the first
paint with content and to the end of loading. Exits with 1 if a median is over its limit or the
file is too large; without a Chromium (Debian: `chromium`) it only says so.
"""

from __future__ import annotations

import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import websocket

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from npol.model.result import FlowResult, StoryReport  # noqa: E402
from npol.report.html import to_html  # noqa: E402
from tests.report.conftest import make_failure, make_flow, make_report  # noqa: E402

RUNS = 5
STEPS = 10
FLOWS = 1_000
"""In each step; every twentieth fails."""
MOST_SECONDS = 1.0
MOST_BYTES = 5_000_000
NAMES = ("chromium", "chromium-browser", "google-chrome")
START_WITHIN = 60.0
FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-extensions",
    "--remote-debugging-port=0",
    "--remote-allow-origins=*",
)
TIMES = """(() => {
  const [page] = performance.getEntriesByType('navigation');
  const paint = performance.getEntriesByName('first-contentful-paint')[0];
  return page.loadEventEnd && paint ? [paint.startTime, page.loadEventEnd] : null;
})()"""


def large_report() -> StoryReport:
    report = make_report()
    steps = (
        replace(report.steps[1], name=f"step {n}", flows=tuple(_flows(f"step {n}")))
        for n in range(1, STEPS + 1)
    )
    return replace(report, steps=tuple(steps))


def _flows(step: str) -> Iterator[FlowResult]:
    for number in range(FLOWS):
        source, target = f"s{number // 32}", f"t{number % 32}:80/tcp"
        if number % 20:
            yield make_flow(step=step, source=source, target=target, enforced_after=0.3)
        else:
            name = f"{source} -> {target}"
            yield replace(make_failure(), step=step, name=name, source=source, target=target)


class Tab:
    """A tab of a running browser, over its debugging protocol."""

    def __init__(self, address: str) -> None:
        self._socket = websocket.create_connection(address, timeout=START_WITHIN)
        self._sent = 0

    def __call__(self, method: str, **parameters: Any) -> dict[str, Any]:
        self._sent += 1
        message = {"id": self._sent, "method": method, "params": parameters}
        self._socket.send(json.dumps(message))
        while True:
            answer: dict[str, Any] = json.loads(self._socket.recv())
            if answer.get("id") == self._sent:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                result: dict[str, Any] = answer["result"]
                return result

    def value(self, script: str) -> Any:
        wanted = {"expression": script, "returnByValue": True, "awaitPromise": True}
        return self("Runtime.evaluate", **wanted)["result"].get("value")


@contextmanager
def browser(program: str) -> Iterator[Tab]:
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home:
        command = [program, *FLAGS, f"--user-data-dir={home}", "about:blank"]
        quiet = subprocess.DEVNULL
        with subprocess.Popen(command, stdout=quiet, stderr=quiet) as process:
            try:
                yield Tab(_address(Path(home) / "DevToolsActivePort"))
            finally:
                process.terminate()


def _address(file: Path) -> str:
    end = time.monotonic() + START_WITHIN
    while time.monotonic() < end:
        if file.exists() and (port := file.read_text().split("\n")[0]):
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/json/list") as answer:
                tabs = [tab for tab in json.load(answer) if tab["type"] == "page"]
            if tabs:
                return str(tabs[0]["webSocketDebuggerUrl"])
        time.sleep(0.1)
    raise RuntimeError(f"the browser opened no tab within {START_WITHIN:g} s")


def opened(tab: Tab, page: Path) -> tuple[float, float]:
    """Seconds to the first paint with content, and to the end of loading."""
    tab("Page.navigate", url=page.as_uri())
    end = time.monotonic() + START_WITHIN
    while time.monotonic() < end:
        if times := tab.value(TIMES):
            return times[0] / 1000, times[1] / 1000
        time.sleep(0.05)
    raise RuntimeError(f"{page} was not shown within {START_WITHIN:g} s")


def main() -> int:
    program = next(filter(None, map(shutil.which, NAMES)), None)
    if program is None:
        print(f"not measured, no browser here: one of {', '.join(NAMES)}")
        return 0
    text = to_html([large_report()])
    size = len(text.encode())
    print(f"{STEPS * FLOWS} flows, {STEPS * FLOWS // 20} failing: {size / 1e6:.2f} MB")
    with tempfile.TemporaryDirectory() as directory, browser(program) as tab:
        page = Path(directory) / "report.html"
        page.write_text(text)
        runs = [opened(tab, page) for _ in range(RUNS)]
    painted, loaded = (statistics.median(times) for times in zip(*runs, strict=True))
    each = ", ".join(f"{end:.2f}" for _, end in runs)
    print(f"first paint {painted:.2f} s, loaded {loaded:.2f} s (median of {RUNS}: {each})")
    return int(size > MOST_BYTES or max(painted, loaded) > MOST_SECONDS)


if __name__ == "__main__":
    sys.exit(main())
