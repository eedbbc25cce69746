"""The pytest door: stories as items, under the options that people use every day."""

import json
import shutil
import xml.etree.ElementTree as ElementTree

import pytest

from npol.model.result import RestoreResult, StoryReport
from npol.target_cluster import TargetCluster
from tests.e2e.conftest import ROOT
from tests.e2e.shop import HEAD, STEPS, write_shop

WRONG = STEPS.replace("expect: deny", "expect: allow")
NOT_TO_BE_MADE = """
  - name: open
    flows: [{name: the shop answers, from: client, to: web, port: 80, expect: allow}]
  - name: labels that cannot be
    label: {pod: nobody, namespace: shop, set: {app: other}}
    flows: [{name: it is another, from: client, to: web, port: 80, expect: allow}]
  - name: after that
    delete: [deny.yaml]
    flows: [{name: it is open, from: client, to: web, port: 80, expect: allow}]
"""
ALL = [
    "shop.npol.yaml::open::the shop answers",
    "shop.npol.yaml::open::its name resolves",
    "shop.npol.yaml::deny all::the shop is closed",
    "shop.npol.yaml::rollback::the shop answers",
    "shop.npol.yaml::rollback::its name resolves",
]


@pytest.fixture
def kubeconfig(shop):
    """Two contexts of a server that is not there."""
    contexts = [{"name": n, "context": {"cluster": "c", "user": "u"}} for n in ("dev", "prod")]
    path = shop.path / "config"
    path.write_text(json.dumps({"apiVersion": "v1", "kind": "Config", "contexts": contexts}))
    return path


def collected(shop, *options):
    """Node ids of what would run."""
    result = shop.runpytest_inprocess("--collect-only", "-q", *options)
    return [line for line in result.outlines if "::" in line]


def text(result):
    return f"{result.stdout}\n{result.stderr}"


# -- collection


def test_items_are_file_step_flow(shop):
    assert collected(shop) == ALL


def test_an_item_stands_at_its_line_of_the_story(shop):
    items, _ = shop.inline_genitems()
    path, line, name = next(i for i in items if i.name == "the shop is closed").reportinfo()
    assert path == shop.path / "shop.npol.yaml"
    assert "the shop is closed" in path.read_text().splitlines()[line]
    assert name == "deny all: the shop is closed"


def test_flows_of_same_as_stand_where_they_were_written(shop):
    items, _ = shop.inline_genitems()
    first, *_, again, _ = items
    assert again.name == first.name
    assert again.reportinfo()[:2] == first.reportinfo()[:2]


@pytest.mark.parametrize(
    ("options", "wanted"),
    [
        (["-m", "slow"], ALL[2:3]),
        (["-m", "not slow"], ALL[:2] + ALL[3:]),
        (["-k", "resolves"], [ALL[1], ALL[4]]),
        (["-k", "rollback and answers"], ALL[3:4]),
        ([ALL[2]], ALL[2:3]),
        (["shop.npol.yaml::open"], ALL[:2]),
        (["--deselect", "shop.npol.yaml::rollback"], ALL[:3]),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else value,
)
def test_items_are_selected_as_any_others(shop, options, wanted):
    assert collected(shop, *options) == wanted


def test_tags_of_story_step_and_flow_are_markers_under_strict_markers(shop):
    head = HEAD.replace("name: shop\n", "name: shop\ntags: [whole, smoke]\n", 1)
    steps = STEPS.replace("- name: deny all\n", "- name: deny all\n    tags: [cut]\n")
    write_shop(shop.path, steps, head=head)
    items, _ = shop.inline_genitems("--strict-markers")
    closed = items[2]
    assert {m.name for m in closed.iter_markers()} >= {"whole", "smoke", "cut", "slow"}
    assert "cut" not in {m.name for m in items[0].iter_markers()}


def test_smoke_is_a_known_marker_without_any_story(shop):
    (shop.path / "shop.npol.yaml").unlink()
    shop.makepyfile("import pytest\n@pytest.mark.smoke\ndef test_one(): pass\ndef test_two(): pass")
    shop.runpytest_inprocess("-m", "smoke").assert_outcomes(passed=1, deselected=1)


def test_a_broken_story_is_one_collection_error_that_says_all(shop):
    story = shop.path / "shop.npol.yaml"
    broken = STEPS.replace("expect: deny", "expect: denied").replace("to: web", "to: wbe")
    write_shop(shop.path, broken)
    shutil.copy(write_shop(shop.path / "good"), shop.path / "another.npol.yaml")
    shutil.rmtree(shop.path / "good")
    result = shop.runpytest_inprocess("--continue-on-collection-errors", "-k", "nothing")
    result.assert_outcomes(errors=1, deselected=5)
    said = text(result)
    for word in ("wbe", "denied"):
        lines = story.read_text().splitlines()
        at = next(i for i, line in enumerate(lines) if word in line)
        place = f"shop.npol.yaml:{at + 1}:{lines[at].index(word) + 1}: "
        assert f"\n{place}" in said or f"E   {place}" in said, said
    assert "did you mean" in said
    assert "Traceback" not in said
    assert "harness/npol/" not in said


def test_only_files_that_are_called_stories_are_collected(shop):
    (shop.path / "notes.yaml").write_text("this: is no story")
    assert collected(shop) == ALL


def test_collecting_starts_no_lab(shop, monkeypatch):
    monkeypatch.setattr("npol_lab.session.Lab.start", lambda *_: pytest.fail("it did"))
    assert collected(shop) == ALL


# -- which cluster


@pytest.mark.parametrize(
    ("options", "fact"),
    [
        (["--kube-context=staging"], "there is no context 'staging'"),
        (["--kube-context="], "a context must be named"),
        ([], "a context must be named"),
    ],
    ids=["unknown", "empty", "none"],
)
def test_a_cluster_that_is_not_named_is_a_usage_error(shop, kubeconfig, options, fact):
    result = shop.runpytest_inprocess(f"--kubeconfig={kubeconfig}", *options)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"ERROR: *{fact}*", "*one of: dev, prod*"])
    assert "Traceback" not in text(result)


