"""kustomize and helm, asked for manifests: npol renders nothing itself."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
from collections.abc import Sequence

from npol.story import chart_files, enclosed, renderer
from npol.story.field_validators import NotValid, object_name, shown

_LOGGED = '"command failed" err='
_ADVICE = "Use --debug flag"
OPTIONS = ("--no-hooks", "--skip-schema-validation")
"""A schema of values may name files and addresses, which helm reads and fetches."""
MOST_OF_A_RELEASE = 53
"""Characters of a release's name."""
NOT_FOUND = 127
"""What a shell ends with whose command is not there."""


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
    options = [f"--values={_one_value(path)}" for path in values]
    options += [f"--namespace={namespace}"] if namespace else []
    release = name or _release_of(os.path.basename(chart))
    with chart_files.without_git(chart) as folder:
        return _run([tool, "template", *OPTIONS, *options, "--", release, folder], written)


def _release_of(folder: str) -> str:
    """A chart's folder as a release's name: as it is, where helm takes it so."""
    name = folder.lower()
    with contextlib.suppress(NotValid):
        if len(name) <= MOST_OF_A_RELEASE:
            return object_name(name)
    return re.sub("[^a-z0-9]+", "-", name)[:MOST_OF_A_RELEASE].strip("-") or "release"


def _one_value(path: str) -> str:
    """Of an option that helm reads as a line of CSV, where a comma would end the path."""
    return '"' + path.replace('"', '""') + '"'


def _run(command: Sequence[str], written: str) -> bytes:
    program = os.path.abspath(command[0])
    tool = " ".join([os.path.basename(program), command[1]])
    try:
        ended = renderer.render([program, *command[1:]])
    except renderer.GivenUp as error:
        raise NotValid(f"`{tool}` on {shown(written)} {error}") from None
    if ended.code in (enclosed.NOT_STARTED, NOT_FOUND):
        hint = "it must be the program itself: what stands in for it finds nothing on PATH"
        raise NotValid(f"`{tool}` did not start: {_reason(ended.said)}", hint)
    if b"unknown flag" in ended.said:
        raise NotValid(f"`{tool}` is too old", "helm 3.16 or later is needed")
    if ended.code:
        raise NotValid(f"`{tool}` on {shown(written)} failed: {_reason(ended.said)}")
    return ended.written


def _reason(output: bytes) -> str:
    """What it says last of why, without kubectl's log line around it and helm's advice after it."""
    written = output[-8000:].decode(errors="replace").splitlines()
    lines = [line.strip() for line in written if line.strip(" \t>")]
    lines = [line for line in lines if not line.startswith(("# Warning", _ADVICE))]
    logged = max((n for n, line in enumerate(lines) if _LOGGED in line), default=len(lines) - 1)
    text = " ".join(lines[max(logged, 0) :]).rpartition(_LOGGED)[2]
    text = text.removeprefix("<").strip(' "').removeprefix("Error: ")
    return shown(text, most=500)[1:-1] if text else "no message"
