"""What must hold on a cluster that accepts NetworkPolicies and ignores them: four claims."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from npol.cli.arguments.doctor import DoctorArguments
from npol.cli.doctor import doctor
from npol.errors import ExitCode
from npol.model.expectation import Verdict
from npol.model.result import StoryReport
from npol.run import Options
from tests import shop

NOT = "NetworkPolicies are not enforced here: .{20,}"
"""The sentence goes on with how we know."""


def doctor_says_so(options: Options, capsys: pytest.CaptureFixture[str]) -> None:
    code = doctor(DoctorArguments(context=options.context, kubeconfig=options.kubeconfig))

    said = capsys.readouterr().out
    assert code == ExitCode.REFUSED
    assert re.search(f"enforcement +{NOT}", said, re.IGNORECASE), said


def denies_are_refused(options: Options, directory: Path, namespace: str) -> StoryReport:
    report = shop.told(shop.read(shop.write(directory, namespace)), options)

    assert report.exit_code == ExitCode.REFUSED
    assert re.search(NOT, report.error)
    assert [step.name for step in report.steps if step.changes] == []
    return report


def without_policies_it_passes(options: Options, directory: Path, namespace: str) -> None:
    report = shop.told(shop.read(shop.write(directory, namespace, steps="")), options)

    assert (report.exit_code, shop.wrong(report)) == (ExitCode.AS_EXPECTED, []), report.error


def assumed_denies_are_too_open(options: Options, directory: Path, namespace: str) -> None:
    """`options` assume enforcement."""
    hasty = "{timeout: 1s, settle: {within: 6s}}"
    report = shop.told(shop.read(shop.write(directory, namespace, defaults=hasty)), options)

    verdicts = [r.verdict for s in report.steps for r in s.flows]
    assert verdicts == [Verdict.AS_EXPECTED, Verdict.TOO_OPEN]
    assert report.exit_code == ExitCode.DIFFERS
    assert report.restore is not None
    assert report.restore.complete
