"""Guarantee G1: what is about to change is written down first, in the cluster and on the disk."""

import pytest

from npol.changes.apply.change_session import ChangedByOthers
from npol.changes.journal import local_file
from npol.changes.journal.codec import journal_of
from npol.changes.journal.configmaps import read_chunks
from npol.changes.journal_types import Action
from npol.changes.recover.recovery import recover
from npol.errors import NpolError, RestoreIncomplete
from npol.kube.objects import CONFIG_MAPS, PODS
from tests.changes.cluster import STATE, pod, policy
from tests.changes.scripted import work

POLICIES = "networkpolicies.networking.k8s.io"
ACTIONS = {
    "ADDED": {Action.CREATE, Action.DELETE},  # a deleted policy comes back by being made
    "MODIFIED": {Action.REPLACE, Action.LABEL, Action.CREATE, Action.DELETE},
    "DELETED": {Action.DELETE, Action.CREATE},  # and one that was made goes
}
WATCHED = (POLICIES, "pods", "namespaces")


@pytest.fixture
def changes(cluster, begin, tmp_path):
    """A whole run; every change with both copies of the journal as they were before it."""
    cluster.edit("create", POLICIES, policy("existing", ingress=[{}]))
    cluster.edit("create", POLICIES, policy("doomed", "bank"))
    cluster.edit("create", "pods", pod())
    connection = cluster.connect()
    transaction = begin(
        "shop",
        "bank",
        run_id="struck",
        connection=connection,
        watched=True,
        replace=True,
        kinds=[PODS],
    )
    seen = []

    def look(event, chunks):
        if event.resource in WATCHED and event.object["metadata"]["name"] != "debug":
            copies = read_chunks(chunks)[0], local_file.read("struck", tmp_path / "state")
            seen.append((event, [journal_of(copy) for copy in copies]))

    cluster.listeners.append(look)
    work(transaction, connection)
    transaction.restore()
    cluster.listeners.remove(look)
    transaction.close()
    return seen


def test_every_change_is_in_both_copies_of_the_journal_before_it_is_made(changes):
    assert len(changes) > 15
    for event, copies in changes:
        for journal in copies:
            name = event.object["metadata"]["name"]
            actions = {r.action for r in journal.history if r.key.name == name}
            assert actions & ACTIONS[event.type], (event.type, name)


def test_every_pre_image_is_whole_before_the_change_is_made(changes):
    for _, copies in changes:
        for journal in copies:
            for record in journal.history:
                if record.key.name in ("existing", "doomed"):
                    assert record.before == journal.seen[record.key].body
                    assert record.before["metadata"]["managedFields"]


def test_no_discovery_is_asked_for_what_every_cluster_serves(cluster, changes):
    """A broken aggregated API breaks discovery, and must not break a restore."""
    assert len(cluster.asked) > 50
    assert [a for a in cluster.asked if not a.resource] == []


def test_nothing_hangs_on_a_watch(cluster, changes):
    """A watch may expire, drop events or repeat them: npol lists."""
    assert [a for a in cluster.asked if a.verb == "watch"] == []


def test_the_journal_names_run_and_cluster_before_the_first_lock(cluster, begin):
    begin(run_id="first")

    lock = next(a for a in cluster.asked if a.writes and a.resource.startswith("leases"))
    header = journal_of(read_chunks(lock.chunks)[0]).header

    assert header.run_id == "first"
    assert header.cluster_uid == cluster.get("namespaces", None, "kube-system")["metadata"]["uid"]
    assert header.namespaces == ("shop",)
    assert cluster.list("configmaps", STATE)


def test_objects_of_given_of_one_kind_are_written_down_together_before_the_first_is_made(
    cluster, begin
):
    connection = cluster.connect()
    transaction = begin("shop", run_id="struck", connection=connection, kinds=[PODS])
    names, seen = {"web-1", "web-2", "web-3"}, []

    def look(event, chunks):
        if event.resource == "pods":
            journal = journal_of(read_chunks(chunks)[0])
            seen.append({r.key.name for r in journal.history if r.action is Action.CREATE})

    cluster.listeners.append(look)
    before = connection.requests["update configmaps"]
    made = transaction.create_all([pod(name) for name in sorted(names)])
    cluster.listeners.remove(look)

    assert {obj["metadata"]["name"] for obj in made} == names
    assert seen == [names] * 3
    assert connection.requests["update configmaps"] == before + 1
    assert transaction.restore().complete
    transaction.close()


