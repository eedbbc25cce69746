"""`npol check DIR` in a repository as it lies there: findings about policies, and a scope."""

from __future__ import annotations

import shutil
import time
from unittest.mock import Mock

import pytest

from npol.api_rules import review
from npol.cli.app import app
from npol.errors import ExitCode

needs_kubectl = pytest.mark.skipif(not shutil.which("kubectl"), reason="needs kubectl")
needs_helm = pytest.mark.skipif(not shutil.which("helm"), reason="needs helm 3")

POLICY = """\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: a, namespace: shop}
spec:
  podSelector: {matchLabels: {app: web}}
  policyTypes: [Ingress]
"""
WRONG = POLICY.replace("[Ingress]", "[Inbound]").replace("name: a", "name: wrong")
POD = """\
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: APP}}
spec: {containers: [{name: web, image: web}]}
"""
FOREIGN = {
    "cloudbuild.yaml": "steps: [{name: builder}]\n",
    "home/secrets.yaml": "password: !secret db\n",
    "ci/pipeline.yml": "- a\n- b\n",
    "templates/broken.yaml": "a: {{ .Values.a }\n",
    "flux/release.yaml": "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\n"
    "metadata: {name: web, namespace: shop}\nspec: {}\n",
    "cilium/p.yaml": "apiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\n"
    "metadata: {name: p, namespace: shop}\nspec: {endpointSelector: {}, ingress: [{}]}\n",
}


@pytest.fixture
def check(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)

    def told(files, *options):
        for name, text in files.items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(text)
        code = app(["check", ".", *options], standalone_mode=False)
        return code, capsys.readouterr().out.splitlines()

    return told


def test_foreign_yaml_is_counted_and_kinds_that_are_not_evaluated_are_named(check):
    files = {**FOREIGN, "p.yaml": POLICY, "pod.yaml": POD.replace("APP", "web")}
    code, lines = check(files, "--engine", "calico")

    assert lines[0] == "0 finding(s)"
    assert "read 1 policy, 1 pod, 0 Services, 0 namespaces" in lines
    assert "not evaluated: 1 CiliumNetworkPolicy" in lines
    assert "left out: 3 document(s) that are no Kubernetes objects" in lines
    assert "not read: 1 file(s) that are no YAML and name no NetworkPolicy" in lines
    assert "rendered by controllers only, so not judged: 1 HelmRelease" in lines
    assert code == ExitCode.AS_EXPECTED


def test_a_refused_policy_is_found_and_a_file_that_names_one_must_be_read(check):
    code, lines = check({"wrong.yaml": WRONG, "broken.yaml": POLICY + "  {{ if }}\n"})

    assert lines[0].startswith("broken.yaml:7:3: NP008 error")
    assert lines[1].startswith("wrong.yaml:6:17: NP001 error")
    assert "refused by the API server, so without effect: NetworkPolicy shop/wrong" in lines
    assert code == ExitCode.DIFFERS


def test_what_looks_like_an_object_of_another_program_is_left_out(check):
    report = "apiVersion: example.test/v1\nkind: Report\nimplements: NetworkPolicy\n"
    _, lines = check({"report.yaml": report, "p.yaml": POLICY})

    assert lines[0] == "0 finding(s)"
    assert "left out: 1 document(s) that are no Kubernetes objects" in lines


def test_what_flux_fills_in_is_counted_and_leaves_the_answer_open(check):
    secret = "---\napiVersion: v1\nkind: Secret\nmetadata: {name: '${APP}', namespace: shop}\n"
    code, lines = check({"p.yaml": POLICY.replace("name: a", "name: '${APP}'") + secret})

    assert lines[0] == "0 finding(s)"
    assert "not judged: 1 policy with variables to be filled in, the first at p.yaml:3:18" in lines
    assert ("not read: 1 other object(s) that the API server would not take as they stand") in lines
    assert code == ExitCode.UNKNOWN


def test_a_file_that_only_mentions_policies_is_no_finding(check):
    _, lines = check({"helmfile.yaml": "# NetworkPolicy\na: {{ .b }}\n", "p.yaml": POLICY})

    assert lines[0] == "0 finding(s)"


def test_a_label_without_a_value_is_one_of_no_text_as_the_api_server_reads_it(check):
    policy = POLICY.replace("app: web", "app: ''")
    _, lines = check({"p.yaml": policy, "pod.yaml": POD.replace("APP", "")})

    assert lines[0] == "0 finding(s)"


def test_groups_of_openshift_have_names_of_their_own(check):
    group = "apiVersion: user.openshift.io/v1\nkind: Group\nmetadata: {name: a_team}\n---\n"
    _, lines = check({"p.yaml": group + POLICY})

    assert lines[0] == "0 finding(s)"
    assert not any("other object" in line for line in lines)


def test_no_policy_at_all_is_said(check):
    code, lines = check({"pod.yaml": POD})

    assert lines[0] == "0 finding(s)"
    assert "read 0 policies, 1 pod, 0 Services, 0 namespaces" in lines
    assert code == ExitCode.AS_EXPECTED


