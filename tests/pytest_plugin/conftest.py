"""The values that reports are written about."""

from tests.report.conftest import failure, flow, report

__all__ = ["failure", "flow", "report"]
