"""How long `npol check .` takes: `python benchmarks/check.py [files]`, its start included."""

from __future__ import annotations

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


def main() -> None:
    count = int((*sys.argv[1:], "1000")[0])
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
    main()
