import asyncio

import pytest

from npol_lab.node.logs import Log, LogOptions


class Clock:
    def __init__(self) -> None:
        self.now = 1_700_000_000.0

    def __call__(self) -> float:
        self.now += 1
        return self.now


def read(log, **options):
    async def collect():
        return [chunk async for chunk in log.read(LogOptions(**options))]

    return b"".join(asyncio.run(collect()))


@pytest.fixture
def log():
    log = Log(clock=Clock())
    log.write(b"one\ntwo\nthr")
    log.write(b"ee\nfour")
    log.close()
    return log


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        pytest.param({}, b"one\ntwo\nthree\nfour", id="all-and-no-newline-invented"),
        pytest.param({"tail": 2}, b"three\nfour", id="tail"),
        pytest.param({"tail": 0}, b"", id="tail-none"),
        pytest.param({"since": 1_700_000_003.0}, b"three\nfour", id="since"),
        pytest.param({"limit": 5}, b"one\nt", id="limit"),
        pytest.param(
            {"tail": 1, "timestamps": True}, b"2023-11-14T22:13:24.000000000Z four", id="timestamps"
        ),
    ],
)
def test_reading_gives_what_is_asked(log, options, expected):
    assert read(log, **options) == expected


def test_following_ends_after_the_last_line():
    async def follow():
        log = Log()
        log.write(b"before\n")
        lines = []

        async def reader():
            async for line in log.read(LogOptions(follow=True)):
                lines.append(line)

        task = asyncio.create_task(reader())
        for text in (b"during\n", b"last"):
            await asyncio.sleep(0)
            log.write(text)
        log.close()
        await asyncio.wait_for(task, 2)
        return lines

    assert asyncio.run(follow()) == [b"before\n", b"during\n", b"last"]


def test_hidden_lines_are_not_kept():
    log = Log(hide=b"initgroups(")
    log.write(b"good\n[emerg] initgroups(nginx, 0) failed\nbad\n")

    assert read(log) == b"good\nbad\n"
