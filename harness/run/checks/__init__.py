"""State checks: claims about objects, read until they hold or time is up."""

from harness.run.checks.checking import check_all
from harness.run.checks.readback import cannot_fail
from harness.run.checks.view import View

__all__ = ["View", "cannot_fail", "check_all"]
