"""
Tenants that must not reach each other: `python benchmarks/tenants.py [tenants]`, in a lab; 50.

The story of `fixtures/tenants/`, with as many namespaces and one rule too many among them. The
targets: 2,450 pairs in 20 s, npol under 300 MB, and the pair that the rule lets through is named.
"""

from __future__ import annotations

import re
import resource
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from npol.report.pairs import pairs_lines  # noqa: E402
from npol.run import Options, StoryRun  # noqa: E402
from npol.story import load_story  # noqa: E402
from npol_lab.session import Lab  # noqa: E402  needs the path above

FIXTURE = ROOT / "fixtures/tenants"
FOUR = ("amber", "blue", "coral", "dove")
LETS_IN, LET_IN = "tenant-03", "tenant-01"


def main() -> None:
    tenants = int(sys.argv[1]) if len(sys.argv) > 1 else 50
    with tempfile.TemporaryDirectory() as name, Lab.start() as lab:
        write(Path(name), tenants)
        options = Options(
            kubeconfig=str(lab.kubeconfig), context=lab.context, create=True, disposable=True
        )
        began = time.monotonic()
        run = StoryRun(load_story(f"{name}/tenants.npol.yaml", root=name), options)
        run.open()
        try:
            print(f"ready after {time.monotonic() - began:.1f} s", flush=True)
            for step in run.story.steps:
                told = run.reach(step.name)
                words = "; ".join(words for _, words in pairs_lines(told.flows)) or told.error
                print(f"{step.name}: {told.seconds:.1f} s, {words}", flush=True)
        finally:
            run.close()
    print(f"in all {time.monotonic() - began:.1f} s")
    print(f"peak memory: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")


def write(directory: Path, tenants: int) -> None:
    """The fixture with more tenants; the names of the first ones stand for its own."""
    names = [f"tenant-{number:02}" for number in range(1, tenants + 1)]
    (directory / "policies").mkdir()
    for file in ("apps.yaml", "policies/own-tenant.yaml"):
        first = (FIXTURE / file).read_text().split("\n---\n")
        one = "\n---\n".join(part for part in first if re.search(rf"\b{FOUR[0]}\b", part))
        text = "\n---\n".join(re.sub(rf"\b{FOUR[0]}\b", name, one) for name in names)
        (directory / file).write_text(text)
    partner = (FIXTURE / "partner.yaml").read_text()
    partner = partner.replace(FOUR[2], LETS_IN).replace(FOUR[0], LET_IN)
    (directory / "partner.yaml").write_text(partner)
    story = (FIXTURE / "wrong-story.yaml").read_text()
    before = "  - name: before any policy\n    flows:\n      - {from: each of tenants, "
    before += "to: the others of tenants, port: 8080, expect: allow}\n"
    story = story.replace("steps:\n", f"steps:\n{before}")
    (directory / "tenants.npol.yaml").write_text(story)


if __name__ == "__main__":
    main()
