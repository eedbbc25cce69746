"""Values that no option may have: a usage error, before anything is collected."""

import pytest


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ("--npol-settle=-1", "--npol-settle: '-1' is not a number of at least 0"),
        ("--npol-settle=soon", "--npol-settle: 'soon' is not a number of at least 0"),
        ("--npol-wait=nan", "--npol-wait: 'nan' is not a number of at least 0"),
        ("--npol-start-within=inf", "'inf' is not a number of at least 0"),
        ("--npol-qps=0", "--npol-qps: '0' is not a number of at least 0.1"),
        ("--npol-max-unlisted-pods=-1", "'-1' is not a whole number of at least 0"),
        ("--npol-max-unlisted-pods=1.5", "'1.5' is not a whole number of at least 0"),
        ("--npol-ip-families=IPv5", "--npol-ip-families: a lab has IPv4, or IPv4,IPv6, not IPv5"),
        ("--npol-flow-records=gone", "--npol-flow-records gone: No such file or directory"),
    ],
)
def test_a_value_that_an_option_may_not_have_is_a_usage_error(shop, option, said):
    result = shop.runpytest_inprocess(option)

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert said in f"{result.stdout}{result.stderr}"


def test_ip_families_of_a_cluster_are_a_usage_error(shop, monkeypatch):
    monkeypatch.setattr("npol.target_cluster.named", lambda *_: object())

    result = shop.runpytest_inprocess("--npol-ip-families=IPv4")

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: --npol-ip-families is for a lab: *"])
