"""`hubble observe` in an agent's container: the script as it is, with a hubble of its own."""

from __future__ import annotations

import os
import subprocess
import threading
from pathlib import Path

import pytest

from npol.flow_records import agent_stream
from npol.flow_records.agent_stream import AgentStream
from npol.flow_records.store import RecordStore
from npol.kube.channels import Channel, ExecBroken, ExecFrame, ExecStatus
from npol.model.story import Protocol
from tests.flow_records.test_hubble import SAMPLES

WITHIN = 20.0


class Exec:
    """An exec on this machine, with what is needed of ExecStream."""

    def __init__(self, argv, env):
        self.status: ExecStatus | None = None
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(argv, stdin=pipe, stdout=pipe, stderr=pipe, env=env)
        os.set_blocking(self.process.stdout.fileno(), False)
        self.closed = threading.Event()

    def write(self, data: bytes) -> None:
        if self.closed.is_set():
            raise ExecBroken("it was closed")
        self.process.stdin.write(data)
        self.process.stdin.flush()

    def read(self, timeout: float) -> ExecFrame | None:
        if self.closed.is_set():
            raise ExecBroken("it was closed")
        data = self.process.stdout.read()
        if data:
            return ExecFrame(Channel.STDOUT, data)
        if data is None:
            self.closed.wait(0.005)
            return None
        if words := self.process.stderr.read():
            return ExecFrame(Channel.STDERR, words)
        self.status = ExecStatus(exit_code=self.process.wait(WITHIN))
        return ExecFrame(Channel.ERROR, b"{}")

    def close(self) -> None:
        if not self.closed.is_set():
            self.closed.set()
            self.process.stdin.close()
            self.process.stdin = None


@pytest.fixture
def agent(tmp_path, monkeypatch):
    """An agent's container whose `hubble` is a shell script; execs are kept in `opened`."""
    monkeypatch.setattr(agent_stream, "RETRY", (0.0, 0.0))
    agent = Agent(tmp_path)
    yield agent
    agent.stream.close()
    agent.stream._thread.join(WITHIN)
    for run in agent.opened:
        run.process.communicate(timeout=WITHIN)


class Agent:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.opened: list[Exec] = []
        self.store = RecordStore()
        self.stream = AgentStream(self.open, "node2", self.store)
        self.news = threading.Condition()
        self.store.listen(self._notify)

    def hubble(self, script: str) -> None:
        program = self.folder / "hubble"
        program.write_text(f'#!/bin/sh\necho "$@" >> {self.folder}/asked\n{script}\n')
        program.chmod(0o755)

    def open(self, argv) -> Exec:
        env = {"PATH": f"{self.folder}:{os.environ['PATH']}"}
        self.opened.append(Exec(argv, env))
        return self.opened[-1]

    def asked(self) -> list[str]:
        return (self.folder / "asked").read_text().splitlines()

    def port_came(self, port: int, source: str) -> bool:
        with self.news:
            return self.news.wait_for(
                lambda: bool(self.store.of_probe(Protocol.TCP, source, port, 0.0)), WITHIN
            )

    def _notify(self, _) -> None:
        with self.news:
            self.news.notify_all()


def test_records_come_while_the_command_runs(agent):
    agent.hubble(f"cat {SAMPLES}/observe.jsonl; exec sleep 60")

    agent.stream.follow(["10.244.0.170", "10.244.0.47"])

    assert agent.port_came(20021, "10.244.0.170")
    (asked,) = agent.asked()
    assert asked.startswith("observe -f -o jsonpb -t policy-verdict -t drop -t trace:to-endpoint")
    assert asked.endswith("s --from-ip 10.244.0.170 --from-ip 10.244.0.47")


def test_nothing_is_left_of_a_stream_that_was_closed(agent):
    agent.hubble(f"echo $$ > {agent.folder}/pid; cat {SAMPLES}/observe.jsonl; exec sleep 60")
    agent.stream.follow(["10.244.0.170"])
    assert agent.port_came(20021, "10.244.0.170")

    agent.stream.close()

    agent.opened[0].process.wait(WITHIN)
    with pytest.raises(ProcessLookupError):
        os.kill(int((agent.folder / "pid").read_text()), 0)


def test_a_broken_stream_is_opened_again_from_where_it_broke(agent):
    agent.hubble(
        f"test -e {agent.folder}/again && sed -n 3p {SAMPLES}/observe.jsonl && exec sleep 60\n"
        f"touch {agent.folder}/again; sed -n 1p {SAMPLES}/observe.jsonl"
    )

    agent.stream.follow(["10.244.0.170"])

    assert agent.port_came(20021, "10.244.0.170")
    assert [line.count("--since") for line in agent.asked()] == [1, 1]
    assert not agent.store.complete_since(0.0)


def test_a_source_that_comes_later_is_followed_too(agent):
    agent.hubble(
        f'case "$*" in *10.244.0.170*) sed -n 3p {SAMPLES}/observe.jsonl;; '
        f"*) sed -n 1p {SAMPLES}/observe.jsonl;; esac; exec sleep 60"
    )
    agent.stream.follow(["10.244.0.47"])
    assert agent.port_came(20011, "10.244.0.47")

    agent.stream.follow(["10.244.0.170"])

    assert agent.port_came(20021, "10.244.0.170")
    assert agent.asked()[-1].endswith("--from-ip 10.244.0.170 --from-ip 10.244.0.47")


def test_an_agent_without_hubble_is_given_up_with_its_words(agent):
    agent.hubble("echo 'failed to connect to unix:///var/run/cilium/hubble.sock' >&2; exit 1")

    agent.stream.follow(["10.244.0.47"])
    agent.stream._thread.join(WITHIN)

    assert agent.stream.failed == "failed to connect to unix:///var/run/cilium/hubble.sock"
    assert len(agent.opened) == agent_stream.TRIES


def test_no_right_to_exec_is_said(monkeypatch):
    def forbidden(_):
        raise ExecBroken("HTTP 403: pods/exec is forbidden", passing=False)

    monkeypatch.setattr(agent_stream, "RETRY", (0.0, 0.0))
    stream = AgentStream(forbidden, "node2", RecordStore())
    stream.follow(["10.244.0.47"])
    stream._thread.join(WITHIN)

    assert stream.failed == "HTTP 403: pods/exec is forbidden"
