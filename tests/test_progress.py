"""What is shown while nothing else is: one line on a terminal, few lines in a log."""

from __future__ import annotations

import io

import pytest

from npol.progress import ERASE, Progress, on_stream


class Screen:
    """What was written, and a clock that is moved by hand."""

    def __init__(self, *, rewrites: bool, width: int = 80) -> None:
        self.time = 0.0
        self.written: list[str] = []
        self.progress = Progress(
            self.written.append, rewrites=rewrites, width=lambda: width, now=lambda: self.time
        )

    def at(self, time: float) -> list[str]:
        """What is written when the clock is looked at."""
        self.time, before = time, len(self.written)
        self.progress.tick()
        return self.written[before:]


def test_a_terminal_shows_the_stage_from_a_fifth_of_a_second_on():
    screen = Screen(rewrites=True)
    screen.progress.say("starting a lab")

    assert screen.at(0.1) == []
    assert screen.at(0.2) == [f"{ERASE}starting a lab, 0 s"]
    assert screen.at(2.0) == [f"{ERASE}starting a lab, 2 s"]


def test_a_stages_clock_goes_on_while_its_detail_changes():
    screen = Screen(rewrites=True)
    screen.progress.say("starting debug pods: 0 of 4 running")
    screen.time = 3.0
    screen.progress.say("starting debug pods: 3 of 4 running")

    assert screen.at(4.0) == [f"{ERASE}starting debug pods: 3 of 4 running, 4 s"]
    screen.progress.say("step deny all")
    assert screen.at(5.0) == [f"{ERASE}step deny all, 1 s"]


def test_the_line_is_cut_to_the_terminal_and_goes_while_others_write():
    screen = Screen(rewrites=True, width=20)
    screen.progress.say("a text that is too long for it")
    assert screen.at(1.0) == [f"{ERASE}a text that is too "]

    with screen.progress.aside():
        assert screen.written[-1] == ERASE


def test_a_log_gets_a_line_after_ten_seconds_of_silence_each():
    screen = Screen(rewrites=False)
    for second in range(35):
        screen.time = second
        screen.progress.say(f"step a: {second} of 40 flows")

    assert screen.written == [f"npol: step a: {s} of 40 flows, {s} s\n" for s in (10, 20, 30)]


def test_short_stages_leave_no_line_in_a_log():
    screen = Screen(rewrites=False)
    for second in range(0, 60, 9):
        screen.time = second
        screen.progress.say(f"step {second}")

    assert screen.written == []


def test_a_step_that_is_shown_breaks_the_silence():
    screen = Screen(rewrites=False)
    screen.progress.say("step a")
    screen.time = 8.0
    with screen.progress.aside():
        pass

    assert screen.at(17.0) == []
    assert screen.at(18.0) == ["npol: step a, 18 s\n"]


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize(
    ("environment", "stream", "first"),
    [
        pytest.param({}, Terminal, ERASE, id="terminal"),
        pytest.param({"TERM": "dumb"}, Terminal, "npol: ", id="dumb-terminal"),
        pytest.param({"CI": "true"}, Terminal, "npol: ", id="ci"),
        pytest.param({}, io.StringIO, "npol: ", id="pipe"),
    ],
)
def test_only_a_terminal_of_a_person_is_written_anew(monkeypatch, environment, stream, first):
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    out, clock = stream(), [1.0]
    monkeypatch.setattr("npol.progress.time.monotonic", lambda: clock[0])
    progress = on_stream(out)
    progress.say("working")
    clock[0] = 60.0
    progress.tick()

    assert out.getvalue().startswith(first)
