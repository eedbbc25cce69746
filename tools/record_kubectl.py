"""
Records what the real kubectl does in each case of tests/kube/kubectl.

Needs root: it runs itself again in a network and a mount namespace of its own, where the
cases' host names lead to loopback and where a ServiceAccount's files can be put.

    python tools/record_kubectl.py [KUBECTL]
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from tests.kube.kubectl.cases import CASES, Case  # noqa: E402
from tests.kube.kubectl.servers import Authorities, Servers  # noqa: E402
from tests.kube.kubectl.world import laid_out  # noqa: E402

ANSWERS = ROOT / "tests" / "kube" / "kubectl" / "answers.json"
SECRETS = Path("/var/run/secrets/kubernetes.io/serviceaccount")


def main() -> None:
    kubectl = sys.argv[1] if len(sys.argv) > 1 else "kubectl"
    if os.environ.get("INSIDE") != "1":
        command = ["unshare", "--net", "--mount", sys.executable, __file__, kubectl]
        raise SystemExit(subprocess.run(command, env={**os.environ, "INSIDE": "1"}).returncode)
    prepare()
    with tempfile.TemporaryDirectory() as directory:
        pki = Path(directory) / "pki"
        pki.mkdir()
        with Servers(Authorities(pki), address="0.0.0.0") as servers:
            found = {case.name: answer(kubectl, case, servers, Path(directory)) for case in CASES}
    text = json.dumps(found, indent=1, sort_keys=True) + "\n"
    ANSWERS.write_text(text)
    refused = sum(outcome["refused"] for outcome in found.values())
    print(f"{len(found)} cases, {refused} of them refused: {ANSWERS.relative_to(ROOT)}")


def prepare() -> None:
    """Names and addresses of the cases, and an empty place for the account."""
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    subprocess.run(["ip", "address", "add", "10.1.2.3/32", "dev", "lo"], check=True)
    hosts = Path(tempfile.mkdtemp()) / "hosts"
    hosts.write_text("127.0.0.1 localhost api.example.test other.example.test\n")
    subprocess.run(["mount", "--bind", str(hosts), "/etc/hosts"], check=True)
    SECRETS.mkdir(parents=True, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", str(SECRETS)], check=True)


def answer(kubectl: str, case: Case, servers: Servers, directory: Path) -> dict[str, Any]:
    """What comes of `kubectl get pods`."""
    place = Path(tempfile.mkdtemp(dir=directory))
    world = laid_out(case, servers, place)
    for file in SECRETS.iterdir():
        file.unlink()
    if case.account is not None:
        for file in world.account.iterdir():
            (SECRETS / file.name).write_text(file.read_text())
    command = [kubectl, "get", "pods"]
    if world.kubeconfig:
        command.append(f"--kubeconfig={world.kubeconfig}")
    if case.context != "in-cluster":
        command.append(f"--context={case.context}")
    ran = subprocess.run(
        command, env=world.environment, cwd=place, capture_output=True, text=True, timeout=60
    )
    outcome = world.outcome()
    words = (ran.stderr.strip().splitlines() or [""])[-1].replace(str(place), "{dir}")
    print(f"{case.name:55} {'REFUSED ' + words[:150] if outcome['refused'] else outcome}")
    return outcome


if __name__ == "__main__":
    main()
