"""
Many closed flows at once: `python benchmarks/many_flows.py [flows ...]`, in a lab; 1000 and 10000.

A hundred sources ask as many addresses as make up the number; a policy denies all of them. The
targets: every flow is judged, 10,000 within 20 s of the quiet time, npol under 300 MB.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from npol.model.result import StepResult  # noqa: E402
from npol.report.reasons import reason_words  # noqa: E402
from npol.run import Options, StoryRun  # noqa: E402
from npol.story import load_story  # noqa: E402
from npol_lab.session import Lab  # noqa: E402  needs the path above

SOURCES, PORT = 100, 8080
NAMESPACE = "npol-many"
IMAGE = "registry.k8s.io/e2e-test-images/agnhost:2.53"


def main() -> None:
    if "--here" in sys.argv:
        measure(int(sys.argv[-1]))
        return
    for flows in sys.argv[1:] or ("1000", "10000"):
        subprocess.run([sys.executable, __file__, "--here", flows], check=True)


def measure(flows: int) -> None:
    """In a process of its own, whose memory is npol's alone: the lab runs beside it."""
    with tempfile.TemporaryDirectory() as name, Lab.start() as lab:
        write(Path(name), flows // SOURCES)
        options = Options(
            kubeconfig=str(lab.kubeconfig), context=lab.context, create=True, disposable=True
        )
        began = time.monotonic()
        run = StoryRun(load_story(str(Path(name) / "many.npol.yaml"), root=name), options)
        run.open()
        try:
            print(f"ready after {time.monotonic() - began:.1f} s", flush=True)
            show(run.reach("all closed"))
        finally:
            run.close()
    print(f"peak memory: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")


def show(told: StepResult) -> None:
    verdicts = Counter(str(flow.verdict.value) for flow in told.flows)
    settled = max(flow.settled_after for flow in told.flows)
    rounds = max(flow.rounds for flow in told.flows)
    print(
        f"{len(told.flows)} flows from {SOURCES} sources: {dict(verdicts)}, "
        f"settled after {settled:.1f} s in {rounds} rounds, step {told.seconds:.1f} s"
    )
    if other := next((f for f in told.flows if not f.passed), None):
        print(f"  such as {other.name}: {reason_words(other.reason)}")


def write(directory: Path, wanted: int) -> None:
    """The story, its targets and its policy."""
    sources = {f"s{n}": {"namespace": NAMESPACE, "labels": {"n": str(n)}} for n in range(SOURCES)}
    targets = {f"t{n}": {"namespace": NAMESPACE, "pod": f"t{n}"} for n in range(wanted)}
    flows = [
        {"from": source, "to": target, "port": PORT, "expect": "deny"}
        for source in sources
        for target in targets
    ]
    story = {
        "version": 1,
        "name": "many flows",
        "given": ["given"],
        "peers": sources | targets,
        "steps": [{"name": "all closed", "apply": ["deny.yaml"], "flows": flows}],
    }
    (directory / "many.npol.yaml").write_text(json.dumps(story))
    (directory / "deny.yaml").write_text(json.dumps(policy()))
    (directory / "given").mkdir()
    for number, obj in enumerate([namespace(), *map(pod, targets)]):
        (directory / "given" / f"{number:02}.yaml").write_text(json.dumps(obj))


def namespace() -> dict[str, object]:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}


def pod(name: str) -> dict[str, object]:
    containers = [{"name": "main", "image": IMAGE, "args": ["netexec", f"--http-port={PORT}"]}]
    metadata = {"name": name, "namespace": NAMESPACE, "labels": {"role": "target"}}
    spec = {"containers": containers, "terminationGracePeriodSeconds": 0}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


def policy() -> dict[str, object]:
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": "deny", "namespace": NAMESPACE},
        "spec": {"podSelector": {"matchLabels": {"role": "target"}}, "policyTypes": ["Ingress"]},
    }


if __name__ == "__main__":
    main()
