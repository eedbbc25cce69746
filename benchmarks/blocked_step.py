"""
What a blocked step costs beside an open one: `python -m benchmarks.blocked_step [CONTEXT]`.

81 flows of nine sources to nine targets, in a lab or on the cluster of a kubeconfig's context,
five times: all open, then all cut by policies at their targets. With flow records no flow waits
for its timeout of 1 s, so the blocked step should take at most 0.3 s longer than the open one,
beyond the quiet time that follows its change (median). Exits with 1 if it does not.
"""

from __future__ import annotations

import os
import secrets
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from npol.cni.catalogue import TABLE  # noqa: E402  needs the path above
from npol.model.result import FlowResult, StepResult  # noqa: E402
from npol.run import Options, StoryRun  # noqa: E402
from npol.story import load_story  # noqa: E402
from npol_lab.session import Lab  # noqa: E402
from tests.live import nine_by_nine  # noqa: E402

TIMES, MOST = 5, 0.3


def main() -> None:
    with cluster() as options:
        longer = [one_run(options) for _ in range(TIMES)]
    print(f"median {median(longer):.2f} s longer, at most {MOST} s; load {os.getloadavg()[0]:.0f}")
    sys.exit(1 if median(longer) > MOST else 0)


@contextmanager
def cluster() -> Iterator[Options]:
    if sys.argv[1:]:
        yield Options(kubeconfig=None, context=sys.argv[1], create=True)
        return
    with Lab.start() as lab:
        yield Options(
            kubeconfig=str(lab.kubeconfig), context=lab.context, create=True, disposable=True
        )


def one_run(options: Options) -> float:
    """Seconds that the blocked step took longer to be final than the open one."""
    with tempfile.TemporaryDirectory() as folder:
        path = nine_by_nine.write_story(Path(folder), secrets.token_hex(3))
        run = StoryRun(load_story(path, root=folder), options)
        try:
            run.open()
            opened, blocked = (run.reach(step.name) for step in run.story.steps[:2])
        finally:
            run.close()
    cluster = run.report().cluster
    quiet = next(row.quiet for row in TABLE if cluster and row.name == cluster.engine)
    beyond = settled(blocked) - quiet
    proven = sum(isinstance(f, FlowResult) and f.proof is not None for f in blocked.results)
    wrong = sum(not r.passed for r in (*opened.results, *blocked.results))
    print(
        f"open {settled(opened):.2f} s, blocked {beyond:.2f} s beyond a quiet time of {quiet} s, "
        f"{proven} of 81 denies proven, {wrong} wrong",
        flush=True,
    )
    return beyond - settled(opened)


def settled(step: StepResult) -> float:
    """When its last flow was final, after its change."""
    return max(flow.settled_after for flow in step.flows)


if __name__ == "__main__":
    main()
