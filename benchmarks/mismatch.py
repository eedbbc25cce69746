"""
How soon a mismatch is final: `python benchmarks/mismatch.py [CONTEXT [KUBECONFIG]]`.

The broken story of `fixtures/baseline` with default settings, and another HTTP status than is
expected; without a context in a lab. The targets: the first within 4 s of the change, the second
within 2 s of the quiet time of the network plugin.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from npol import target_cluster  # noqa: E402  needs the path above
from npol.cni.catalogue import TABLE, UNKNOWN  # noqa: E402
from npol.report.reasons import reason_words  # noqa: E402
from npol.run import Options, StoryRun  # noqa: E402
from npol.story import load_story  # noqa: E402

BROKEN = "broken-story.yaml"
OTHER_STATUS = """
version: 1
name: another status
given: [infra/manifests/apps]
peers:
  frontend: {namespace: frontend-dev, labels: {app: frontend}}
  backend: {namespace: backend-dev, service: backend-sample}
steps:
  - name: before policies
    flows: [{from: frontend, to: backend, port: 80, http: {path: /api/health}, expect: http 200}]
  - name: another status
    apply: [infra/manifests/network-policies/backend-dev]
    flows: [{from: frontend, to: backend, port: 80, http: {path: /api/health}, expect: http 404}]
"""
OWN_SETTINGS = "defaults:\n  timeout: 800ms\n  settle: {within: 3s}\n"


def main() -> None:
    context, kubeconfig = (*sys.argv[1:], None, None)[:2]
    with (
        tempfile.TemporaryDirectory() as name,
        target_cluster.cluster(kubeconfig, context) as chosen,
    ):
        directory = Path(name) / "baseline"
        shutil.copytree(ROOT / "fixtures" / "baseline", directory)
        options = Options(
            kubeconfig=chosen.kubeconfig,
            context=chosen.context,
            create=True,
            disposable=chosen.is_lab,
        )
        for story in write(directory):
            show(story, options)


def write(directory: Path) -> tuple[Path, Path]:
    """The broken story without settings of its own, and the other one."""
    broken, other = directory / BROKEN, directory / "status.yaml"
    text = broken.read_text()
    if OWN_SETTINGS not in text:
        raise SystemExit(f"{BROKEN} has other settings than this benchmark takes away")
    broken.write_text(text.replace(OWN_SETTINGS, ""))
    other.write_text(OTHER_STATUS)
    return broken, other


def show(story: Path, options: Options) -> None:
    run = StoryRun(load_story(str(story), root=str(story.parent)), options)
    run.open()
    try:
        steps = [run.reach(step.name) for step in run.story.steps]
        cluster = run.report().cluster
    finally:
        run.close()
    engine = cluster.engine if cluster else UNKNOWN.name
    quiet = next((t.quiet for t in TABLE if t.name == engine), UNKNOWN.quiet)
    for flow in steps[-1].flows:
        print(
            f"{run.story.name}: {flow.verdict.value}, final {flow.settled_after:.1f} s after the "
            f"change (quiet time {quiet:g} s), {flow.rounds} rounds: {reason_words(flow.reason)}"
        )


if __name__ == "__main__":
    main()
