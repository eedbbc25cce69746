import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from npol.changes.journal.codec import (
    _checksum,
    journal_of,
    merged,
    read_lines,
    text_of,
    written,
)
from npol.changes.journal_types import (
    Action,
    Header,
    Journal,
    Key,
    Left,
    NamespaceSnapshot,
    PolicySnapshot,
    Record,
    State,
)
from npol.errors import Refused
from tests.changes.cluster import policy

POLICY = Key("networking.k8s.io/v1", "NetworkPolicy", "shop", "deny-all")
HEADER = Header(
    run_id="r1",
    cluster_uid="c1",
    story="a.npol.yaml",
    namespaces=("shop",),
    started="2026-01-01T00:00:00+00:00",
    host="here",
    pid=1,
)
ENTRIES = (
    HEADER,
    NamespaceSnapshot(name="shop", uid="u1", labels={"a": "b"}),
    PolicySnapshot(key=POLICY, body=policy()),
    Record(number=1, action=Action.REPLACE, key=POLICY, before=policy(), after=policy()),
    Record(
        number=1,
        action=Action.REPLACE,
        key=POLICY,
        before=policy(),
        after=policy(),
        state=State.DONE,
        uid="u2",
    ),
    Record(
        number=2,
        action=Action.LABEL,
        key=Key("v1", "Pod", "shop", "wéb\u2028"),
        before={"app": None},
        after={"app": "x\ny"},
        uid="u3",
    ),
    Left(steps=("one",)),
)


def text(entries=ENTRIES):
    return text_of(written(n, entry) for n, entry in enumerate(entries, 1))


def test_entries_are_read_as_they_were_written():
    lines, broken = read_lines(text())
    journal = journal_of(lines)

    assert broken == 0
    assert journal.header == HEADER
    assert journal.places == {"shop": ENTRIES[1]}
    assert journal.seen == {POLICY: ENTRIES[2]}
    assert journal.history == [ENTRIES[4], ENTRIES[5]]
    assert journal.left == ENTRIES[6]


def test_the_words_of_the_format_do_not_change_with_the_names_of_classes():
    lines, _ = read_lines(text())
    words = [json.loads(line)["entry"]["is"] for line in lines.values()]

    assert words == ["header", "place", "seen", "record", "record", "record", "left"]


def test_every_line_is_json():
    assert [json.loads(line)["entry"]["n"] for line in text().splitlines()] == [*range(1, 8)]


def test_a_file_torn_at_any_byte_keeps_its_whole_lines():
    data = text().encode()
    ends = [n for n, byte in enumerate(data, 1) if byte == ord("\n")]

    for cut in range(len(data)):
        lines, broken = read_lines(data[:cut].decode(errors="replace"))

        whole = sum(cut >= end - 1 for end in ends)  # the line's end itself may be missing
        assert len(lines) == whole
        assert broken == (0 if cut == 0 or cut in ends or cut + 1 in ends else 1)


@given(st.integers(0, 10_000), st.integers(0, 255))
def test_a_changed_byte_is_noticed(position, byte):
    data = bytearray(text().encode())
    position %= len(data)
    if data[position] == byte:
        return
    data[position] = byte

    lines, broken = read_lines(bytes(data).decode(errors="replace"))

    assert broken
    assert all(line in text() for line in lines.values())


def test_of_two_copies_the_first_wins_and_both_count():
    mine, other = ({1: "a", 2: "b"}, {2: "x", 3: "c"})

    assert merged(mine, other) == {1: "a", 2: "b", 3: "c"}


def line(**changes):
    entry = json.loads(written(1, ENTRIES[3]).partition('"entry":')[2][:-1]) | changes
    entry_text = json.dumps(entry, sort_keys=True, separators=(",", ":"))
    lines, broken = read_lines(f'{{"sum":"{_checksum(entry_text)}","entry":{entry_text}}}')
    assert not broken
    return lines


def made(*key):
    """What the record of a created object says."""
    return {"key": key, "action": "create", "before": None, "after": None}


SECRET = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "x", "namespace": "shop"}}


@pytest.mark.parametrize(
    "forged",
    [
        pytest.param(made("v1", "Node", "", "x"), id="a-node"),
        pytest.param({"key": ["v1", "Secret", "shop", "x"], "after": SECRET}, id="its-content"),
        pytest.param({"after": SECRET}, id="another-object-than-its-key"),
        pytest.param({"after": policy("other")}, id="another-policy-than-its-key"),
        pytest.param({"after": policy(namespace="bank")}, id="another-namespace"),
        pytest.param(made("v1", "Pod", "kube-system", "x"), id="a-protected-namespace"),
        pytest.param(made("v1", "Namespace", "", "kube-system"), id="kube-system-itself"),
        pytest.param({"key": ["apps/v1", "Deployment", "shop", "x"]}, id="content-of-a-workload"),
        pytest.param({"action": "exec"}, id="another-action"),
        pytest.param({"action": "label"}, id="labels-of-a-policy"),
        pytest.param({"command": "rm"}, id="another-field"),
        pytest.param({"is": "code"}, id="another-kind-of-entry"),
        pytest.param({"key": ["v1"]}, id="no-key"),
    ],
)
def test_a_forged_entry_is_refused(forged):
    with pytest.raises(Refused):
        journal_of(line(**forged))


@pytest.mark.parametrize("changes", [{}, made("v1", "Pod", "shop", "x")], ids=["policy", "pod"])
def test_an_honest_entry_is_read(changes):
    assert journal_of(line(**changes)).history


def test_a_journal_of_another_version_is_refused():
    newer = written(1, HEADER).replace('"schema":1', '"schema":2')
    entry = newer.partition('"entry":')[2][:-1]
    lines, _ = read_lines(f'{{"sum":"{_checksum(entry)}","entry":{entry}}}')

    with pytest.raises(Refused, match="another version"):
        journal_of(lines)


def test_an_empty_journal_says_nothing():
    assert journal_of({}) == Journal()
