"""What is wrong with files before any policy in them can be looked at."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from npol.errors import Mistake
from npol.policy.lint.findings import LintFinding, LintRule


def of_files(unreadable: Iterable[Mistake], left_out: Iterable[Mistake]) -> Iterator[LintFinding]:
    """Findings for what could not be read, and for YAML that is no object."""
    for rule, mistakes in ((LintRule.UNREADABLE, unreadable), (LintRule.NO_OBJECT, left_out)):
        for mistake in mistakes:
            yield LintFinding(
                rule=rule,
                message=mistake.message,
                fix=mistake.hint,
                subject=mistake.at.file,
                at=mistake.at,
                about_policy=False,
            )
