"""`--for`: what may be watched, and for how long."""

import json

import pytest

from npol.cli.watched_for import WatchedFor
from npol.errors import InputError
from npol.model.gap import FlowTurn, GapKind
from npol.story import load_story
from tests.e2e.shop import STEPS, write_shop

UNCHANGED = STEPS.partition("  - name: deny all")[0]
TURN = FlowTurn(time="t", flow="f", expected="allow", saw=GapKind.CLOSED, lasted=1.0)


@pytest.fixture
def story(tmp_path):
    return load_story(str(write_shop(tmp_path, UNCHANGED)))


class Run:
    """A run whose one watched flow closes and opens again."""

    def watch(self, seconds, tell):
        self.seconds = seconds
        tell(TURN)
        tell(FlowTurn(time="t", flow="f", expected="allow", saw=None, lasted=2.0))


class Terminal:
    def __init__(self):
        self.turns = []

    def turn(self, turn):
        self.turns.append(turn)


@pytest.fixture
def run():
    return Run()


@pytest.fixture
def terminal():
    return Terminal()


def test_without_it_nothing_is_watched(story):
    assert WatchedFor.of(None, None, [story]) is None


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90.0), ("10m", 600.0), ("12h", 43200.0), ("500ms", 0.5)]
)
def test_a_duration_is_written_as_in_stories_and_may_last_a_day(story, text, seconds):
    assert WatchedFor.of(text, None, [story]).seconds == seconds


@pytest.mark.parametrize(
    ("text", "said"),
    [("10", "did you mean '10s'"), ("25h", "at most 1440m"), ("0s", "more than 0")],
)
def test_no_duration_is_bad_input(story, text, said):
    with pytest.raises(InputError, match=said):
        WatchedFor.of(text, None, [story])


def test_a_story_that_changes_the_cluster_is_refused_at_that_step(tmp_path):
    story = load_story(str(write_shop(tmp_path)))

    with pytest.raises(InputError, match=r"shop.npol.yaml:\d+:\d+: .* step 'deny all' changes it"):
        WatchedFor.of("1m", None, [story])


def test_a_story_without_flows_is_refused(tmp_path):
    checks = "  - name: there\n    state: [{endpoints: web, namespace: shop, port: 80, ready: 1}]\n"

    with pytest.raises(InputError, match="no flow to watch"):
        WatchedFor.of("1m", None, [load_story(str(write_shop(tmp_path, checks)))])


def test_two_stories_are_not_watched_together(story):
    with pytest.raises(InputError, match="watches one story"):
        WatchedFor.of("1m", None, [story, story])


def test_events_without_it_are_bad_input(story):
    with pytest.raises(InputError, match="--events tells what --for sees"):
        WatchedFor.of(None, "-", [story])


def test_events_that_cannot_be_written_are_bad_input(story, tmp_path):
    with pytest.raises(InputError, match="No such file"):
        WatchedFor.of("1m", str(tmp_path / "no" / "events"), [story])


def test_each_turn_is_shown_and_written(story, tmp_path, run, terminal):
    WatchedFor.of("1m", str(tmp_path / "events"), [story]).watch(run, terminal)

    assert [turn.saw for turn in terminal.turns] == [GapKind.CLOSED, None]
    lines = [json.loads(line) for line in (tmp_path / "events").read_text().splitlines()]
    assert [line["saw"] for line in lines] == ["closed", "as expected"]
    assert run.seconds == 60


def test_events_on_standard_output_are_alone_there(story, capsys, run, terminal):
    WatchedFor.of("1m", "-", [story]).watch(run, terminal)

    assert terminal.turns == []
    assert [json.loads(line)["saw"] for line in capsys.readouterr().out.splitlines()] == [
        "closed",
        "as expected",
    ]
