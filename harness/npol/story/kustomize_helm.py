"""kustomize and helm, run as subprocesses: npol renders nothing itself."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence

from npol.story.field_validators import NotValid, shown
from npol.yaml_positions import MAX_RENDERED

_LOGGED = '"command failed" err='
_ADVICE = "Use --debug flag"
PATIENCE = 60.0
"""Seconds after which a renderer is given up."""


def kustomize(directory: str, written: str) -> bytes:
    """
    The manifests of a kustomization.

    Raises:
        NotValid: neither kubectl nor kustomize is there, or it fails.
    """
    if not os.path.isdir(directory):
        raise NotValid(f"not a directory: {shown(written)}")
    if tool := shutil.which("kubectl"):
        return _run([tool, "kustomize", directory], written)
    if tool := shutil.which("kustomize"):
        return _run([tool, "build", directory], written)
    hint = "install kubectl, or render it to a file first"
    raise NotValid(f"{shown(written)} needs kubectl or kustomize, and neither is on PATH", hint)


def helm(chart: str, written: str, *, values: Sequence[str], name: str, namespace: str) -> bytes:
    """
    The manifests of a chart; hooks and tests are left out.

    Raises:
        NotValid: helm is not there, or it fails.
    """
    if not os.path.isfile(os.path.join(chart, "Chart.yaml")):
        raise NotValid(f"not a chart: {shown(written)} (no Chart.yaml)")
    tool = shutil.which("helm")
    if not tool:
        hint = "install helm, or render the chart to a file first"
        raise NotValid(f"{shown(written)} needs helm, which is not on PATH", hint)
    release = name or os.path.basename(chart).lower()
    options = [f"--values={path}" for path in values]
    options += [f"--namespace={namespace}"] if namespace else []
    return _run([tool, "template", release, chart, "--no-hooks", *options], written)


def _run(command: Sequence[str], written: str) -> bytes:
    tool = " ".join([os.path.basename(command[0]), command[1]])
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=PATIENCE, check=False
        )
    except subprocess.TimeoutExpired:
        raise NotValid(f"`{tool}` on {shown(written)} took more than {PATIENCE:g} s") from None
    except OSError as error:
        raise NotValid(f"`{tool}` did not start: {error.strerror}") from None
    if done.returncode:
        raise NotValid(f"`{tool}` on {shown(written)} failed: {_reason(done.stderr)}")
    if len(done.stdout) > MAX_RENDERED:
        raise NotValid(f"{shown(written)} renders to more than {MAX_RENDERED // 1_000_000} MB")
    return done.stdout


def _reason(output: bytes) -> str:
    """What it says last of why, without kubectl's log line around it and helm's advice after it."""
    written = output[-8000:].decode(errors="replace").splitlines()
    lines = [line.strip() for line in written if line.strip(" \t>")]
    lines = [line for line in lines if not line.startswith(("# Warning", _ADVICE))]
    logged = max((n for n, line in enumerate(lines) if _LOGGED in line), default=len(lines) - 1)
    text = " ".join(lines[max(logged, 0) :]).rpartition(_LOGGED)[2]
    text = text.removeprefix("<").strip(' "').removeprefix("Error: ")
    return shown(text, most=500)[1:-1] if text else "no message"
