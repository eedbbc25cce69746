"""The benchmark that counts false verdicts finds them in a report."""

import pytest

from benchmarks.load import outcome

PASSED = '<testcase classname="tests.a" name="test_a"/>'
SKIPPED = '<testcase classname="tests.a" name="test_s"><skipped/></testcase>'
FAILED = (
    '<testcase classname="tests.a" name="test_f"><failure message="{0}">'
    "&gt;  assert verdict == 'as expected'\nE  {0}</failure></testcase>"
)


def report(*cases):
    return f"<testsuites><testsuite>{''.join(cases)}</testsuite></testsuites>"


def test_a_failure_that_names_a_verdict_is_a_false_one():
    found = outcome(report(PASSED, SKIPPED, FAILED.format("assert ['flapping'] == []")))

    assert (found.tests, found.skipped, len(found.failed)) == (3, 1, 1)
    assert found.false_verdicts == {"tests.a::test_f": ["flapping"]}


def test_the_verdict_on_a_storys_flow_is_one():
    flow = (
        '<testcase classname="s.npol.yaml" name="f"><failure message="{0}">{0}</failure></testcase>'
    )
    found = outcome(
        report(flow.format("TOO CLOSED: web -&gt; db:5432  (step one)\n  seen  timeout"))
    )

    assert found.false_verdicts == {"s.npol.yaml::f": ["too closed"]}


def test_a_failure_without_a_verdict_is_counted_apart():
    found = outcome(report(FAILED.format("TimeoutError: no answer")))

    assert len(found.failed) == 1
    assert found.false_verdicts == {}


@pytest.mark.parametrize(
    ("words", "by_time"),
    [
        ("TimeoutError: no answer", 1),
        ("Failed: Timeout (&gt;120.0s) from pytest-timeout.", 1),
        ("assert 3.52 &lt; 3.0", 1),
        ("assert 'timeout' == 'open'", 0),
        ("assert 3 == 4", 0),
    ],
)
def test_a_failure_by_time_says_so_and_names_no_verdict(words, by_time):
    assert len(outcome(report(FAILED.format(words))).by_time) == by_time


def test_a_run_without_tests_is_no_measurement():
    with pytest.raises(SystemExit, match="no test ran"):
        outcome(report())
