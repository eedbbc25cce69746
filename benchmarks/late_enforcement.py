"""
Stories where policies bite late: `python benchmarks/late_enforcement.py [SECONDS ...]`.

For each delay a lab, and in it two stories with default settings: a right one, and a wrong one
that expects of each step what was true before it. No flow of the wrong one may pass on an old
answer. Prints how long each step took.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from npol.run import Options, StoryRun  # noqa: E402
from npol.story import load_story  # noqa: E402
from npol_lab.session import Lab, LabOptions  # noqa: E402  needs the path above

DELAYS = (0.0, 0.1, 1.0, 3.0, 20.0)
IMAGE = "registry.k8s.io/e2e-test-images/agnhost:2.53"


@dataclass(frozen=True, slots=True)
class Seen:
    """One flow of one step."""

    story: str
    step: str
    passed: bool
    verdict: str
    seconds: float
    """From the change until it was final."""


def main() -> None:
    wrong = 0
    print(f"{'delay':>7} {'story':8} {'step':10} {'verdict':14} {'final after':>12}")
    for delay in map(float, sys.argv[1:] or DELAYS):
        for seen in measure(delay):
            right = seen.passed is (seen.story == "right" or seen.step == "open")
            wrong += not right
            print(
                f"{delay:6g}s {seen.story:8} {seen.step:10} {seen.verdict:14} "
                f"{seen.seconds:10.1f} s{'' if right else '  WRONG'}"
            )
    sys.exit(1 if wrong else 0)


def measure(delay: float) -> Iterator[Seen]:
    """Both stories, one after the other, in a lab that enforces that much later."""
    with Lab.start(LabOptions(enforcement_delay=delay)) as lab:
        options = Options(
            kubeconfig=str(lab.kubeconfig), context=lab.context, create=True, disposable=True
        )
        for name, after in (("right", ("deny", "allow")), ("wrong", ("allow", "deny"))):
            with tempfile.TemporaryDirectory() as directory:
                yield from told(name, write(Path(directory), name, *after), options)


def told(name: str, path: Path, options: Options) -> Iterator[Seen]:
    run = StoryRun(load_story(str(path), root=str(path.parent)), options)
    run.open()
    try:
        for step in run.story.steps:
            for flow in run.reach(step.name).flows:
                verdict = flow.verdict.value
                yield Seen(name, step.name, flow.passed, verdict, flow.settled_after)
    finally:
        run.close()


def write(directory: Path, name: str, closed: str, reopened: str) -> Path:
    """The story, its server and its policy; what is expected of the two changes."""
    namespace = f"npol-late-{name}"
    flow = {"from": "client", "to": "web", "port": 8080}
    story = {
        "version": 1,
        "name": name,
        "given": ["given.yaml", "web.yaml"],
        "peers": {
            "client": {"namespace": namespace, "labels": {"app": "client"}},
            "web": {"namespace": namespace, "pod": "web"},
        },
        "steps": [
            {"name": "open", "flows": [flow | {"expect": "allow"}]},
            {"name": "closed", "apply": ["deny.yaml"], "flows": [flow | {"expect": closed}]},
            {"name": "reopened", "delete": ["deny.yaml"], "flows": [flow | {"expect": reopened}]},
        ],
    }
    metadata = {"name": "web", "namespace": namespace, "labels": {"app": "web"}}
    container = {"name": "web", "image": IMAGE, "args": ["netexec", "--http-port=8080"]}
    spec = {"podSelector": {"matchLabels": {"app": "web"}}, "policyTypes": ["Ingress"]}
    objects = {
        "given.yaml": _object("v1", "Namespace", {"name": namespace}),
        "web.yaml": _object("v1", "Pod", metadata) | {"spec": {"containers": [container]}},
        "deny.yaml": _object(
            "networking.k8s.io/v1", "NetworkPolicy", {"name": "deny", "namespace": namespace}
        )
        | {"spec": spec},
    }
    for file, content in objects.items():
        (directory / file).write_text(json.dumps(content))
    path = directory / "late.npol.yaml"
    path.write_text(json.dumps(story))
    return path


def _object(version: str, kind: str, metadata: Mapping[str, object]) -> dict[str, object]:
    return {"apiVersion": version, "kind": kind, "metadata": metadata}


if __name__ == "__main__":
    main()
