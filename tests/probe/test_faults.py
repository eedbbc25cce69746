"""Two thousand probes with faults thrown in between: never a wrong outcome, at worst an error."""

import random

import pytest

from npol.kube.channels import Channel, ExecBroken, ExecFrame, ExecStatus
from npol.model.expectation import Outcome
from npol.model.probe import Probe, ProbeKind
from npol.probe.prober import Prober
from tests.probe.test_prober import SOURCE, FakeStream

TRUTH = {
    "10.0.0.1": (Outcome.OPEN, 0, "Connection to 10.0.0.1 80 port [tcp/*] succeeded!"),
    "10.0.0.2": (Outcome.REFUSED, 1, "nc: connect to 10.0.0.2 failed: Connection refused"),
    "10.0.0.3": (
        Outcome.TIMEOUT,
        1,
        "nc: connect to 10.0.0.3 timed out: Operation now in progress",
    ),
    "10.0.0.4": (Outcome.UNREACHABLE, 1, "nc: connect to 10.0.0.4 failed: No route to host"),
}
ROUNDS, PROBES = 40, 50


class FaultyStream(FakeStream):
    """Says the truth, but for a fault in every tenth answer."""

    def __init__(self, dice):
        super().__init__()
        self.dice = dice
        self.faults = [
            self.silence,
            self.lie_without_nonce,
            self.kill,
            self.empty_success,
            self.garble,
            self.strays,
            self.torn,
            self.cut,
            self.end_with_success,
            self.taken,
        ]

    def run(self, ticket, argv):
        truth = TRUTH.get(argv[-2], (None, 1, "Connection refused"))
        if truth[0] is None or self.dice.random() > 0.1:
            self.tell(ticket, *truth[1:])
        else:
            self.dice.choice(self.faults)(ticket, *truth[1:])

    def tell(self, ticket, code, words):
        ended = 300 if "timed out" in words else 101
        self.say(ticket, code, words, ended=ended)

    def silence(self, ticket, code, words):
        pass

    def lie_without_nonce(self, ticket, code, words):
        for _, code_, words_ in TRUTH.values():
            self.say(ticket, code_, words_, nonce="0" * 32)
        self.tell(ticket, code, words)

    def kill(self, ticket, code, words):
        self.say(ticket, 137, words)

    def taken(self, ticket, code, words):
        self.say(ticket, 1, "nc: bind failed: Address already in use")

    def empty_success(self, ticket, code, words):
        self.say(ticket, 0, "")

    def garble(self, ticket, code, words):
        self.say(ticket, code, "".join(self.dice.sample(words, len(words))))

    def strays(self, ticket, code, words):
        self.frames.put(ExecFrame(Channel.STDOUT, b"\0\xff" * 50 + b"\n"))
        self.tell(ticket, code, words)

    def torn(self, ticket, code, words):
        line = f"@{self.nonce} {ticket} {code} 100 100 300 {words}"
        cut = self.dice.randrange(len(line))
        self.frames.put(ExecFrame(Channel.STDOUT, line[:cut].encode() + b"\n"))

    def cut(self, ticket, code, words):
        self.frames.put(ExecBroken("the stream ended without a status"))

    def end_with_success(self, ticket, code, words):
        self.end(ExecStatus(exit_code=0))


@pytest.mark.parametrize("seed", [1, 2])
def test_no_fault_makes_a_wrong_outcome(seed):
    dice = random.Random(seed)
    prober = Prober(lambda: FaultyStream(dice), SOURCE, sleep=lambda _: None)
    seen = {"right": 0, "error": 0, "wrong": 0}
    for _ in range(ROUNDS):
        addresses = {str(i): dice.choice(sorted(TRUTH)) for i in range(PROBES)}
        answers = prober.ask([probe(k, a) for k, a in addresses.items()], deadline=0.05)
        for key, address in addresses.items():
            seen[verdict(answers[key].outcome, TRUTH[address][0])] += 1
    prober.close()

    assert seen["wrong"] == 0
    assert sum(seen.values()) == ROUNDS * PROBES
    assert seen["right"] > ROUNDS * PROBES / 4


def verdict(outcome, truth):
    if outcome is truth:
        return "right"
    return "error" if outcome is Outcome.ERROR else "wrong"


def probe(key, address):
    """Ports differ, so that no two questions are the same one."""
    port = 1000 + int(key)
    return Probe(key=key, kind=ProbeKind.CONNECT, address=address, port=port)
