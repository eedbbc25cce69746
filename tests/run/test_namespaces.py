"""Which namespaces are looked at for what."""

from npol.run.namespaces import workload_namespaces
from npol.story import load_story


def test_workloads_are_looked_at_where_a_peer_names_one():
    story = load_story("fixtures/baseline/baseline.npol.yaml", root=".")

    assert workload_namespaces(story) == {"backend-dev", "frontend-dev"}
