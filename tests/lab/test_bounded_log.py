"""What pods make the lab complain of fills no disk."""

import io
import logging

from npol_lab.bounded_log import FULL, BoundedLog


def test_a_log_ends_where_there_is_no_more_room():
    told = io.StringIO()
    log = logging.Logger("x")
    log.addHandler(BoundedLog(told, most=25))
    for number in range(10):
        log.warning("ten bytes%d", number)

    assert told.getvalue().splitlines() == ["ten bytes0", "ten bytes1", FULL]
