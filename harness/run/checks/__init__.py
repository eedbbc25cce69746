"""State checks: claims about objects, read until they hold or time is up."""

from harness.run.checks.checking import check_all
from harness.run.checks.view import View

__all__ = ["View", "check_all"]