def test_what_was_made_goes_although_another_object_of_its_kind_could_not_be_made(cluster, begin):
    connection = cluster.connect()
    transaction = begin("shop", run_id="struck", connection=connection, kinds=[PODS])
    wrong = pod("wrong")
    wrong["spec"]["containers"] = []

    with pytest.raises(NpolError):
        transaction.create_all([pod("web-1"), wrong, pod("web-2")])

    assert {"shop/web-1", "shop/web-2"} <= set(cluster.state()["pods"])
    assert transaction.restore().complete
    assert not {"shop/web-1", "shop/web-2"} & set(cluster.state()["pods"])
    transaction.close()


def test_kinds_of_given_are_looked_for_and_written_down_together(cluster, begin):
    connection = cluster.connect()
    transaction = begin("shop", run_id="struck", connection=connection, kinds=[CONFIG_MAPS, PODS])
    settings = {"apiVersion": "v1", "kind": "ConfigMap", "data": {}}
    settings["metadata"] = {"name": "settings", "namespace": "shop"}
    seen = []

    def look(event, chunks):
        if event.object["metadata"].get("namespace") == "shop":
            journal = journal_of(read_chunks(chunks)[0])
            seen.append((event.resource, {record.key.name for record in journal.history}))

    cluster.listeners.append(look)
    transaction.create_all([settings], [pod("web-1")])
    cluster.listeners.remove(look)

    both = {"settings", "web-1"}
    assert seen[:2] == [("configmaps", both), ("pods", both)]
    assert transaction.restore().complete
    transaction.close()


@pytest.fixture
def in_fresh(cluster, begin):
    """A run that makes a namespace and a pod in it; `make` makes them."""
    transaction = begin("fresh", create_namespaces=True, kinds=[PODS])
    space = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "fresh"}}
    inside = pod("web-1", "fresh")

    def make():
        cluster.asked.clear()
        return transaction.create_all([space], [inside])

    yield transaction, make
    cluster.remove("namespaces", None, "fresh")


def test_what_is_given_in_a_namespace_that_was_missing_is_not_looked_for(cluster, in_fresh):
    transaction, make = in_fresh

    assert [obj["kind"] for obj in make()] == ["Namespace", "Pod"]
    assert {a.resource for a in cluster.asked if not a.writes} <= {"leases.coordination.k8s.io"}
    assert transaction.restore().complete
    transaction.close()


def test_namespace_that_others_made_meanwhile_stays_theirs(cluster, in_fresh):
    transaction, make = in_fresh
    cluster.edit("create", "namespaces", {"metadata": {"name": "fresh"}})

    with pytest.raises(NpolError):
        make()

    assert cluster.get("pods", "fresh", "web-1") is None
    with pytest.raises(RestoreIncomplete, match=r"Namespace fresh: .* it is another's"):
        transaction.close()
    assert cluster.get("namespaces", None, "fresh")


def test_the_look_that_finds_a_namespace_gone_is_the_fresh_read(cluster, in_fresh):
    transaction, make = in_fresh
    make()

    assert transaction.restore().complete

    deleted = next(n for n, a in enumerate(cluster.asked) if a.verb == "delete")
    read = [a.resource for a in cluster.asked[deleted:] if not a.writes]
    assert read.count("namespaces") == read.count(POLICIES)
    transaction.close()
    assert not [a for a in cluster.asked if a.verb == "delete" and a.resource.startswith("leases")]


@pytest.mark.parametrize(
    ("later", "dry_runs"),
    [
        pytest.param({}, 0, id="as-it-was-tried"),
        pytest.param({"policyTypes": ["Egress"]}, 1, id="another-body"),
    ],
)
def test_a_dry_run_that_was_made_ahead_stands_for_the_same_policy(cluster, begin, later, dry_runs):
    transaction = begin()
    transaction.try_ahead([policy("new")])
    cluster.asked.clear()

    assert transaction.apply(policy("new", **later)) == "created"
    assert len([a for a in cluster.asked if a.dry_run]) == dry_runs


