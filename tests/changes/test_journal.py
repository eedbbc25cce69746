"""The journal's copy in the cluster: chunks, sizes, and what is written when."""

import errno
import os

import pytest

from npol.changes.journal.codec import written
from npol.changes.journal.configmaps import ClusterCopy, chunks_of_runs, read_chunks
from npol.changes.journal_types import PolicySnapshot
from npol.changes.state.snapshot import key_of
from npol.errors import Refused
from npol.kube.api_errors import ApiError
from tests.changes.cluster import STATE, policy


@pytest.fixture
def copy(cluster):
    if cluster.get("namespaces", None, STATE) is None:
        cluster.edit("create", "namespaces", {"metadata": {"name": STATE}})
    return ClusterCopy(cluster.connect(), "r1")


def entry(number, size):
    """A line of about `size` bytes that does not compress."""
    body = policy(f"p{number}")
    body["metadata"]["annotations"] = {"noise": os.urandom(size // 2).hex()}
    return written(number, PolicySnapshot(key=key_of(body), body=body))


def read_back(cluster):
    chunks = chunks_of_runs(cluster.connect())["r1"]
    return chunks, read_chunks(chunks)


def test_a_short_journal_can_be_read_with_kubectl(cluster, copy):
    copy.append([entry(1, 100)])

    chunks, (lines, broken) = read_back(cluster)

    assert "p1" in chunks[0]["data"]["journal.jsonl"]
    assert (list(lines), broken) == ([1], 0)


def test_a_long_journal_is_compressed_and_then_goes_on_in_the_next_chunk(cluster, copy):
    for number in range(1, 9):
        copy.append([entry(number, 250_000)])

    chunks, (lines, broken) = read_back(cluster)

    assert "journal.jsonl.gz" in chunks[0]["binaryData"]
    assert len(chunks) == copy.size > 1
    assert list(lines) == [*range(1, 9)]
    assert broken == 0


def test_an_entry_too_large_for_a_configmap_is_refused_before_the_request(cluster, copy):
    cluster.asked.clear()

    with pytest.raises(Refused, match="a ConfigMap holds 900 kB"):
        copy.append([entry(1, 2_000_000)])

    assert not [a for a in cluster.asked if a.writes]


def test_a_chunk_edited_by_others_is_not_overwritten(cluster, copy):
    copy.append([entry(1, 100)])
    name = cluster.state()["journals"][0]
    cluster.change("configmaps", STATE, name, lambda c: c["data"].update(more="x"))

    with pytest.raises(ApiError) as conflict:
        copy.append([entry(2, 100)])

    assert conflict.value.status == 409


def test_a_damaged_chunk_is_counted_and_does_not_hide_the_others(cluster, copy):
    for number in (1, 2):
        copy.append([entry(number, 100_000)])
    name = cluster.state()["journals"][0]
    cluster.change(
        "configmaps", STATE, name, lambda c: c["binaryData"].update({"journal.jsonl.gz": "AAAA"})
    )

    assert read_back(cluster)[1] == ({}, 1)


def test_removing_leaves_nothing(cluster, copy):
    for number in range(1, 9):
        copy.append([entry(number, 250_000)])

    copy.remove()

    assert cluster.state()["journals"] == []


# -- the disk (F10)


def full(*_):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_full_disk_refuses_a_run_before_it_changes_anything(cluster, begin, monkeypatch):
    before = cluster.state()
    monkeypatch.setattr(os, "fsync", full)

    with pytest.raises(Refused, match="No space left"):
        begin(watched=True)

    assert cluster.state() == before


def test_a_disk_that_fills_up_stops_the_run_which_restores_all_the_same(
    cluster, begin, monkeypatch
):
    before = cluster.state()
    transaction = begin(watched=True)
    transaction.apply(policy("first"))
    monkeypatch.setattr(os, "write", full)

    with pytest.raises(Refused, match="No space left"):
        transaction.apply(policy("second"))

    assert list(cluster.policies()) == ["shop/first"]
    assert transaction.restore().complete
    transaction.close()
    assert cluster.state() == before
