"""
What the baseline story costs: `python benchmarks/baseline.py [runs]`.

Prints the seconds until a lab is ready, the story's wall time in it with everything from the
first request to the last, its execs and requests, and the seconds of its slowest step.
"""

from __future__ import annotations

import statistics
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from npol.model.result import StoryReport  # noqa: E402
from npol.run import Options, StoryRun  # noqa: E402
from npol.story import load_story  # noqa: E402
from npol_lab.session import Lab  # noqa: E402  needs the path above

STORY = ROOT / "fixtures/baseline/baseline.npol.yaml"


def main() -> None:
    runs = int((*sys.argv[1:], "3")[0])
    measured = [measure() for _ in range(runs)]
    show("lab ready", "s", [ready for ready, _, _ in measured])
    show("baseline", "s", [took for _, took, _ in measured])
    reports = [report for _, _, report in measured]
    show("execs", "", [float(r.execs) for r in reports])
    show("requests", "", [float(r.requests) for r in reports])
    show("slowest step", "s", [max(s.seconds for s in r.steps) for r in reports])
    flows = sum(len(s.flows) for s in reports[0].steps)
    wrong = sum(not f.passed for r in reports for f in r.results)
    print(f"{'flows':14} {flows} in {len(reports[0].steps)} steps, {wrong} not as expected")


def measure() -> tuple[float, float, StoryReport]:
    """Seconds until the lab was ready, seconds of the story, and its report."""
    began = time.perf_counter()
    with Lab.start() as lab:
        ready = time.perf_counter() - began
        options = Options(
            kubeconfig=str(lab.kubeconfig), context=lab.context, create=True, disposable=True
        )
        run = StoryRun(load_story(str(STORY), root=str(ROOT)), options)
        run.open()
        try:
            for step in run.story.steps:
                run.reach(step.name)
        finally:
            run.close()
        return ready, time.perf_counter() - began - ready, run.report()


def show(what: str, unit: str, values: list[float]) -> None:
    print(
        f"{what:14} min {min(values):.3g} {unit}, median {statistics.median(values):.3g} {unit}, "
        f"max {max(values):.3g} {unit} (n = {len(values)})"
    )


if __name__ == "__main__":
    main()