@needs_kubectl
def test_overlays_are_judged_apart_and_their_bases_not_alone(check):
    """Both overlays have a policy of one name; the base alone would select no pod."""
    base = {
        "base/kustomization.yaml": "resources: [policy.yaml, pod.yaml]\n",
        "base/policy.yaml": POLICY,
        "base/pod.yaml": POD.replace("APP", "other"),
    }
    patch = (
        "resources: [../../base]\n"
        "patches: [{target: {kind: Pod}, "
        "patch: '- {op: replace, path: /metadata/labels/app, value: web}'}]\n"
    )
    overlays = {f"overlays/{n}/kustomization.yaml": patch for n in ("dev", "prod")}
    code, lines = check({**base, **overlays})

    assert lines[0] == "0 finding(s)"
    assert "judged: 2 kustomization(s) and chart(s), 0 plain file(s)" in lines
    assert code == ExitCode.AS_EXPECTED


def test_a_kustomization_that_would_have_to_be_fetched_is_listed(check):
    url = "resources: ['https://example.test/repository?ref=v1']\n"
    code, lines = check({"far/kustomization.yaml": url})

    assert (
        "not rendered: far: far/kustomization.yaml:1:13 names "
        "'https://example.test/repository?ref=v1', which would have to be fetched"
        " - render it to a file first"
    ) in lines
    assert code == ExitCode.UNKNOWN  # nothing at all was judged


