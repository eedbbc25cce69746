from tests.cluster.custody.cluster import policy


def test_a_run_leaves_nothing(cluster, begin):
    before = cluster.state()
    custody = begin("shop", "bank")

    assert custody.apply(policy()) == "created"
    assert custody.apply(policy()) == "unchanged"
    assert list(cluster.policies()) == ["shop/deny-all"]
    assert custody.changed_by_others() == []
    result = custody.restore()
    custody.close()

    assert result.complete, result.problems
    assert result.actions == ("deleted NetworkPolicy shop/deny-all",)
    assert cluster.state() == before