def test_a_context_without_any_kubeconfig_is_a_usage_error(shop):
    result = shop.runpytest_inprocess("--kube-context=dev")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert "there is no kubeconfig" in text(result)


def test_a_cluster_that_does_not_answer_ends_the_session_with_four(shop, impatient):
    from tests.e2e.test_wrong_inputs import kubeconfig

    config = kubeconfig(shop.path / "config")
    result = shop.runpytest_inprocess(f"--kubeconfig={config}", "--kube-context=dev")
    assert result.ret == 4
    assert "https://127.0.0.1:1" in text(result)
    assert "Traceback" not in text(result)


# -- whole runs


def test_cluster_options_of_pytest_reach_the_run(shop, kubeconfig):
    shop.makeconftest(
        """
        from npol.errors import Refused
        from npol.run import StoryRun

        def show(run):
            wanted = ("wait", "max_unlisted_pods", "recover_stale", "replace", "create_all")
            raise Refused("; ".join(f"{name}: {getattr(run.options, name)}" for name in wanted))
        StoryRun.open = show
        """
    )
    options = (
        "--npol-wait=30",
        "--npol-max-unlisted-pods=7",
        "--npol-recover-stale",
        "--npol-replace",
        "--npol-create-all",
    )
    result = shop.runpytest_subprocess(f"--kubeconfig={kubeconfig}", "--kube-context=dev", *options)
    wanted = (
        "wait: 30.0; max_unlisted_pods: 7; recover_stale: True; replace: True; create_all: True"
    )
    assert wanted in text(result)


def test_netpol_runs_on_the_cluster_of_an_overridden_fixture(shop):
    shop.makeconftest(
        """
        import pytest
        from npol.errors import Refused
        from npol.run import StoryRun
        from npol.target_cluster import TargetCluster

        @pytest.fixture(scope="session")
        def npol_cluster():
            return TargetCluster(kubeconfig="theirs.yaml", context="theirs")

        def show(run):
            raise Refused(f"opened on {run.options.context} of {run.options.kubeconfig}")
        StoryRun.open = show
        """
    )
    shop.makepyfile(
        """
        PEERS = {"web": {"namespace": "shop", "labels": {"app": "web"}}}

        def test_flow(netpol):
            with netpol(peers=PEERS) as net:
                net.expect("web ? kubernetes.default", "allow")
        """
    )

    result = shop.runpytest_subprocess("-k", "test_flow")

    assert "opened on theirs of theirs.yaml" in text(result)