def test_a_chart_that_cannot_be_rendered_is_listed_and_leaves_the_answer_open(check, monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    chart = {
        "chart/Chart.yaml": "apiVersion: v2\nname: web\nversion: 1.0.0\n",
        "chart/values.yaml": "name: web\n",
        "chart/templates/policy.yaml": POLICY.replace("name: a", "name: {{ .Values.name }}"),
        "chart/docs/plain.yaml": POLICY,
    }
    code, lines = check(chart)

    needed = "'chart' needs helm, which is not on PATH"
    hint = "install helm, or render the chart to a file first"
    assert f"not rendered: chart: {needed} - {hint}" in lines
    assert "judged: 0 kustomization(s) and chart(s), 1 plain file(s)" in lines
    assert code == ExitCode.UNKNOWN


@pytest.mark.parametrize("target", ["/dev/zero", "/etc/hostname"])
def test_what_a_chart_that_is_not_rendered_links_to_is_not_read(
    target, check, tmp_path, monkeypatch
):
    """A device has no end; what cannot be looked into may name a policy."""
    monkeypatch.setenv("PATH", "/nowhere")
    (tmp_path / "chart/templates").mkdir(parents=True)
    (tmp_path / "chart/templates/data").symlink_to(target)
    chart = "apiVersion: v2\nname: web\nversion: 1.0.0\n"
    code, _ = check({"chart/Chart.yaml": chart, "pod.yaml": POD})

    assert code == ExitCode.UNKNOWN


@pytest.mark.parametrize("before", [2, (1 << 20) - 8])
def test_a_policy_is_found_wherever_a_large_file_names_one(before, check):
    text = "#" * before + "\nkind: NetworkPolicy\n"
    code, lines = check({"large.yaml": text + "x: &\n", "pod.yaml": POD})

    assert any(line.startswith("large.yaml") for line in lines)
    assert code == ExitCode.DIFFERS


@pytest.mark.parametrize("target", ["/dev/zero", "/dev/tty", "absent"])
def test_links_of_a_chart_that_is_not_rendered_are_not_read(target, check, tmp_path, monkeypatch):
    """/dev/zero has no end. What such a link holds is not known, and may be a policy."""
    monkeypatch.setenv("PATH", "/nowhere")
    files = {"chart/Chart.yaml": "name: web\n", "chart/templates/a.yaml": "a: b\n"}
    code, _ = check({**files, "p.yaml": POLICY, "pod.yaml": POD.replace("APP", "web")})
    assert code == ExitCode.AS_EXPECTED

    (tmp_path / "chart/z").symlink_to(target)
    assert check({})[0] == ExitCode.UNKNOWN


@needs_kubectl
def test_a_link_named_as_a_rendering_is_not_read(check, tmp_path):
    """Its text decided whether what a kustomization renders to is told."""
    wrong = "kind: Widget\napiVersion: a.b/v1\nmetadata: {name: 'A B'}\n"
    files = {"k/kustomization.yaml": "resources: [w.yaml]\n", "k/w.yaml": wrong}
    before = check(files)
    (tmp_path / "k (kubectl kustomize)").symlink_to("/dev/zero")

    assert check({}) == before


def test_the_root_is_not_where_a_link_in_it_leads(check, tmp_path, tmp_path_factory):
    outside = tmp_path_factory.mktemp("outside")
    (outside / "kustomization.yaml").write_text("resources: []\n")
    (tmp_path / "Chart.yaml").symlink_to("/Chart.yaml")
    _, lines = check({"k/kustomization.yaml": f"resources: [{outside}]\n"})

    assert any(f"is outside of the root {tmp_path}" in line for line in lines)


@needs_helm
def test_a_chart_is_rendered_and_judged(check):
    chart = {
        "chart/Chart.yaml": "apiVersion: v2\nname: web\nversion: 1.0.0\n",
        "chart/values.yaml": "type: Inbound\n",
        "chart/templates/policy.yaml": POLICY.replace("[Ingress]", "[{{ .Values.type }}]"),
    }
    code, lines = check(chart)

    assert "NP001 error: spec.policyTypes[0]" in lines[0]
    assert code == ExitCode.DIFFERS


def test_what_is_no_object_is_counted_however_much_it_is(check):
    _, lines = check({f"ci/{n}.yaml": "steps: [a]\n" for n in range(250)} | {"a.yaml": POLICY})

    assert "left out: 250 document(s) that are no Kubernetes objects" in lines


def large_repository():
    """1,400 files: policies with their pods, overlays, charts, YAML of other programs."""
    named = POLICY.replace("app: web", "app: web{n}").replace("name: a", "name: p{n}")
    pod = POD.replace("APP", "web{n}").replace("name: web, namespace", "name: web{n}, namespace")
    files = {f"apps/{n}/p.yaml": named.replace("{n}", str(n)) for n in range(450)}
    files |= {f"apps/{n}/pod.yaml": pod.replace("{n}", str(n)) for n in range(450)}
    files |= {f"ci/{n}.yaml": "steps: [a]\n" for n in range(380)}
    for n in range(20):
        files |= {
            f"overlays/{n}/base/kustomization.yaml": "resources: [policy.yaml]\n",
            f"overlays/{n}/base/policy.yaml": POLICY.replace("name: a", f"name: o{n}"),
            f"overlays/{n}/dev/kustomization.yaml": "resources: [../base]\nnamePrefix: dev-\n",
        }
    for n in range(20):
        files |= {
            f"charts/c{n}/Chart.yaml": f"apiVersion: v2\nname: c{n}\nversion: 1.0.0\n",
            f"charts/c{n}/values.yaml": f"type: {'Inbound' if n == 0 else 'Ingress'}\n",
            f"charts/c{n}/templates/policy.yaml": POLICY.replace(
                "[Ingress]", "[{{ .Values.type }}]"
            ),
        }
    return files


@needs_kubectl
@needs_helm
@pytest.mark.nightly
def test_a_large_repository_gives_findings_about_policies_alone(check):
    """The limit is a loose one."""
    files = large_repository()
    began = time.perf_counter()
    code, lines = check(files)

    assert len(files) == 1400
    assert lines[0].startswith("charts/c0 (helm template):8:17: NP001 error: spec.policyTypes[0]")
    assert lines[1] == "1 finding(s)"
    assert "judged: 40 kustomization(s) and chart(s), 1280 plain file(s)" in lines
    assert "left out: 380 document(s) that are no Kubernetes objects" in lines
    assert "refused by the API server, so without effect: NetworkPolicy shop/a" in lines
    assert len(lines) == 6
    assert code == ExitCode.DIFFERS
    assert time.perf_counter() - began < 60


def test_directories_and_files_that_are_named_together_are_one_world(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for name, text in {"apps/pod.yaml": POD.replace("APP", "other"), "p.yaml": POLICY}.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)

    app(["check", "apps", "p.yaml"], standalone_mode=False)

    assert "p.yaml:5:16: NP010 warning: podSelector app=web selects no pod" in (
        capsys.readouterr().out
    )


def test_each_object_is_read_once(check, monkeypatch):
    validated = Mock(wraps=review._validated)
    monkeypatch.setattr(review, "_validated", validated)
    check({"all.yaml": f"{POLICY}---\n{POD}"})

    kinds = [call.args[0].kind for call in validated.call_args_list]
    assert sorted(kinds) == ["NetworkPolicy", "Pod"]


@pytest.mark.parametrize(
    ("wrong", "right", "place"),
    [
        ("kind: NetworkPolcy", "kind: NetworkPolicy", "2:7"),
        ("apiVersion: network.k8s.io/v1", "apiVersion: networking.k8s.io/v1", "1:13"),
        ("apiVersion: networking.k8s.io/v1\nkind: Ingres", POLICY[: POLICY.index("meta")], "2:7"),
    ],
)
def test_a_kind_or_group_that_is_misspelt_is_an_error_at_its_place(check, wrong, right, place):
    files = {"a.yaml": POLICY, "b.yaml": POLICY.replace(right.rstrip(), wrong)}

    code, lines = check({**files, "pod.yaml": POD.replace("APP", "web")})
    assert code == ExitCode.DIFFERS
    assert lines[0].startswith(f"b.yaml:{place}: NP008 error: ")
    assert "did you mean " in lines[0]