def test_a_dry_run_that_was_made_ahead_does_not_stand_for_a_policy_that_was_changed(cluster, begin):
    transaction = begin()
    transaction.apply(policy("new"))
    transaction.try_ahead([policy("new", policyTypes=["Egress"])])
    cluster.change(POLICIES, "shop", "new", lambda obj: obj["metadata"].update(labels={"a": "b"}))

    with pytest.raises(ChangedByOthers):
        transaction.apply(policy("new", policyTypes=["Egress"]))


@pytest.fixture
def ahead(cluster, begin):
    """A run that has written down ahead that it will make two policies; a third one is there."""
    cluster.edit("create", POLICIES, policy("doomed"))
    connection = cluster.connect()
    transaction = begin(run_id="struck", connection=connection)
    transaction.try_ahead([policy("new"), policy("newer")])
    transaction.intend_ahead([policy("new"), policy("newer")])
    return transaction, connection


EGRESS = policy("doomed", policyTypes=["Egress"])


def replaced_ahead(transaction):
    transaction.try_ahead([EGRESS])
    transaction.intend_ahead([EGRESS], replace=True)


def written_down(cluster):
    lines, _ = read_chunks(cluster.list("configmaps", STATE))
    return [(r.number, r.action, r.key.name) for r in journal_of(lines).history]


def test_what_was_written_down_ahead_is_sent_without_another_word(cluster, ahead):
    transaction, connection = ahead
    before, known = connection.requests["update configmaps"], written_down(cluster)

    assert known == [(1, Action.CREATE, "new"), (2, Action.CREATE, "newer")]
    assert transaction.apply_all([policy("new"), policy("newer")]) == ["created"] * 2
    assert connection.requests["update configmaps"] == before
    assert transaction.restore().complete
    assert not {"shop/new", "shop/newer"} & set(cluster.state()["policies"])
    transaction.close()


def test_replacement_is_written_down_ahead_with_its_whole_pre_image(cluster, ahead):
    transaction, connection = ahead
    before = cluster.state()["policies"]
    replaced_ahead(transaction)
    written = connection.requests["update configmaps"]

    assert transaction.apply(EGRESS, replace=True) == "replaced"
    assert connection.requests["update configmaps"] == written
    assert transaction.restore().complete
    assert cluster.state()["policies"] == before
    transaction.close()


@pytest.mark.parametrize("body", [policy("new", policyTypes=["Egress"]), policy("other")])
def test_what_is_done_instead_takes_the_place_of_what_was_written_down_ahead(cluster, ahead, body):
    transaction, _ = ahead
    name = body["metadata"]["name"]

    transaction.apply(body)

    assert written_down(cluster)[0] == (1, Action.CREATE, name)
    transaction.delete(body)
    assert written_down(cluster) == [(1, Action.CREATE, name), (2, Action.DELETE, name)]
    assert transaction.restore().complete
    transaction.close()


def test_policy_that_others_changed_after_it_was_written_down_ahead_is_left_alone(cluster, ahead):
    transaction, _ = ahead
    replaced_ahead(transaction)
    cluster.change(POLICIES, "shop", "doomed", lambda obj: obj["spec"].update(ingress=[{}]))

    with pytest.raises(ChangedByOthers):
        transaction.apply(EGRESS, replace=True)

    assert not transaction.restore().complete
    assert cluster.get(POLICIES, "shop", "doomed")["spec"]["ingress"] == [{}]


def test_policy_that_others_deleted_after_it_was_written_down_ahead_stays_deleted(cluster, ahead):
    transaction, _ = ahead
    replaced_ahead(transaction)
    cluster.remove(POLICIES, "shop", "doomed")
    transaction._lock.stop()

    (done,) = recover(cluster.connect(), run_id="struck", known_dead=True)

    assert done.result is not None
    assert not done.result.complete
    assert "shop/doomed" not in cluster.state()["policies"]


def test_what_was_only_written_down_is_nothing_to_recover(cluster, ahead):
    transaction, _ = ahead
    replaced_ahead(transaction)
    state = cluster.state()["policies"]
    transaction._lock.stop()

    (done,) = recover(cluster.connect(), run_id="struck", known_dead=True)

    assert done.result is not None
    assert done.result.complete
    assert cluster.state()["policies"] == state
