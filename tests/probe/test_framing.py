"""The lines between prober and program: what goes in comes back, and nothing can forge it."""

import base64
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from npol.probe.command import Capture, Command
from npol.probe.framing import LINE_END, LONGEST, Frames, bodied, program, request

NONCE = "0123456789abcdef0123456789abcdef"


def line(text="", *, ident="a1", code="0", nonce=NONCE):
    return f"@{nonce} {ident} {code} 100 101 201 {text} @{nonce}\n".encode()


def test_an_answer_carries_its_times_in_seconds():
    (frame,) = Frames(NONCE).feed(line("ok"))

    assert (frame.asked, frame.began, frame.ended) == (1.0, 1.01, 2.01)


def test_an_answer_may_come_in_pieces():
    frames = Frames(NONCE)
    whole = line("one") + line("two", ident="a2")

    found = [f.words for i in range(len(whole)) for f in frames.feed(whole[i : i + 1])]

    assert found == ["one", "two"]


def test_answers_that_were_written_into_one_line_are_told_apart():
    glued = line("one").rstrip(b"\n") + line("two", ident="a2")

    assert [f.id for f in Frames(NONCE).feed(glued)] == ["a1", "a2"]


@given(st.binary(max_size=300))
def test_nothing_without_the_nonce_is_an_answer(noise):
    frames = Frames(NONCE)

    found = list(frames.feed(noise + b"\n" + line("real") + noise + b"\n"))

    assert [f.words for f in found] == ["real"]


@given(st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\n"), max_size=200))
def test_text_that_looks_like_an_answer_stays_text(text):
    forged = f"@{'f' * 32} a1 0 1 1 1 {text} @{'f' * 32}"

    (frame,) = Frames(NONCE).feed(line(forged))

    assert frame.words.startswith("@ffff")


def test_bytes_outside_of_answers_are_counted():
    frames = Frames(NONCE)
    list(frames.feed(b"x" * 1000 + b"\n" + line("ok") + b"y" * (LONGEST + 1)))

    assert frames.strays == 1000 + LONGEST + 1


def captured(words, code, body):
    packed = base64.encodebytes(body).decode().strip()
    return f"{words}\nexit={code}\nbody={packed}"


@given(
    st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\r"), max_size=80),
    st.integers(0, 255),
    st.binary(max_size=200),
)
def test_no_words_and_no_body_can_move_the_seams(words, code, body):
    assert bodied(captured(words, code, body)) == (code, words, body)


@pytest.mark.parametrize(
    "words", ["exit=0\nbody=", "exit=0\nbody=aGk=", "body=aGk=\nexit=0", "\nexit=7\n"]
)
def test_words_that_imitate_the_seams_change_nothing(words):
    assert bodied(captured(words, 28, b"\nexit=0\nbody=")) == (28, words, b"\nexit=0\nbody=")


@pytest.mark.parametrize(
    "text", ["", "words", "exit=0", "body=", "exit=x\nbody=", "exit=0\nbody=%"]
)
def test_a_garbled_body_is_none(text):
    assert bodied(text) is None


WORDS = st.binary(min_size=1, max_size=60).filter(lambda b: b"\0" not in b)


@given(st.lists(WORDS, min_size=1, max_size=5))
def test_requests_are_one_line_of_words_without_shell_characters(words):
    command = Command(
        tool="t",
        reader="nc",
        argv=tuple(w.decode("latin-1") for w in words),
        capture=Capture.TEXT,
    )

    sent = request("a1", command)

    assert sent.count(b"\n") == 1
    assert not set(sent) & set(b"'\"`$;&|<>()*?[]!#\t\r")


def test_an_empty_argument_cannot_be_sent():
    with pytest.raises(ValueError, match="must not be empty"):
        request("a1", Command(tool="t", reader="nc", argv=("x", "")))


def test_the_program_is_plain_ascii_and_short_enough_to_send_at_once():
    sent = program()

    assert sent.isascii()
    assert len(sent) < 8192
    assert sent.endswith(b"\n#end\n")
    assert sent.count(b"#end") == 1


def test_the_program_evaluates_no_data():
    """`eval` is in the bootstrap, for the program itself; nowhere else."""
    words = program().split()

    assert not {b"eval", b"source", b"."} & set(words)


def test_the_program_is_valid_in_this_shell(shell):
    text = program().decode().removesuffix("#end\n")

    assert subprocess.run([*shell, "-n"], input=text, text=True, check=False).returncode == 0


def test_line_ends_travel_as_one_byte():
    (frame,) = Frames(NONCE).feed(line(f"one{LINE_END}two"))

    assert frame.words == "one\ntwo"
