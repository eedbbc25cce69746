"""The limit of requests a second on npol's side. Time is a number that the tests choose."""

import pytest

from npol.errors import InputError
from npol.kube.connection import Mode
from npol.kube.pace import Pace
from npol.kube.retry import Clock
from tests.kube.fake_api import reply


class Times:
    """A clock that moves by sleeping only; remembers when each request went."""

    def __init__(self):
        self.now = 100.0
        self.went = []
        self.clock = Clock(now=lambda: self.now, sleep=self.sleep)

    def sleep(self, seconds):
        self.now += seconds

    def send(self, pace, count):
        for _ in range(count):
            pace.wait()
            self.went.append(self.now)


@pytest.mark.parametrize("a_second", [0.5, 5, 50])
def test_requests_do_not_exceed_so_many_a_second_beyond_a_burst(a_second):
    times = Times()

    times.send(Pace(a_second, times.clock), 200)

    for number, at in enumerate(times.went):
        allowed = max(1, 2 * a_second) + (at - 100.0) * a_second
        assert number < allowed + 1e-6


def test_a_burst_goes_at_once_and_is_there_again_after_a_pause():
    times = Times()
    pace = Pace(5, times.clock)

    times.send(pace, 10)
    assert times.now == pytest.approx(100.0)
    times.now += 60.0
    times.send(pace, 10)
    assert times.now == pytest.approx(160.0)
    times.send(pace, 5)
    assert times.now == pytest.approx(161.0)


def test_every_request_of_a_connection_waits_for_its_turn(api, to):
    times = Times()
    api.on("GET", "/version", reply(body={}))
    connection = to(Mode.READ_ONLY, clock=times.clock, qps=1)

    for _ in range(5):
        connection.raw("GET", "/version")

    assert times.now == pytest.approx(103.0)


def test_no_request_at_all_is_no_limit_that_could_be_meant(to):
    with pytest.raises(InputError, match="above 0"):
        to(qps=0)
