import pytest

JOBS = "jobs.batch"
ONLY = ("Jobs",)


def job(**spec):
    template = {
        "metadata": {},
        "spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "busybox"}]},
    }
    return {"template": template, **spec}


def condition(cluster):
    found = cluster.get(JOBS, "j")["status"].get("conditions") or []
    return [(c["type"], c["reason"]) for c in found]


@pytest.mark.parametrize(("completions", "parallelism"), [(1, 1), (3, 2)])
def test_a_job_is_complete_when_enough_pods_have_succeeded(cluster, live, completions, parallelism):
    most = 0

    async def work():
        nonlocal most
        cluster.create(JOBS, "j", job(completions=completions, parallelism=parallelism))
        for _ in range(completions):
            await cluster.settle()
            active = [p for p in cluster.pods() if p["status"]["phase"] == "Pending"]
            most = max(most, len(active))
            if active:
                cluster.report(active[0], phase="Succeeded", ready=False)
        await cluster.settle()

    live(work, *ONLY)
    assert most == parallelism
    assert cluster.get(JOBS, "j")["status"]["succeeded"] == completions
    reason = "CompletionsReached"
    assert condition(cluster) == [("SuccessCriteriaMet", reason), ("Complete", reason)]


def test_a_job_fails_past_its_backoff_limit(cluster, live):
    async def work():
        cluster.create(JOBS, "j", job(backoffLimit=1))
        for _ in range(2):
            await cluster.settle()
            (active,) = [p for p in cluster.pods() if p["status"]["phase"] == "Pending"]
            cluster.report(active, phase="Failed", ready=False)
        await cluster.settle()

    live(work, *ONLY)
    reason = "BackoffLimitExceeded"
    assert condition(cluster) == [("FailureTarget", reason), ("Failed", reason)]
    assert len(cluster.pods()) == 2


def test_pods_of_a_job_carry_its_name_and_uid(cluster, live):
    async def work():
        cluster.create(JOBS, "j", job())
        await cluster.settle()

    live(work, *ONLY)
    labels = cluster.pods()[0]["metadata"]["labels"]
    uid = cluster.get(JOBS, "j")["metadata"]["uid"]
    assert labels["batch.kubernetes.io/job-name"] == labels["job-name"] == "j"
    assert labels["batch.kubernetes.io/controller-uid"] == uid
