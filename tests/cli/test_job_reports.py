"""What the pods of a Job have logged, as one report; by a cluster that is made up."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from npol.cli.arguments.report import ReportArguments
from npol.cli.job_reports import collected
from npol.cli.report import report as report_command
from npol.errors import ExitCode, InputError
from npol.kube.api_client import Verbs
from npol.kube.api_errors import ApiError
from npol.kube.objects import JOBS, Ref
from npol.kube.retry import Clock
from npol.report.json import to_json_line
from tests.report.conftest import report  # noqa: F401  the fixture

JOB = Ref(JOBS, "npol-system", "smoke")
UID = "5f3e"
DONE = ({"type": "Complete", "status": "True"},)


class Cluster(Verbs):
    """A Job of `parts`, whose pods have logged what the test says."""

    def __init__(self, parts):
        super().__init__()
        self.parts = parts
        self.conditions = [(), (), DONE]
        self.pods = []
        self.logs = {}
        self.now = 0.0

    def pod(self, index, log, *, born=0, owner=UID, containers=("npol",)):
        name = f"smoke-{index}-{len(self.pods)}"
        self.logs[name] = log
        self.pods.append(
            {
                "metadata": {
                    "name": name,
                    "namespace": "npol-system",
                    "creationTimestamp": f"2026-01-01T00:00:{born:02}Z",
                    "annotations": {"batch.kubernetes.io/job-completion-index": str(index)},
                    "ownerReferences": [{"uid": owner}],
                },
                "spec": {"containers": [{"name": c} for c in containers]},
                "status": {"phase": "Succeeded"},
            }
        )

    def raw(self, method, path, *, query=None, **_):
        if path.endswith("/log"):
            return self.logged(path.split("/")[-2], query["container"])
        if path.endswith("/jobs/smoke"):
            status = {"conditions": self.conditions[0]}
            self.conditions = self.conditions[1:] or self.conditions
            spec = {"completions": self.parts}
            return {"metadata": {"name": "smoke", "uid": UID}, "spec": spec, "status": status}
        if path.endswith("/pods"):
            return {"items": self.pods}
        raise ApiError(f"{path}: not found", status=404)

    def logged(self, name, container):
        log = self.logs[name]
        if isinstance(log, str):
            return log
        if isinstance(log, dict):
            return log[container]
        raise ApiError("container is waiting to start", status=400)

    def sleep(self, seconds):
        self.now += seconds

    def collected(self, wait=60.0):
        connection: Any = self
        clock = Clock(now=lambda: self.now, sleep=self.sleep)
        return collected(connection, JOB, wait=wait, clock=clock)


def log_of(*reports):
    return "story a\n  6 of 6 as expected\n" + to_json_line(reports) + "\n"


@pytest.fixture
def parts(report):  # noqa: F811
    return [replace(report, path=f"{name}.npol.yaml", story=name) for name in "ab"]


def test_each_part_tells_its_own_stories(parts):
    cluster = Cluster(2)
    cluster.pod(0, log_of(parts[1]))
    cluster.pod(1, log_of(parts[0]))

    found = cluster.collected()

    assert (list(found.reports), list(found.missing)) == (parts, [])


def test_a_part_without_stories_has_told_all(parts):
    cluster = Cluster(2)
    cluster.pod(0, log_of(*parts))
    cluster.pod(1, "no story is in shard 1/2\n" + to_json_line([]))

    assert list(cluster.collected().missing) == []


def test_the_newest_pod_of_a_part_counts_and_pods_of_an_earlier_job_do_not(parts):
    cluster = Cluster(1)
    cluster.pod(0, log_of(parts[1]), born=1)
    cluster.pod(0, log_of(parts[0]), born=2)
    cluster.pod(0, log_of(parts[1]), born=3, owner="gone")

    assert list(cluster.collected().reports) == parts[:1]


def test_containers_that_a_mesh_puts_in_are_passed_over(parts):
    cluster = Cluster(1)
    cluster.pod(0, {"proxy": "proxy ready", "npol": log_of(parts[0])}, containers=("proxy", "npol"))

    assert list(cluster.collected().reports) == parts[:1]


def test_what_is_written_after_the_report_does_not_hide_it(parts):
    cluster = Cluster(1)
    cluster.pod(0, log_of(parts[0]) + "npol: refused: namespace shop is held\n")

    assert list(cluster.collected().reports) == parts[:1]


@pytest.mark.parametrize(
    ("log", "told"),
    [
        ("npol: cannot reach the cluster\n", "says last: npol: cannot reach the cluster"),
        (None, "container is waiting to start"),
        (to_json_line([])[:-9], "damaged"),
    ],
    ids=["crashed", "waiting", "cut"],
)
def test_a_part_that_has_no_report_is_named(parts, log, told):
    cluster = Cluster(2)
    cluster.pod(0, log_of(parts[0]))
    cluster.pod(1, log)

    found = cluster.collected()

    assert list(found.reports) == parts[:1]
    (line,) = found.missing
    assert line.startswith("part 1 of Job npol-system/smoke has no report: pod smoke-1-1")
    assert told in line


def test_a_part_that_never_had_a_pod_is_named(parts):
    cluster = Cluster(2)
    cluster.pod(0, log_of(parts[0]))

    (line,) = cluster.collected().missing
    assert line.endswith("no pod of it is there")


def test_the_end_of_a_job_is_waited_for_as_long_as_is_said(parts):
    cluster = Cluster(1)
    cluster.conditions = [()]
    cluster.collected(wait=7.0)
    assert 7.0 <= cluster.now <= 9.0

    cluster = Cluster(1)
    cluster.collected(wait=60.0)
    assert cluster.now == 4.0


def test_a_job_that_is_not_there_is_bad_input():
    connection: Any = Cluster(1)

    with pytest.raises(InputError, match="there is no Job npol-system/other"):
        collected(connection, Ref(JOBS, "npol-system", "other"), wait=0.0, clock=Clock())


@pytest.fixture
def job(monkeypatch, parts):
    """`npol report --job`, of a Job whose second part the test writes."""

    def run(second, **arguments):
        cluster = Cluster(2)
        cluster.pod(0, log_of(replace(parts[0], steps=(), error="")))
        cluster.pod(1, second)
        monkeypatch.setattr("npol.cli.report.reports_of_job", lambda *_, **__: cluster.collected())
        return report_command(ReportArguments(job="smoke", context="dev", **arguments))

    return run


def test_the_command_ends_as_the_runs_did(job, parts, capsys):
    assert job(log_of(parts[1])) == parts[1].exit_status == ExitCode.DIFFERS
    assert "2 stories: 6 of 8 as expected" in capsys.readouterr().out


def test_a_part_without_a_report_makes_the_whole_unknown(job, capsys):
    assert job("killed\n") == ExitCode.UNKNOWN
    assert "part 1 of Job npol-system/smoke has no report" in capsys.readouterr().err
