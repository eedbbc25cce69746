"""The namespaces of a run, read by themselves."""

from npol.changes.journal_types import CLUSTER
from npol.changes.state.snapshot import take_places


def test_namespaces_may_come_one_by_one(cluster):
    """An iterator is through after its first reader."""
    found = take_places(cluster.connect(), iter(["shop", CLUSTER]))

    assert sorted(found.places) == [CLUSTER, "shop"]
