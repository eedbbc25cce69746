import os
import signal
import subprocess
import sys
import threading

import pytest

from npol.kube.signals import SIGNALS, Stop, Stopped, pull

INT, TERM, HUP = SIGNALS


class Time:
    """A clock that only tests move."""

    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Time()


@pytest.fixture
def stop(clock):
    with Stop(now=clock) as stop:
        yield stop


def send(number):
    os.kill(os.getpid(), number)


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_is_raised_where_the_run_is(stop, number):
    with pytest.raises(Stopped) as stopped:
        send(number)

    assert stopped.value.exit_code == 128 + number
    assert stop.number == number


def test_a_stop_is_a_keyboard_interrupt_so_that_pytest_tears_down(stop):
    with pytest.raises(KeyboardInterrupt):
        send(TERM)


def test_a_write_is_not_interrupted(stop):
    reached = []

    with pytest.raises(Stopped):  # noqa: PT012  the signal is raised at the end of the shield
        with stop.shield():
            with stop.shield():
                send(TERM)
                reached.append("inner")
            reached.append("outer")
        reached.append("after")

    assert reached == ["inner", "outer"]


def test_an_error_in_a_write_is_not_hidden_by_a_signal(stop):
    def fail():
        with stop.shield():
            send(TERM)
            raise ValueError("mine")

    with pytest.raises(ValueError, match="mine"):
        fail()
    with pytest.raises(Stopped), stop.shield():
        pass


def test_a_wait_inside_a_shield_can_be_ended(stop):
    with stop.shield():
        send(TERM)
        with pytest.raises(Stopped):
            stop.check()


def test_only_the_first_signal_is_raised(stop):
    with pytest.raises(Stopped):
        send(TERM)

    for number in (HUP, TERM, INT):
        send(number)

    assert stop.number == TERM


def test_a_restore_is_never_interrupted(stop):
    with stop.restoring():
        send(INT)
    with stop.shield():
        pass

    assert (stop.number, stop.hurried) == (INT, False)


@pytest.mark.parametrize(
    ("numbers", "hurried"),
    [
        pytest.param([INT, INT], True, id="twice-interrupted"),
        pytest.param([TERM, INT], True, id="interrupted-while-it-ends"),
        pytest.param([INT, TERM], False, id="terminated-after-an-interrupt"),
        pytest.param([HUP, HUP], False, id="a-shell-and-a-terminal-hang-up"),
        pytest.param([TERM, TERM], False, id="terminated-twice"),
    ],
)
def test_only_a_further_interrupt_hurries(stop, clock, numbers, hurried):
    with stop.restoring():
        for number in numbers:
            send(number)
            clock.now += 1.0

    assert stop.hurried is hurried


def test_one_ctrl_c_that_comes_twice_counts_once(stop, clock):
    """From the terminal, and from a wrapper like make or uv that passes it on."""
    with stop.restoring():
        send(INT)
        clock.now += 0.05
        send(INT)

    assert not stop.hurried


def test_the_handlers_of_before_are_back_afterwards():
    before = [signal.getsignal(number) for number in SIGNALS]

    with Stop():
        assert [signal.getsignal(number) for number in SIGNALS] != before

    assert [signal.getsignal(number) for number in SIGNALS] == before


def test_stop_outside_the_main_thread_installs_no_handler():
    failures = []

    def run():
        try:
            with Stop() as stop, stop.shield():
                pass
        except BaseException as error:
            failures.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()

    assert failures == []


def test_stop_that_is_not_entered_changes_nothing():
    stop = Stop()
    with stop.shield(), stop.restoring():
        stop.check()

    assert not stop.number


NOHUP = """
import os, signal
from npol.kube.signals import Stop
signal.signal(signal.SIGHUP, signal.SIG_IGN)
with Stop() as stop:
    os.kill(os.getpid(), signal.SIGHUP)
print(stop.number)
"""


def test_nohup_stays_in_force():
    done = subprocess.run([sys.executable, "-c", NOHUP], stdout=subprocess.PIPE, check=True)

    assert done.stdout == b"0\n"


def test_a_broken_pipe_stops_the_innermost_signal_handler(stop):
    with Stop() as inner, pytest.raises(Stopped) as stopped, inner.shield():
        pull(signal.SIGPIPE)

    assert stopped.value.exit_code == 141
    assert stop.number == 0


def test_a_child_is_told_and_its_restore_keeps_no_signal_from_its_parent(stop):
    other = stop.child()
    with other.restoring(), other.shield():
        pass

    with pytest.raises(Stopped):
        send(TERM)
    assert other.number == TERM

    late = stop.child()
    with pytest.raises(Stopped):
        late.check()


def test_a_child_is_hurried_by_a_second_interrupt(stop, clock):
    other = stop.child()
    with stop.restoring():
        send(INT)
        clock.now = 1.0
        send(INT)

    assert other.hurried


def test_a_signal_that_the_restore_kept_back_is_raised_for_who_would_go_on(stop):
    with stop.restoring():
        send(TERM)

    with pytest.raises(Stopped):
        stop.raise_kept_back()
    stop.raise_kept_back()


def test_two_that_are_left_in_another_order_leave_handlers_as_they_were(clock):
    before = [signal.getsignal(number) for number in SIGNALS]
    one, two = Stop(now=clock), Stop(now=clock)
    one.__enter__()
    two.__enter__()
    one.__exit__(None, None, None)

    with pytest.raises(Stopped):
        send(INT)
    assert (one.number, two.number) == (0, INT)

    two.__exit__(None, None, None)
    assert [signal.getsignal(number) for number in SIGNALS] == before