@pytest.mark.lab
def test_a_story_runs_in_a_cluster_by_its_context_and_leaves_nothing(shop, named, server):
    before = server.names("/api/v1/namespaces")
    result = shop.runpytest_inprocess(*named, "--junitxml=out.xml", "--npol-report=reports")
    result.assert_outcomes(passed=5)
    result.stdout.fnmatch_lines(
        [
            "*= connectivity =*",
            "shop: open",
            "*web*",
            "*  client  .*",
            "shop: deny all",
            "*  client  X*",
            "shop: restored in * flows verified by fresh probes*",
            f"cluster lab ({server.cluster['server']}, *",
        ]
    )
    assert server.names("/api/v1/namespaces") - before <= {"npol-system"}
    assert server.names("/apis/networking.k8s.io/v1/networkpolicies") == set()
    cases = ElementTree.parse(shop.path / "out.xml").iter("testcase")
    closed = next(c for c in cases if c.get("name") == "the shop is closed")
    said = {p.get("name"): p.get("value") for p in closed.iter("property")}
    assert said == {"expected": "deny", "seen": "timeout", "verdict": "as expected"}
    written = sorted(p.name for p in (shop.path / "reports").iterdir())
    assert written[0] == "index.html"
    assert [name.rpartition(".")[2] for name in written[1:]] == ["html", "json"]


@pytest.mark.lab
def test_one_flow_runs_with_the_changes_before_it_and_its_baseline(shop, named, server):
    result = shop.runpytest_inprocess(*named, "-k", "closed", "-v")
    result.assert_outcomes(passed=1, deselected=4)
    assert "shop: deny all" in result.outlines
    assert "shop: open" not in result.outlines


@pytest.mark.lab
def test_a_failure_is_explained_and_found_again_by_last_failed(shop, named, server):
    write_shop(shop.path, WRONG)
    result = shop.runpytest_inprocess(*named, "-x")
    result.assert_outcomes(passed=2, failed=1)
    said = text(result)
    assert "Traceback" not in said
    assert "pytest_plugin.py" not in said
    line = (shop.path / "shop.npol.yaml").read_text().partition("the shop is closed")[0].count("\n")
    result.stdout.fnmatch_lines(
        [
            "TOO CLOSED: the shop is closed  (step deny all)",
            "  cause      deny.yaml:*",
            "*shop/deny-all*",
            "  fix        *add a policy *",
            f"  shop.npol.yaml:{line + 1}   client -> web:80",
            "  expected   allow",
            "  seen       *timeout",
            "  source     shop/npol-*",
            "  by hand    npol probe 'the shop is closed' --story shop.npol.yaml --at *",
            f"  again      pytest {named[0]} --kube-context=lab 'shop.npol.yaml::deny all::*'",
            "shop: restored in * flows verified by fresh probes*",
        ]
    )
    assert server.names("/apis/networking.k8s.io/v1/networkpolicies") == set()
    again = shop.runpytest_inprocess(*named, "--lf")
    again.assert_outcomes(failed=1, deselected=4)


@pytest.mark.lab
def test_a_check_that_cannot_fail_is_skipped_and_says_why(shop, named):
    written = "{labels: {namespace: shop}, has: {name: shop}}"
    seen = "{ready: app=web, namespace: shop}"
    steps = STEPS.replace("- name: open\n", f"- name: open\n    state: [{written}, {seen}]\n")
    write_shop(shop.path, steps)

    result = shop.runpytest_inprocess("-rs", *named, "-k", "open and (labels or ready)")

    result.assert_outcomes(passed=1, skipped=1, deselected=7)
    result.stdout.fnmatch_lines(["SKIPPED*cannot fail: reads back what the run itself wrote: *"])
    result.stdout.fnmatch_lines(["*1 of 1 as expected, 1 cannot fail"])


@pytest.mark.lab
def test_a_step_that_cannot_be_set_up_is_an_error_and_so_are_those_after_it(shop, named):
    write_shop(shop.path, NOT_TO_BE_MADE)
    result = shop.runpytest_inprocess(*named)
    result.assert_outcomes(passed=1, errors=2)
    said = text(result)
    assert "nobody" in said
    assert "step 'labels that cannot be' failed" in said
    assert "Traceback" not in said
    assert "shop: restored in" in said


@pytest.mark.lab
def test_a_failed_preflight_ends_the_session_with_its_message(shop, named):
    result = shop.runpytest_inprocess(*named[:2])  # nothing is created: the namespace is missing
    assert result.ret == 4
    assert "shop" in text(result)
    assert "Traceback" not in text(result)


@pytest.mark.lab
def test_smoke_sends_no_write_to_any_policy(shop, named, server):
    shutil.copytree(ROOT / "fixtures/baseline", shop.path / "baseline")
    server.ask("POST", "/npol-lab/requests/reset")
    result = shop.runpytest_inprocess(*named, "-m", "smoke", "baseline")
    result.assert_outcomes(passed=3, deselected=result.parseoutcomes()["deselected"])
    asked = server.requests()
    assert asked["get pods/exec"] > 0, "they are counted"
    verbs = {what.split()[0] for what in asked if "networkpolicies" in what}
    assert verbs <= {"get", "list", "watch"}


