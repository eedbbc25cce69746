import os
import subprocess
from pathlib import Path

import pytest

from npol.changes.begin import TransactionOptions
from npol.changes.dry_run.dry_run import plan_changes
from npol.changes.dry_run.kubectl_commands import apply_commands, policies_of
from npol.changes.lock import holder
from npol.changes.recover.recovery import recover
from npol.changes.rollback.rollback import plan_rollback, rollback, story_id
from npol.changes.transaction import Transaction
from npol.errors import InputError, LockHeld, Refused
from npol.kube.connection import Mode
from npol.story import load_story
from tests.changes.cluster import kept, policy

POLICIES = "networkpolicies.networking.k8s.io"
DENY = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: deny-all, namespace: NAMESPACE}
spec: {podSelector: {}, policyTypes: [Ingress]}
"""
ALLOW = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: existing, namespace: shop}
spec: {podSelector: {}, policyTypes: [Ingress], ingress: [{}]}
"""
STORY = """
version: 1
name: tight
peers:
  web: {namespace: shop, labels: {app: web}}
  till: {namespace: bank, labels: {app: till}}
steps:
  - name: before
    flows: [{from: web, to: till, port: 80, expect: allow}]
  - name: deny
    apply: ["policies/shop deny.yaml", policies/bank.yaml]
  - name: allow
    apply: [policies/allow.yaml]
  - name: after
    change: [{delete: [policies/bank.yaml]}, {apply: [policies/bank.yaml]}]
"""


@pytest.fixture
def story(tmp_path):
    root = tmp_path / "repository"
    policies = root / "stories" / "policies"
    policies.mkdir(parents=True)
    (policies / "shop deny.yaml").write_text(DENY.replace("NAMESPACE", "shop"))
    (policies / "bank.yaml").write_text(DENY.replace("NAMESPACE", "bank"))
    (policies / "allow.yaml").write_text(ALLOW)
    file = root / "stories" / "tight.npol.yaml"
    file.write_text(STORY)
    return load_story(str(file), root=str(root))


@pytest.fixture
def before(cluster):
    cluster.edit("create", POLICIES, policy("existing", policyTypes=["Egress"]))
    return cluster.state()


@pytest.fixture
def here(tmp_path):
    return {"state_directory": tmp_path / "state"}


@pytest.fixture
def leave(cluster, story, here):
    """Run the story with --leave."""

    def leave(run_id="left", steps=("deny", "allow")):
        transaction = Transaction.open(
            cluster.connect(),
            TransactionOptions(
                run_id=run_id,
                namespaces=["shop", "bank"],
                story=story_id(story),
                replace=True,
                allow_left_changes=True,
                **here,
            ),
        )
        for step in steps:
            for change in story.step(step).changes:
                for manifest in change.manifests:
                    transaction.apply(manifest)
        transaction.leave(steps)
        transaction.close()

    return leave


@pytest.fixture
def by_kubectl(cluster, story):
    """Apply the story's policies as somebody else would."""
    for name in ("deny", "allow"):
        for change in story.step(name).changes:
            for manifest in change.manifests:
                key = ("shop", manifest.name) if manifest.namespace == "shop" else ("bank", "x")
                if cluster.get(POLICIES, *key) is None:
                    cluster.edit("create", POLICIES, dict(manifest.body), manager="kubectl")


def actions(plan):
    return [f"{item.action} {item.key}" for item in plan.items]


# -- what npol applied and left


def test_a_rollback_restores_the_state_before_a_left_run(cluster, before, story, leave, here):
    leave()

    result = rollback(cluster.connect(), story, run_id="back", **here)

    assert result.complete, result.problems
    assert cluster.state() == before
    assert list(here["state_directory"].iterdir()) == []


def test_the_plan_of_a_rollback_shows_every_object_and_changes_nothing(
    cluster, before, story, leave, here
):
    leave()
    cluster.asked.clear()

    plan = plan_rollback(cluster.connect(), story, **here)

    assert actions(plan) == [
        "put back NetworkPolicy shop/existing",
        "delete NetworkPolicy bank/deny-all",
        "delete NetworkPolicy shop/deny-all",
    ]
    assert "+  - Egress" in plan.items[0].diff
    assert plan.runs[0].run_id == "left"
    assert "by run left of stories/tight.npol.yaml" in str(plan)
    assert not [a for a in cluster.asked if a.writes]


def test_several_runs_are_undone_newest_first(cluster, before, story, leave, here):
    leave("one", ["deny"])
    leave("two", ["allow"])

    plan = plan_rollback(cluster.connect(), story, **here)
    result = rollback(cluster.connect(), story, run_id="back", **here)

    assert [run.run_id for run in plan.runs] == ["two", "one"]
    assert result.complete, result.problems
    assert cluster.state() == before


