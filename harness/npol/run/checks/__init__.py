"""State checks: claims about objects, read until they hold or time is up."""

from npol.run.checks.run_checks import check_all
from npol.run.checks.self_fulfilling import cannot_fail
from npol.run.checks.view import View

__all__ = ["View", "cannot_fail", "check_all"]