@pytest.mark.nightly
@pytest.mark.lab
def test_xdist_keeps_a_file_on_one_worker_and_tells_the_same(shop, named):
    result = shop.runpytest_subprocess(*named, "-n2", "-v", "-p", "no:cacheprovider")
    result.assert_outcomes(passed=5)
    workers = {line.split()[0] for line in result.outlines if "PASSED" in line}
    assert len(workers) == 1
    result.stdout.fnmatch_lines(
        [
            "*= connectivity =*",
            "shop: deny all",
            "*  client  X*",
            "shop: restored in * flows verified by fresh probes*",
            "cluster lab (https://*",
        ]
    )


@pytest.mark.nightly
def test_a_worker_that_dies_fails_its_test_and_no_other(pytester):
    """tests/pytest_plugin says more of it; this is the real xdist."""
    test = "def test_{0}(): {1}\n"
    for number in range(8):
        dies = "__import__('os')._exit(3)" if number == 3 else "pass"
        file = {f"test_{number}": test.format("a", "pass") + test.format("b", dies)}
        pytester.makepyfile(**file)
    result = pytester.runpytest_subprocess("-n2")
    result.assert_outcomes(passed=15, failed=1)


def test_xdist_does_not_run_a_story_on_every_worker(shop):
    result = shop.runpytest_subprocess("--dist=each", "--tx=2*popen")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert "--dist each" in text(result)
    assert "Traceback" not in text(result)


@pytest.mark.lab
@pytest.mark.parametrize(
    "options",
    [
        pytest.param([], id="alone"),
        pytest.param(["-n1"], id="xdist", marks=pytest.mark.nightly),
    ],
)
def test_an_incomplete_restore_is_an_error_that_ends_with_six(shop, named, options):
    shop.makeconftest(
        """
        import dataclasses
        from npol.run import StoryRun

        close = StoryRun.close
        def incomplete(run):
            return dataclasses.replace(close(run), complete=False, problems=("it is still there",))
        StoryRun.close = incomplete
        """
    )
    result = shop.runpytest_subprocess(*named, "-k", "open and answers", *options)
    result.assert_outcomes(passed=1, errors=1, deselected=0 if options else 4)
    assert result.ret == 6
    said = text(result)
    assert "it is still there" in said
    assert "the cluster is NOT as it was found; run: npol recover --context lab" in said
    assert "Traceback" not in said
    assert "pytest_plugin.py" not in said


# -- Ctrl-C


class Interrupted:
    """A run that is interrupted before any flow is told."""

    restored = RestoreResult(complete=True, seconds=1.2)
    at = "reach"

    def __init__(self, story, options):
        self.story, self.options = story, options

    def open(self):
        if self.at == "open":
            raise KeyboardInterrupt

    def reach(self, name):
        raise KeyboardInterrupt

    def raise_kept_back(self):
        """No signal came."""

    def close(self):
        return self.restored

    def report(self):
        return StoryReport(
            story=self.story.name, path="", run_id="r", started="", restore=self.restored
        )


@pytest.mark.parametrize("at", ["open", "reach"])
@pytest.mark.parametrize(
    ("restored", "code", "told"),
    [
        (RestoreResult(complete=True, seconds=1.2), 2, "npol: shop: restored in 1.2 s"),
        (
            RestoreResult(complete=False, problems=("no answer",), remedy="npol recover --x"),
            6,
            "npol: shop: restore INCOMPLETE: no answer; to go on: npol recover --x",
        ),
    ],
)
def test_ctrl_c_before_the_first_result_says_what_became_of_the_cluster(
    shop, monkeypatch, at, restored, code, told
):
    monkeypatch.setattr(Interrupted, "restored", restored)
    monkeypatch.setattr(Interrupted, "at", at)
    monkeypatch.setattr("npol.run.StoryRun", Interrupted)
    where = TargetCluster(kubeconfig="config", context="dev", is_lab=False)
    monkeypatch.setattr("npol.pytest_plugin.runs.Runs.where", lambda self: where)

    result = shop.runpytest_inprocess("-q", no_reraise_ctrlc=True)

    lines = result.outlines
    assert told in lines
    if at == "reach":
        assert lines.index("npol: shop: restoring the cluster") < lines.index(told)
    if code == 6:
        assert "the cluster is NOT as it was found; run: npol recover --x" in lines
    assert result.ret == code