def test_a_policy_changed_by_others_is_left_alone_by_a_rollback(
    cluster, before, story, leave, here
):
    leave()
    cluster.change(POLICIES, "shop", "deny-all", lambda p: p["spec"].update(ingress=[{}]))

    plan = plan_rollback(cluster.connect(), story, **here)
    result = rollback(cluster.connect(), story, run_id="back", **here)

    assert actions(plan)[2] == "leave alone NetworkPolicy shop/deny-all"
    assert "changed by others meanwhile" in plan.problems[0]
    assert not result.complete
    assert list(cluster.policies()) == ["shop/deny-all", "shop/existing"]
    assert cluster.policies()["shop/existing"] == before["policies"]["shop/existing"]


def test_a_rollback_does_not_wait_for_a_held_namespace(cluster, story, leave, here, monkeypatch):
    leave()
    other = Transaction.open(
        cluster.connect(),
        TransactionOptions(
            run_id="other",
            namespaces=["bank"],
            allow_left_changes=True,
            disposable=True,
        ),
    )

    result = rollback(cluster.connect(), story, run_id="back", **here)

    assert not result.complete
    assert "held by run other" in result.problems[0]
    other.close()
    monkeypatch.setattr(holder, "alive", lambda *_: False)  # who left the changes has ended
    assert rollback(cluster.connect(), story, run_id="back", **here).complete


# -- what somebody else applied


def test_the_story_s_policies_are_deleted_by_their_files(cluster, story, by_kubectl, here):
    result = rollback(cluster.connect(), story, run_id="back", **here)

    assert result.complete, result.problems
    assert len(result.actions) == 3
    state = cluster.state()
    assert (state["policies"], state["leases"], state["journals"]) == ({}, [], [])
    again = rollback(cluster.connect(), story, run_id="again", **here)
    assert (again.complete, again.actions) == (True, ())


def test_a_policy_that_is_not_what_its_file_says_is_left_alone(cluster, story, by_kubectl, here):
    cluster.change(POLICIES, "bank", "deny-all", lambda p: p["spec"].update(ingress=[{}]))

    plan = plan_rollback(cluster.connect(), story, **here)
    result = rollback(cluster.connect(), story, run_id="back", **here)

    assert "leave alone NetworkPolicy bank/deny-all" in actions(plan)
    assert not result.complete
    assert "policies/bank.yaml:2:1 says" in result.problems[0]
    assert list(cluster.policies()) == ["bank/deny-all"]
    done = rollback(cluster.connect(), story, run_id="back", modified=True, **here)
    assert done.complete
    assert cluster.policies() == {}


def test_an_interrupted_rollback_by_files_goes_on_and_is_never_undone(
    cluster, story, by_kubectl, here, monkeypatch
):
    with monkeypatch.context() as patch:
        patch.setattr(Transaction, "commit", interrupted)
        with pytest.raises(KeyboardInterrupt):
            rollback(cluster.connect(), story, run_id="back", **here)
    assert cluster.state()["journals"] == ["npol-back-0"]
    recover(cluster.connect(), known_dead=True, **here)
    assert cluster.policies() == {}

    assert rollback(cluster.connect(), story, run_id="again", **here).complete
    assert cluster.state()["journals"] == []


def interrupted(_):
    raise KeyboardInterrupt


def test_a_lock_that_a_run_holds_stops_a_rollback_by_files(cluster, story, by_kubectl, here):
    other = Transaction.open(
        cluster.connect(),
        TransactionOptions(
            run_id="other",
            namespaces=["bank"],
            disposable=True,
        ),
    )

    with pytest.raises(LockHeld):
        rollback(cluster.connect(), story, run_id="back", **here)

    other.close()
    assert len(cluster.policies()) == 3


# -- by hand


def test_the_commands_run_from_the_story_s_directory(
    cluster, story, by_kubectl, here, tmp_path, monkeypatch
):
    """A stand-in for kubectl says what it was asked to delete."""
    kubectl = tmp_path / "bin" / "kubectl"
    kubectl.parent.mkdir()
    kubectl.write_text("#!/bin/sh\nprintf '%s\\n' \"$@\"\n")
    kubectl.chmod(0o755)
    monkeypatch.setenv("PATH", f"{kubectl.parent}:{os.environ['PATH']}")
    monkeypatch.chdir(tmp_path)

    plan = plan_rollback(cluster.connect(), story, **here)

    assert plan.directory == str(Path(story.path).parent)
    asked = {c.namespace: said(["sh", "-c", c.line], plan.directory) for c in plan.commands}
    assert sorted(asked) == ["bank", "shop"]
    assert asked["shop"][:5] == ["--context", "test", "-n", "shop", "delete"]
    files = [w for words in asked.values() for w in words if w.endswith(".yaml")]
    assert len(files) == 3
    assert all((Path(plan.directory) / file).is_file() for file in files)


