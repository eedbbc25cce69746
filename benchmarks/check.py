"""
How long `npol check` takes, its start included: `python benchmarks/check.py [files]`.

First one chart of 1,000 lines, in seconds of CPU beyond those of a Python that does nothing, as the
best of several; then a directory of many files.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

POLICY = """\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {{name: p{n}, namespace: shop}}
spec:
  podSelector: {{matchLabels: {{app: web{n}}}}}
  policyTypes: [Ingress]
  ingress: [{{from: [{{podSelector: {{}}}}], ports: [{{port: 80}}]}}]
"""
POD = """\
apiVersion: v1
kind: Pod
metadata: {{name: web{n}, namespace: shop, labels: {{app: web{n}}}}}
spec: {{containers: [{{name: web, image: web, ports: [{{containerPort: 80}}]}}]}}
"""


LINES = 1000
RUNS = 7
LIMIT = 0.3


def main() -> int:
    count = int((*sys.argv[1:], "1000")[0])
    seconds = chart()
    print(f"a chart of {LINES} lines: {seconds:.3f} s of CPU (limit {LIMIT} s)")
    directory(count)
    return 1 if seconds > LIMIT else 0


def chart() -> float:
    """Seconds of CPU, those that Python takes to start left out."""
    pair = "---\n".join(("", POD, POLICY))
    lines = "".join(pair.format(n=n) for n in range(LINES)).splitlines()[:LINES]
    while lines[-1] != "---":  # no half object
        lines.pop()
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        file.write("\n".join(lines) + "\n")
        file.flush()
        whole = best("-m", "npol", "check", file.name)
    return whole - best("-c", "pass")


def best(*words: str) -> float:
    return min(once(*words) for _ in range(RUNS))


def once(*words: str) -> float:
    env = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}  # as installed
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, *words], stdout=subprocess.DEVNULL, check=True, env=env)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def directory(count: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for n in range(count):
            text = (POLICY if n % 2 else POD).format(n=n // 2)
            Path(folder, f"{n}.yaml").write_text(text)
        began = time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-m", "npol", "check", "."],
            cwd=folder,
            capture_output=True,
            text=True,
            check=True,
        )
        took = time.perf_counter() - began
    print(f"{count} files: {took:.2f} s; {done.stdout.splitlines()[0]}")


if __name__ == "__main__":
    sys.exit(main())
