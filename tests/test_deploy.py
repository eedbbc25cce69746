"""What runs npol in a cluster: RBAC as doctor prints it, one run in every form, known metrics."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

import npol
from npol.cli.app import load
from npol.kube.guard import STATE_NAMESPACE, Mode
from npol.kube.rbac import manifests
from npol.report.prometheus import METRICS, to_prometheus
from npol.story import load_story
from tests.report.conftest import make_flow, make_report

DEPLOY = Path(__file__).parents[1] / "deploy"
CHART = DEPLOY / "chart"
METRIC = re.compile(r"\bnpol_\w+")
SAMPLE = re.compile(r"(npol_\w+)\{(.*)\} ")
VALUES = ("image=registry.example/npol:1", r"stories.smoke\.npol\.yaml=version: 1")
HELM = shutil.which("helm")
by_helm = [pytest.mark.nightly, pytest.mark.skipif(not HELM, reason="needs helm")]


def objects(path: Path) -> list[dict]:
    return [obj for obj in yaml.safe_load_all(path.read_text()) if obj]


def ref(obj: dict) -> tuple[str, str, str]:
    return obj["kind"], obj["metadata"].get("namespace", ""), obj["metadata"]["name"]


def by_ref(found) -> dict:
    """Objects by what they are, Namespaces apart: helm and overlays make those."""
    return {ref(obj): obj for obj in found if obj["kind"] != "Namespace"}


def pod_of(job: dict) -> dict:
    spec = job["spec"]["jobTemplate"]["spec"] if job["kind"] == "CronJob" else job["spec"]
    return spec["template"]["spec"]


def rendered(*values: str) -> list[dict]:
    """The chart with these values, as helm renders it for the state namespace."""
    settings = [word for value in (*VALUES, *values) for word in ("--set", value)]
    command = ("helm", "template", "--kube-version", "1.33.0", "npol", CHART)
    done = subprocess.run(
        [*command, "-n", STATE_NAMESPACE, *settings], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return [obj for obj in yaml.safe_load_all(done.stdout) if obj]


JOBS = [objects(DEPLOY / file)[0] for file in ("base/cronjob.yaml", "job/job.yaml")]


def test_rbac_of_base_and_example_is_what_doctor_prints():
    made = by_ref([*objects(DEPLOY / "base/rbac.yaml"), *objects(DEPLOY / "example/rbac.yaml")])

    assert made == by_ref(manifests(Mode.SMOKE, ["shop"]))
    assert ref(objects(DEPLOY / "base/namespace.yaml")[0]) == ("Namespace", "", STATE_NAMESPACE)


@pytest.mark.parametrize("job", JOBS, ids=lambda job: job["kind"])
def test_a_run_keeps_to_the_restricted_standard(job):
    """Source: Kubernetes, "Pod Security Standards", Restricted."""
    pod = pod_of(job)
    (container,) = pod["containers"]

    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert {next(k for k in v if k != "name") for v in pod["volumes"]} == {"configMap", "emptyDir"}


@pytest.mark.parametrize("job", JOBS, ids=lambda job: job["kind"])
def test_a_run_is_a_command_that_is_understood(job):
    name, *words = pod_of(job)["containers"][0]["args"]

    told = load(name).make_context(f"npol {name}", words).params
    assert (*told["stories"], told["context"], *told["report"]) == ("/stories", "in-cluster", "-")


def test_the_policy_selects_the_pods_of_runs_alone():
    (policy,) = objects(DEPLOY / "base/networkpolicy.yaml")
    (cron, job) = (j["spec"].get("jobTemplate", j)["spec"]["template"] for j in JOBS)

    assert policy["spec"]["podSelector"]["matchLabels"] == job["metadata"]["labels"]
    assert cron["metadata"]["labels"] == job["metadata"]["labels"]
    assert "ingress" not in policy["spec"]
    assert "Ingress" in policy["spec"]["policyTypes"]


def test_the_example_has_a_story_that_can_be_read_and_needs_no_more_than_smoke():
    story = load_story(str(DEPLOY / "example/smoke.npol.yaml"))

    assert not story.writes


def test_the_chart_is_of_this_version():
    told = yaml.safe_load((CHART / "Chart.yaml").read_text())

    assert told["version"] == told["appVersion"] == npol.__version__


@pytest.mark.parametrize("file", ["alerts.yaml", "dashboard.json"])
def test_alerts_and_the_dashboard_name_metrics_that_there_are(file):
    named = set(METRIC.findall((CHART / "files" / file).read_text()))

    assert len(named) > 3
    assert named - set(METRICS) == set()


def expressions() -> dict[str, str]:
    """PromQL of alerts and panels, with the words around it, by its place."""
    (group,) = yaml.safe_load((CHART / "files/alerts.yaml").read_text())["groups"]
    panels = json.loads((CHART / "files/dashboard.json").read_text())["panels"]
    return {rule["alert"]: json.dumps(rule) for rule in group["rules"]} | {
        panel["title"]: target["expr"] for panel in panels for target in panel["targets"]
    }


@pytest.mark.parametrize("place", expressions())
def test_labels_that_are_asked_for_are_written(place):
    report = make_report()
    judged = replace(report.steps[0], flows=(make_flow(enforced_after=0.3),))
    written: dict[str, set[str]] = {}
    for line in to_prometheus([replace(report, steps=(judged,))]).splitlines():
        if sample := SAMPLE.match(line):
            written[sample[1]] = set(re.findall(r'(\w+)="', sample[2]))
    asked = expressions()[place]
    labels = {*re.findall(r"\$labels\.(\w+)", asked), *re.findall(r"[{,](\w+)=~", asked)}
    for grouped in re.findall(r"by \(([\w, ]+)\)", asked):
        labels |= set(grouped.split(", "))

    assert set(written) == set(METRICS)
    for metric in METRIC.findall(asked):
        assert labels <= written[metric]


def test_the_dashboard_is_what_grafana_reads():
    dashboard = json.loads((CHART / "files/dashboard.json").read_text())
    panels = dashboard["panels"]

    assert len({panel["id"] for panel in panels}) == len(panels) > 5
    assert all(panel["targets"] and "gridPos" in panel for panel in panels)
    variables = {v["name"] for v in dashboard["templating"]["list"]}
    assert set(re.findall(r"\$\{?(\w+)", json.dumps(panels))) <= variables


def test_every_alert_says_what_happened_and_how_bad_it_is():
    (group,) = yaml.safe_load((CHART / "files/alerts.yaml").read_text())["groups"]

    for rule in group["rules"]:
        assert set(rule) == {"alert", "expr", "labels", "annotations"}
        assert set(rule["annotations"]) == {"summary", "description"}
        assert rule["labels"]["severity"] in ("warning", "critical")


class TestChart:
    pytestmark = by_helm

    @pytest.mark.parametrize("mode", [Mode.SMOKE, Mode.APPLY], ids=lambda mode: mode.value)
    def test_rbac_is_what_doctor_prints(self, mode):
        places = ["shop", "cilium-test", "kube-system", "backend"]
        made = rendered(f"mode={mode.value}", f"namespaces={{{','.join(places)}}}")
        kinds = ("ServiceAccount", "ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding")

        assert by_ref(o for o in made if o["kind"] in kinds) == by_ref(manifests(mode, places))

    def test_the_kustomize_bases_are_what_it_renders(self):
        made = by_ref(rendered("image=npol", "job.enabled=true", "job.hook=argocd"))
        files = ("base/cronjob.yaml", "base/networkpolicy.yaml", "job/job.yaml")

        for (obj,) in (objects(DEPLOY / file) for file in files):
            assert obj == made[ref(obj)]

    def test_shards_are_parts_that_run_understands(self):
        (cron,) = (o for o in rendered("shards=3") if o["kind"] == "CronJob")
        spec, args = cron["spec"]["jobTemplate"]["spec"], pod_of(cron)["containers"][0]["args"]

        assert (spec["completions"], spec["parallelism"]) == (3, 3)
        assert args[args.index("--shard") + 1] == "$(JOB_COMPLETION_INDEX)/3"

    def test_each_shard_has_a_group_and_a_file_of_its_own(self):
        made = rendered(
            "shards=2",
            "metrics.pushgateway=http://pg:9091",
            "metrics.textfileVolume.persistentVolumeClaim.claimName=metrics",
        )
        (cron,) = (o for o in made if o["kind"] == "CronJob")
        args = pod_of(cron)["containers"][0]["args"]
        (policy,) = (o for o in made if o["kind"] == "NetworkPolicy")

        group = "http://pg:9091/metrics/job/npol/instance/npol-$(JOB_COMPLETION_INDEX)"
        assert args[args.index("--push") + 1] == group
        assert "/metrics/npol-$(JOB_COMPLETION_INDEX).prom" in args
        assert {"port": 9091, "protocol": "TCP"} in policy["spec"]["egress"][0]["ports"]

    @pytest.mark.parametrize(
        ("hook", "name", "annotations"),
        [
            (
                "argocd",
                "npol",
                {
                    "argocd.argoproj.io/hook": "PostSync",
                    "argocd.argoproj.io/hook-delete-policy": "BeforeHookCreation",
                },
            ),
            (
                "helm",
                "npol",
                {
                    "helm.sh/hook": "post-install,post-upgrade,test",
                    "helm.sh/hook-delete-policy": "before-hook-creation",
                },
            ),
            ("", "npol-1", {}),
        ],
    )
    def test_a_job_after_a_deployment_replaces_the_one_before(self, hook, name, annotations):
        (job,) = (o for o in rendered("job.enabled=true", f"job.hook={hook}") if o["kind"] == "Job")

        assert job["metadata"]["name"] == name
        assert job["metadata"].get("annotations", {}) == annotations

    def test_rules_and_the_dashboard_are_the_files(self):
        made = rendered("metrics.rules=true", "metrics.dashboard=true")
        (rules,) = (o for o in made if o["kind"] == "PrometheusRule")
        (page,) = (o for o in made if o["metadata"]["name"] == "npol-dashboard")

        assert rules["spec"] == yaml.safe_load((CHART / "files/alerts.yaml").read_text())
        shown = json.loads((CHART / "files/dashboard.json").read_text())
        assert json.loads(page["data"]["npol.json"]) == shown

    def test_what_is_missing_is_said(self):
        done = subprocess.run(
            ["helm", "template", "--kube-version", "1.33.0", "npol", CHART],
            capture_output=True,
            text=True,
            check=False,
        )

        assert done.returncode != 0
        assert "is needed" in done.stderr or "are needed" in done.stderr
