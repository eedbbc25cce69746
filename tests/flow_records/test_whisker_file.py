"""Calico's flows beside a run: which of them tell of its time, and what is wrong with the file."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from npol.errors import InputError
from npol.flow_records.record_watch import FileWatch, watch
from npol.flow_records.whisker_file import WhiskerFile
from tests.flow_records.test_record_watch import came
from tests.flow_records.test_whisker import answer, item

NOW = datetime(2026, 11, 28, 22, 40, 5, tzinfo=UTC).timestamp()
PAST = item(start_time="2026-11-28T22:39:30Z", end_time="2026-11-28T22:39:45Z")


@pytest.fixture
def file(tmp_path):
    return tmp_path / "flows.json"


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(answer(PAST, item(), item()), id="one-answer"),
        pytest.param(json.dumps(json.loads(answer(PAST, item())), indent=2), id="indented"),
        pytest.param(answer(PAST) + "\n" + answer(item()) + "\n", id="two-answers"),
        pytest.param(f"{json.dumps(PAST)}\n{json.dumps(item())}\n", id="items-by-jq"),
        pytest.param(f"data: {json.dumps(PAST)}\n\ndata: {json.dumps(item())}\n\n", id="a-stream"),
    ],
)
def test_flows_of_the_runs_time_are_read_in_every_form_and_once(file, text):
    file.write_text(text)

    watching = WhiskerFile(str(file), now=lambda: NOW)

    assert [flow.time for flow in watching.summed()] == [NOW + 10]
    assert isinstance(watch(str(file), None), WhiskerFile)


def test_a_file_is_read_anew_when_it_has_been_written_again(file):
    file.write_text(answer(PAST))
    watching = WhiskerFile(str(file), now=lambda: NOW)
    assert watching.summed() == ()
    (said,) = watching.notes()
    assert "no flows of Calico in this run's time" in said

    file.write_text(answer(item()))

    assert len(watching.summed()) == 1


def test_a_file_that_is_cut_off_says_where_and_keeps_the_rest(file):
    file.write_text(answer(item(), item(dest_port=81))[:-40])

    watching = WhiskerFile(str(file), now=lambda: NOW)

    assert len(watching.summed()) == 1
    assert watching.notes()[1] == (
        f"flow records: {file}: line 1: cut off, or no answer of Whisker"
    )


def test_a_default_deny_is_told_apart(file):
    hit = {"kind": "EndOfTier", "action": "Deny", "trigger": {"kind": "NetworkPolicy", "name": "d"}}
    file.write_text(answer(item(action="Deny", policies={"enforced": [hit]})))

    (flow,) = WhiskerFile(str(file), now=lambda: NOW).summed()

    assert (flow.denied, flow.by_default, flow.policies[0].name) == (True, True, "d")


def test_a_file_that_is_empty_yet_is_read_line_by_line(file):
    file.touch()
    watching = watch(str(file), None)
    assert isinstance(watching, FileWatch)

    with file.open("a") as out:
        out.write(answer(item()) + "\n" + json.dumps({"verdict": "DROPPED"}) + "\n")

    assert came(watching, lambda store: store.counts.lines == 2)
    watching.close()
    assert len(watching.summed()) == 1
    assert watching.store.counts.unreadable == 1


def test_a_file_that_is_not_there_is_an_error_of_input(file):
    with pytest.raises(InputError, match="No such file"):
        watch(str(file), None)
