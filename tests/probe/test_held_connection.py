"""What is said of a connection that is held open, by the lines of the program that holds it."""

import pytest

from npol.probe.held_connection import HeldConnection, parse_event

OPEN = "h0 open 40123 100"
ANSWERED = (OPEN, "h0 sent 1 100", "h0 heard 1 105")


def held(*lines: str) -> HeldConnection:
    connection = HeldConnection(key="k", timeout=1.0)
    for line in lines:
        event = parse_event(f"@n {line}", "n")
        assert event, line
        connection.note(event)
    return connection


@pytest.mark.parametrize(
    ("lines", "after", "outcome"),
    [
        pytest.param((OPEN,), 0, None, id="a handshake is no life yet"),
        pytest.param(ANSWERED, 0, "open", id="answered"),
        pytest.param(ANSWERED, 1, None, id="an answer from before it was asked is an old one"),
        pytest.param((*ANSWERED, "h0 sent 2 300", "- pong 1 1299"), 1, None, id="not long enough"),
        pytest.param((*ANSWERED, "h0 sent 2 300", "- pong 1 1300"), 1, "timeout", id="silent"),
        pytest.param((*ANSWERED, "h0 sent 2 300"), 1, None, id="silence that nobody vouches for"),
        pytest.param(
            (*ANSWERED, "h0 sent 2 300", "- pong 1 9000", "h0 heard 2 9100"),
            2,
            None,
            id="what was in a buffer is not life",
        ),
        pytest.param(
            (*ANSWERED, "h0 sent 2 300", "h0 sent 3 500", "h0 heard 1 900", "- pong 1 1400"),
            1,
            "timeout",
            id="the answer to an old datagram ends no silence",
        ),
        pytest.param((*ANSWERED, "h0 end 0 200 reset by peer"), 1, "reset", id="reset"),
        pytest.param((*ANSWERED, "h0 end 0 200 closed FIN"), 1, "error", id="a server's FIN"),
        pytest.param(("h0 end 0 9 failed refused",), 0, "error", id="never open is no cut"),
        pytest.param((OPEN, "h0 sent 1 1", "- pong 1 9000"), 0, "error", id="never answered"),
    ],
)
def test_life_is_an_answer_to_an_exchange_of_now(lines, after, outcome):
    answer = held(*lines).answer(after)

    assert (answer and answer.outcome.value) == outcome


def test_words_of_others_are_no_events():
    assert parse_event("@other h0 heard 1 5", "n") is None
    assert parse_event("HTTP/1.1 200 OK", "n") is None
