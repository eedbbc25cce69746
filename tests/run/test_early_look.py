"""
Before the rounds of a step it is looked, by connections of 0.3 s, whether its change shows.

On Cilium (quiet time 2 s, a change shows after about one) a round that met the change half way
cost each flow its timeout and proved nothing: a blocked step of 81 flows took 3.1 to 4.5 s.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from npol.judge.flow_track import Track
from npol.judge.sample import Patience, Sample
from npol.kube.retry import Clock
from npol.model.agreement import Agreement
from npol.model.expectation import Outcome, Verdict, parse_expectation
from npol.model.probe import Answer, PodRef, ProbeKind, Role
from npol.model.result import Judgement
from npol.model.story import Flow
from npol.model.target import Backend, Target
from npol.run.early_look import EVERY, TIMEOUT, EarlyLook
from npol.run.prepared_flow import PreparedFlow
from tests.judge.lying_world import HERE

OPENS = Agreement(outcomes={Outcome.OPEN})
CLOSES = Agreement(outcomes={Outcome.TIMEOUT})
WAS_OPEN, WAS_CLOSED = (Outcome.OPEN, 0), (Outcome.TIMEOUT, 0)
QUIET = 2.0


def pod(name, number):
    return PodRef(namespace="shop", name=name, uid=name, ip=f"10.1.0.{number}", ready=True)


@dataclass(eq=False)
class Turning:
    """A source whose addresses turn to another answer, each at its time; a silence takes long."""

    source: PodRef
    turns: dict
    """address -> (outcome before, outcome after, when)"""
    time: float = 0.0
    asked: list = field(default_factory=list)
    told: list = field(default_factory=list)

    def ask(self, probes, *, deadline):
        self.asked.append((self.time, tuple(probes)))
        answers = {p.key: Answer(key=p.key, outcome=self.outcome(p)) for p in probes}
        silent = any(a.outcome is Outcome.TIMEOUT for a in answers.values())
        self.time += max(p.timeout for p in probes) if silent else 0.01
        return answers

    def outcome(self, probe):
        before, after, when = self.turns[probe.address]
        return before if self.time < when else after

    def sleep(self, seconds):
        self.time += seconds


def flow(source, name, number, *, expect="allow", protocol="tcp", **more):
    target = pod(name, number)
    asked = Flow(
        name=name,
        at=HERE,
        source="client",
        target=name,
        port=80,
        expect=parse_expectation(expect),
        **more,
    )
    backends = (Backend(ip=target.ip, port=80, pod=target),)
    resolved = Target(label=name, port=80, backends=backends)
    return PreparedFlow(flow=asked, source=source, target=resolved, timeout=5.0)


def look(source, asked, tracks, quiet=QUIET):
    patience = Patience(started=0.0, changed_at=0.0, within=30, quiet=quiet)
    clock = Clock(now=lambda: source.time, sleep=source.sleep)
    EarlyLook(
        step="s", asked=asked, tracks=tracks, patience=patience, say=source.told.append, clock=clock
    ).wait()


def world(before, after, when, *, known, predicted):
    source = Turning(pod("client", 9), {"10.1.0.1": (before, after, when)})
    return source, {"f": flow(source, "f", 1)}, {"f": Track(before=known, predicted=predicted)}


BOTH_WAYS = pytest.mark.parametrize(
    ("before", "after", "known", "predicted"),
    [
        pytest.param(Outcome.OPEN, Outcome.TIMEOUT, WAS_OPEN, CLOSES, id="closes"),
        pytest.param(Outcome.TIMEOUT, Outcome.OPEN, WAS_CLOSED, OPENS, id="opens"),
    ],
)


@BOTH_WAYS
def test_it_is_looked_until_the_change_shows(before, after, known, predicted):
    source, asked, tracks = world(before, after, 1.1, known=known, predicted=predicted)

    look(source, asked, tracks)

    assert 1.1 <= source.time <= 1.1 + EVERY + 2 * TIMEOUT
    assert 1.1 - EVERY - TIMEOUT <= tracks["f"].seen_old_at < 1.1


@BOTH_WAYS
def test_no_longer_than_the_quiet_time(before, after, known, predicted):
    source, asked, tracks = world(before, after, 9.0, known=known, predicted=predicted)

    look(source, asked, tracks)

    assert QUIET <= source.time < QUIET + TIMEOUT + EVERY


def test_connections_are_short_and_only_what_has_not_turned_is_asked_again():
    late, soon = (Outcome.OPEN, Outcome.TIMEOUT, 1.0), (Outcome.OPEN, Outcome.TIMEOUT, 0.1)
    source = Turning(pod("client", 9), {"10.1.0.1": soon, "10.1.0.2": late})
    asked = {"soon": flow(source, "soon", 1), "late": flow(source, "late", 2)}
    tracks = {name: Track(before=WAS_OPEN, predicted=CLOSES) for name in asked}

    look(source, asked, tracks)

    probes = [[p.address for p in probes] for _, probes in source.asked]
    assert probes[0] == ["10.1.0.1", "10.1.0.2"]
    assert probes[-1] == ["10.1.0.2"]
    assert {p.timeout for _, probes in source.asked for p in probes} == {TIMEOUT}
    assert source.told[0] == "step s: 2 of 2 flows are as before yet"
    assert source.told[-1] == "step s: 1 of 2 flows are as before yet"
    assert tracks["soon"].seen_old_at < tracks["late"].seen_old_at


def test_an_http_flow_is_looked_at_by_its_connection_alone():
    source = Turning(pod("client", 9), {"10.1.0.1": (Outcome.TIMEOUT, Outcome.OPEN, 0.0)})
    asked = {"f": flow(source, "f", 1, expect="http 200")}

    look(source, asked, {"f": Track(before=WAS_CLOSED, predicted=OPENS)})

    ((_, (probe,)),) = source.asked
    assert (probe.kind, probe.role) == (ProbeKind.CONNECT, Role.POD)


@pytest.mark.parametrize(
    ("track", "quiet"),
    [
        pytest.param(Track(before=WAS_OPEN, predicted=CLOSES), 0.3, id="a quick plugin"),
        pytest.param(Track(before=WAS_OPEN, predicted=OPENS), QUIET, id="no change"),
        pytest.param(Track(before=None, predicted=CLOSES), QUIET, id="not known before"),
        pytest.param(Track(before=WAS_OPEN), QUIET, id="no prediction"),
    ],
)
def test_where_nothing_is_gained_nothing_is_asked(track, quiet):
    source = Turning(pod("client", 9), {"10.1.0.1": (Outcome.OPEN, Outcome.OPEN, 0.0)})

    look(source, {"f": flow(source, "f", 1)}, {"f": track}, quiet)

    assert (source.asked, source.time) == ([], 0.0)


def test_an_error_is_no_sign_of_the_old_state():
    source, asked, tracks = world(
        Outcome.ERROR, Outcome.TIMEOUT, 0.5, known=WAS_OPEN, predicted=CLOSES
    )

    look(source, asked, tracks)

    assert source.time >= 0.5
    assert tracks["f"].seen_old_at is None


def test_what_was_seen_early_is_among_the_times_of_enforcement():
    patience = Patience(started=10.0, changed_at=10.0, within=30, quiet=QUIET)
    track = Track(before=WAS_OPEN, predicted=CLOSES, seen_old_at=10.9)
    judgement = Judgement(verdict=Verdict.AS_EXPECTED, outcome=Outcome.TIMEOUT)
    for started in (11.1, 11.3):
        track.add(Sample(started, started + 1.0, judgement))

    settled = track.result(patience)

    assert settled.enforced_after == pytest.approx(0.9)
    assert settled.enforced_by == pytest.approx(1.1)


def test_a_flow_that_stays_as_it_was_and_is_to_stay_so_was_never_wrong():
    """With `trust: packets`: what it was seen to be early is what is expected."""
    patience = Patience(started=10.0, changed_at=10.0, within=30, quiet=QUIET)
    track = Track(before=WAS_OPEN, predicted=CLOSES, trust_packets=True, seen_old_at=11.8)
    judgement = Judgement(verdict=Verdict.AS_EXPECTED, outcome=Outcome.OPEN)
    for started in (12.1, 12.3):
        track.add(Sample(started, started, judgement))

    assert track.result(patience).enforced_after == 0.0
