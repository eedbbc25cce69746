"""Sessions of pytest inside a test (the shop), and the values that reports are written about."""

from tests.e2e.conftest import impatient, named, server, shop
from tests.report.conftest import failure, flow, report

__all__ = ["failure", "flow", "impatient", "named", "report", "server", "shop"]