def said(command, directory):
    done = subprocess.run(command, cwd=directory, stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout.splitlines()


def test_the_commands_of_a_journal_hold_what_they_put_back(cluster, before, story, leave, here):
    leave()

    plan = plan_rollback(cluster.connect(), story, **here)

    lines = [command.line for command in plan.commands]
    assert lines[0].startswith("kubectl --context test -n shop replace -f - <<'END_OF_POLICY'\n")
    assert "- Egress" in lines[0]
    assert "resourceVersion" not in lines[0]
    assert lines[1] == (
        "kubectl --context test -n bank delete networkpolicy deny-all --ignore-not-found"
    )


def test_a_file_with_more_in_it_than_is_to_go_is_not_named(cluster, story, by_kubectl, here):
    file = Path(story.path).parent / "policies" / "bank.yaml"
    file.write_text(file.read_text() + "---" + DENY.replace("NAMESPACE", "shop"))
    again = load_story(story.path, root=story.root)

    plan = plan_rollback(cluster.connect(), again, **here)

    bank = next(c for c in plan.commands if c.namespace == "bank")
    assert "delete networkpolicy deny-all" in bank.line


def applied_by_hand(story, context="test"):
    again = load_story(story.path, root=story.root)
    return [c.line for c in apply_commands(again, policies_of(again), context)]


def test_a_file_of_several_namespaces_is_applied_by_a_line_of_its_own(story):
    file = Path(story.path).parent / "policies" / "bank.yaml"
    whole = applied_by_hand(story)
    other = DENY.replace("NAMESPACE", "shop").replace("deny-all", "other")
    file.write_text(f"{file.read_text()}---{other}")

    lines = applied_by_hand(story)

    assert "kubectl --context test -n bank apply -f policies/bank.yaml" in whole
    assert "kubectl --context test apply -f policies/bank.yaml" in lines
    assert [line for line in lines if " -n shop " in line] == [
        line for line in whole if " -n shop " in line
    ]


def test_a_file_that_holds_more_is_applied_by_its_objects(story):
    file = Path(story.path).parent / "policies" / "bank.yaml"
    file.write_text(file.read_text() + "---" + DENY.replace("NAMESPACE", "shop"))
    again = load_story(story.path, root=story.root)
    bank = [m for m in policies_of(again) if m.namespace == "bank"]

    (line,) = [c.line for c in apply_commands(again, bank, "test")]

    assert line.startswith("kubectl --context test apply -f - <<'END_OF_POLICY'\n")
    assert "namespace: bank" in line
    assert "namespace: shop" not in line


# -- a dry run of `npol run`


def test_a_dry_run_shows_each_step_and_changes_nothing(cluster, before, story):
    cluster.asked.clear()

    plan = plan_changes(cluster.connect(), story, replace=True)

    assert [[str(p) for p in step.previews] for step in plan.steps] == [
        [],
        ["create NetworkPolicy shop/deny-all", "create NetworkPolicy bank/deny-all"],
        ["replace NetworkPolicy shop/existing"],
        ["delete NetworkPolicy bank/deny-all", "create NetworkPolicy bank/deny-all"],
    ]
    assert plan.problems == ()
    assert "-  - Egress" in str(plan)
    assert "kubectl --context test -n bank apply -f policies/bank.yaml" in str(plan)
    assert "kubectl --context test -n bank delete --ignore-not-found -f policies/bank.yaml" in (
        str(plan)
    )
    assert not [a for a in cluster.asked if a.writes]


def test_plans_of_a_rollback_need_to_read_only(cluster, story, by_kubectl, here):
    connection = cluster.connect(Mode.READ_ONLY)

    plan = plan_rollback(connection, story, **here)

    assert [item.action for item in plan.items] == ["delete", "delete", "delete"]


def test_a_dry_run_imagines_namespaces_that_the_story_makes(cluster, story):
    policies = Path(story.path).parent / "policies"
    (policies / "bank.yaml").write_text(DENY.replace("NAMESPACE", "not-yet"))
    again = load_story(story.path, root=story.root)

    plan = plan_changes(cluster.connect(), again)

    assert plan.problems == ()
    assert str(plan.steps[1].previews[1]) == "create NetworkPolicy not-yet/deny-all"


def test_a_dry_run_ends_at_a_step_and_names_what_would_be_refused(cluster, before, story):
    plan = plan_changes(cluster.connect(), story, to="allow")

    assert [step.name for step in plan.steps] == ["before", "deny", "allow"]
    assert "exists already" in plan.problems[0]
    with pytest.raises(InputError, match="no step"):
        plan_changes(cluster.connect(), story, to="nowhere")


def test_a_rollback_of_a_protected_namespace_is_refused(cluster, story, here):
    policies = Path(story.path).parent / "policies"
    (policies / "bank.yaml").write_text(DENY.replace("NAMESPACE", "kube-system"))
    again = load_story(story.path, root=story.root)

    with pytest.raises(Refused, match="protected"):
        plan_rollback(cluster.connect(), again, **here)


def test_the_content_of_what_came_back_is_as_before(cluster, before, story, leave, here):
    then = kept(cluster.get(POLICIES, "shop", "existing"))
    leave()
    rollback(cluster.connect(), story, run_id="back", **here)

    assert kept(cluster.get(POLICIES, "shop", "existing")) == then
