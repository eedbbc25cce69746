"""
The main job in the lab, for somebody who has never seen it.

Runs the baseline story, then a story that is wrong on purpose. Ends with 0 exactly when the
first holds and the second fails as it should. Where a lab cannot be, the same stories are foretold
from their policies, and no packet is sent: that is said first and last.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from npol_lab.availability import why_no_lab

ROOT = Path(__file__).parent.parent
NPOL = ROOT / ".venv" / "bin" / "npol"
BASELINE = "fixtures/baseline/baseline.npol.yaml"
PREDICTED = "demo: PREDICTION ONLY, no packet was sent"
BROKEN = "fixtures/baseline/broken-story.yaml"


def told(command: str, story: str) -> subprocess.Popen[bytes]:
    """A story's run, started; its output is kept until it is its turn to be shown."""
    return subprocess.Popen([NPOL, command, story], cwd=ROOT, stdout=subprocess.PIPE)


def shown(run: subprocess.Popen[bytes]) -> int:
    """Print a run's lines as they come; its exit code."""
    assert run.stdout is not None
    for line in run.stdout:
        sys.stdout.buffer.write(line)
        sys.stdout.buffer.flush()
    return run.wait()


def main() -> int:
    without = why_no_lab()
    command = "plan" if without else "run"
    if without:
        print(f"{PREDICTED}: {without}\n")
    print("1. A story that holds: policies cut flows, allows open them, the rollback restores.\n")
    baseline, broken = (told(command, story) for story in (BASELINE, BROKEN))  # each in its own lab
    held = shown(baseline)
    print("\n2. A story that is wrong on purpose: a rule names the Service's port.\n")
    failed = shown(broken)
    as_it_should = held == 0 and failed == 1
    said = "the first story holds and the second fails, as it should"
    if not as_it_should:
        story, wanted, code = (BASELINE, 0, held) if held else (BROKEN, 1, failed)
        said = (
            f"NOT as it should be: {story} ended with {code}, not {wanted}; its last line says why"
        )
    print(f"\ndemo: {said}.")
    if without:
        print(f"{PREDICTED}; for real packets: {without.hint}.")
    return 0 if as_it_should else 1


if __name__ == "__main__":
    sys.exit(main())
