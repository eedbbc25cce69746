"""Many pods at once: whoever else has something to do has a turn in between."""

import asyncio
import itertools

import pytest

from npol_lab.controllers import jobs, replicasets, statefulsets

MANY = {"replicas": 20, "podManagementPolicy": "Parallel"}


@pytest.mark.parametrize(
    ("resource", "only", "counts"),
    [
        ("replicasets.apps", "ReplicaSets", {"replicas": 20}),
        ("statefulsets.apps", "StatefulSets", MANY),
        ("jobs.batch", "Jobs", {"parallelism": 20, "completions": 20}),
    ],
)
def test_pods_are_made_in_bursts(cluster, live, workload, monkeypatch, resource, only, counts):
    for module in (replicasets, statefulsets, jobs):
        monkeypatch.setattr(module, "BURST", 3)
    spec = {**workload(20), **counts}
    if resource == "jobs.batch":
        spec = {"template": spec["template"], **counts}
        spec["template"]["spec"]["restartPolicy"] = "Never"

    async def work():
        cluster.create(resource, "web", spec)
        found = [0]
        for _ in range(200):
            await asyncio.sleep(0)
            found.append(len(cluster.pods()))
        return found

    found = live(work, only)
    assert found[-1] == 20
    assert max(after - before for before, after in itertools.pairwise(found)) <= 3
