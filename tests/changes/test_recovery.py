"""Runs that ended without their restore, and journals that somebody has tampered with."""

import json

import pytest

from npol.changes.journal import local_file
from npol.changes.journal.codec import _checksum, journal_of, read_lines, text_of, written
from npol.changes.journal.configmaps import read_chunks
from npol.changes.journal_types import Action, Key, Record
from npol.changes.lock import holder
from npol.changes.lock.holder import Identity
from npol.changes.lock.lock import Lock
from npol.changes.recover.recovery import RecoveredInPart, exit_code, open_runs, recover
from npol.errors import Refused
from tests.changes.cluster import STATE, policy
from tests.changes.test_journal_types import HEADER

POLICIES = "networkpolicies.networking.k8s.io"
LEASES = "leases.coordination.k8s.io"


@pytest.fixture
def before(cluster):
    cluster.edit("create", POLICIES, policy("existing", ingress=[{}]))
    return cluster.state()


@pytest.fixture
def dead(cluster, begin, before, monkeypatch):
    """Leave a run as its death would: policies changed, locks held, journals written."""

    def dead(run_id="dead", machine="another machine", namespaces=("shop",), **settings):
        identity = Identity(host="far", pid=1, user="ann", process=machine)
        with monkeypatch.context() as patch:
            patch.setattr(holder, "myself", lambda: identity)
            transaction = begin(*namespaces, run_id=run_id, watched=True, replace=True, **settings)
        transaction._lock.stop()
        transaction._watchdog.dismiss()
        transaction.apply(policy("existing", namespaces[0], policyTypes=["Egress"]))
        for namespace in namespaces:
            transaction.apply(policy("new", namespace))
        transaction._session.writer.close()
        return transaction

    return dead


@pytest.fixture
def here(tmp_path):
    return tmp_path / "state"


@pytest.fixture
def chunk(cluster):
    """Edit the journal's ConfigMap by hand."""

    return lambda change: edit_chunk(cluster, cluster.state()["journals"][0], change)


def edit_chunk(cluster, name, change):
    def changed(obj):
        obj["data"]["journal.jsonl"] = change(obj["data"]["journal.jsonl"])

    cluster.change("configmaps", STATE, name, changed)


def test_open_runs_are_listed_with_user_host_and_story(cluster, dead, here):
    dead(story="stories/a.npol.yaml")

    (run,) = open_runs(cluster.connect(), state_directory=here)

    assert (run.run_id, run.story, run.namespaces) == ("dead", "stories/a.npol.yaml", ("shop",))
    assert str(run).startswith("run dead of stories/a.npol.yaml, by ann on far (pid 1), 20")
    assert (run.left, run.local, run.damage) == (False, False, "")


def test_a_run_of_another_machine_is_recovered_once_it_stops_renewing(
    cluster, dead, before, tmp_path, monkeypatch
):
    dead(lease=1.0)

    done = recover(cluster.connect(), state_directory=tmp_path / "elsewhere")

    assert exit_code(done) == 0
    assert cluster.state() == before


def test_a_run_that_renews_its_lease_is_left_alone_and_named(cluster, dead, here):
    dead()

    def renew(_):
        cluster.change(LEASES, "shop", "npol", lambda le: le["spec"].update(renewTime=NOW))

    done = recover(cluster.connect(), state_directory=here, sleep=renew)

    assert exit_code(done) == 5
    assert "run dead" in done[0].skipped
    assert "still renews its locks, from far" in done[0].skipped
    assert "shop/new" in cluster.policies()


NOW = "2026-11-21T10:00:00.000000Z"


def test_a_run_that_lives_on_this_machine_is_left_alone_at_once(cluster, begin, before, here):
    begin(run_id="alive").apply(policy())

    done = recover(cluster.connect(), state_directory=here)

    assert exit_code(done) == 5
    assert "still running here" in done[0].skipped
    assert "shop/deny-all" in cluster.policies()


def test_recover_leaves_changes_that_were_left_on_purpose(cluster, begin, before, here):
    transaction = begin()
    transaction.apply(policy())
    transaction.leave()
    transaction.close()

    done = recover(cluster.connect(), state_directory=here)

    assert exit_code(done) == 0
    assert "left on purpose" in done[0].skipped
    assert "shop/deny-all" in cluster.policies()
    assert exit_code(recover(cluster.connect(), with_left=True, state_directory=here)) == 0
    assert cluster.state() == before


def test_recover_again_finds_nothing_to_do(cluster, dead, before, here):
    dead()
    recover(cluster.connect(), known_dead=True, state_directory=here)
    cluster.asked.clear()

    assert recover(cluster.connect(), state_directory=here) == []
    assert not [a for a in cluster.asked if a.writes]


def test_a_run_that_is_not_there_is_refused(cluster, before):
    with pytest.raises(Refused, match="no open run nobody"):
        recover(cluster.connect(), run_id="nobody")


def test_several_dead_runs_are_recovered_newest_first(cluster, dead, before, here):
    cluster.edit("create", POLICIES, policy("existing", "bank", ingress=[{}]))
    then = cluster.state()
    dead("one")
    dead("two", namespaces=("bank",))

    done = recover(cluster.connect(), known_dead=True, state_directory=here)

    assert [r.run.run_id for r in done] == ["two", "one"]
    assert cluster.state() == then


# -- one copy of the journal is gone or torn (F09, F55)


def test_the_local_copy_is_enough(cluster, dead, before, here):
    dead()
    cluster.remove("configmaps", STATE, cluster.state()["journals"][0])

    done = recover(cluster.connect(), known_dead=True, state_directory=here)

    assert exit_code(done) == 0
    assert cluster.state() == before
    assert list(here.iterdir()) == []


def test_a_local_copy_of_a_run_that_was_recovered_elsewhere_is_harmless(
    cluster, dead, before, here, tmp_path
):
    """Whatever others have done since is theirs."""
    dead()
    recover(cluster.connect(), known_dead=True, state_directory=tmp_path / "elsewhere")
    cluster.change(POLICIES, "shop", "existing", lambda p: p["spec"].update(policyTypes=[]))
    now = cluster.state()

    done = recover(cluster.connect(), known_dead=True, state_directory=here)

    assert exit_code(done) == 0
    assert cluster.state() == now
    assert list(here.iterdir()) == []


def test_a_local_copy_torn_at_its_end_does_not_matter(cluster, dead, before, here):
    dead()
    file = here / "dead.jsonl"
    file.write_bytes(file.read_bytes()[:-40])

    assert exit_code(recover(cluster.connect(), known_dead=True, state_directory=here)) == 0
    assert cluster.state() == before


def test_a_torn_line_in_the_cluster_is_mended_from_the_local_copy(
    cluster, dead, before, here, chunk
):
    dead()
    chunk(lambda text: text.replace('"shop"', '"bank"', 3))

    assert exit_code(recover(cluster.connect(), known_dead=True, state_directory=here)) == 0
    assert cluster.state() == before


def without(number):
    """A journal without the lines of one record."""
    return lambda text: "\n".join(
        line for line in text.split("\n") if f'"number":{number},' not in line
    )


def test_an_intent_that_is_lost_altogether_is_found_by_the_snapshot(
    cluster, dead, before, tmp_path, chunk
):
    """And nothing is done blindly: the policy carries our mark, but nobody knows its past."""
    dead()
    chunk(without(2))
    known = {"known_dead": True, "state_directory": tmp_path / "elsewhere"}

    done = recover(cluster.connect(), **known)

    assert exit_code(done) == 6
    assert "changed by run dead" in done[0].result.problems[0]
    assert list(cluster.policies()) == ["shop/existing", "shop/new"]
    assert cluster.state()["journals"]
    cluster.remove(POLICIES, "shop", "new")
    assert exit_code(recover(cluster.connect(), **known)) == 0
    assert cluster.state() == before


def test_a_hole_in_the_journal_is_said_even_if_all_looks_as_before(
    cluster, dead, before, tmp_path, chunk
):
    dead()
    chunk(without(1))
    cluster.change(POLICIES, "shop", "existing", lambda p: p.update(before_existing(before)))
    known = {"known_dead": True, "state_directory": tmp_path / "elsewhere"}

    done = recover(cluster.connect(), **known)

    assert exit_code(done) == 6
    assert "the journal is damaged" in done[0].result.problems[0]
    assert exit_code(recover(cluster.connect(), accept_foreign=True, **known)) == 0
    assert cluster.state() == before


def before_existing(before):
    return {
        "spec": before["policies"]["shop/existing"]["spec"],
        "metadata": {"name": "existing", "namespace": "shop"},
    }


def test_a_journal_that_lost_its_beginning_is_refused(cluster, dead, tmp_path, chunk):
    dead()
    chunk(lambda text: text.partition("\n")[2])

    with pytest.raises(Refused, match="lost its beginning"):
        recover(cluster.connect(), known_dead=True, state_directory=tmp_path / "elsewhere")


@pytest.fixture
def orphan(cluster, dead, here):
    """A dead run whose journal is gone altogether."""
    dead()
    cluster.remove("configmaps", STATE, cluster.state()["journals"][0])
    (here / "dead.jsonl").unlink()
    return {"run_id": "dead", "known_dead": True, "state_directory": here}


def test_without_any_journal_nothing_is_restored_blindly_and_all_of_it_named(cluster, orphan):
    cluster.asked.clear()

    done = recover(cluster.connect(), **orphan)

    assert exit_code(done) == 6
    assert len(done[0].result.problems) == 2
    assert "delete networkpolicy new" in done[0].result.problems[1]
    assert not [a for a in cluster.asked if a.writes]


def test_locks_without_a_journal_go_once_nothing_carries_the_mark(cluster, orphan):
    for name in ("existing", "new"):
        cluster.remove(POLICIES, "shop", name)

    assert exit_code(recover(cluster.connect(), **orphan)) == 0
    assert cluster.state()["leases"] == []


def test_locks_without_a_journal_that_are_renewed_are_left_alone(cluster, orphan):
    def renew(_):
        cluster.change(LEASES, "shop", "npol", lambda le: le["spec"].update(renewTime=NOW))

    done = recover(cluster.connect(), run_id="dead", sleep=renew)

    assert exit_code(done) == 5


# -- another cluster, another version, a forgery (F88)


def rewritten(text, change):
    """The journal's text with an entry changed, its checksums right."""
    lines, _ = read_lines(text)
    entries = [json.loads(line)["entry"] for line in lines.values()]
    for entry in entries:
        change(entry)
    texts = [json.dumps(e, sort_keys=True, separators=(",", ":")) for e in entries]
    return text_of(f'{{"sum":"{_checksum(t)}","entry":{t}}}' for t in texts)


def forge(**changes):
    def change(entry):
        for field, value in changes.items():
            if field in entry:
                entry[field] = value

    return lambda text: rewritten(text, change)


@pytest.mark.parametrize(
    ("forged", "why"),
    [
        pytest.param(forge(cluster_uid="other"), "another cluster", id="cluster"),
        pytest.param(forge(schema=99), "another version", id="version"),
        pytest.param(forge(key=["v1", "Node", "", "a"]), "never writes a Node", id="kind"),
        pytest.param(
            forge(key=["networking.k8s.io/v1", "NetworkPolicy", "kube-system", "x"]),
            "never changes this namespace",
            id="protected",
        ),
    ],
)
def test_a_journal_that_is_not_ours_is_refused_and_nothing_written(
    cluster, dead, tmp_path, chunk, forged, why
):
    dead()
    chunk(forged)
    cluster.asked.clear()

    with pytest.raises(Refused, match=why):
        recover(cluster.connect(), known_dead=True, state_directory=tmp_path / "elsewhere")

    assert not [a for a in cluster.asked if a.writes]


BEHEADED = "the journal of run older has lost its beginning"
OF_ANOTHER_VERSION = "run newer: the journal was written by another version of npol"


@pytest.fixture
def unreadable(cluster, begin):
    """Journals of two runs that this npol cannot read: one of another version, one beheaded."""
    for run_id, change in (("newer", forge(schema=99)), ("older", lambda t: t.partition("\n")[2])):
        transaction = begin("bank", run_id=run_id)
        transaction._lock.release()
        edit_chunk(cluster, f"npol-{run_id}-0", change)


def test_journals_of_others_that_cannot_be_read_keep_no_run_from_its_own(
    cluster, dead, before, here, unreadable
):
    dead()

    done = recover(cluster.connect(), run_id="dead", known_dead=True, state_directory=here)

    assert exit_code(done) == 0
    assert cluster.state() == before | {"journals": ["npol-newer-0", "npol-older-0"]}


def test_what_can_be_read_is_restored_before_the_rest_is_named(
    cluster, dead, before, here, unreadable
):
    dead()

    with pytest.raises(RecoveredInPart) as told:
        recover(cluster.connect(), known_dead=True, state_directory=here)

    assert told.value.message == f"{OF_ANOTHER_VERSION}; {BEHEADED}"
    assert "recover with the version that made the run" in told.value.hint
    assert (exit_code(told.value.done), told.value.exit_code) == (0, 4)
    assert cluster.state() == before | {"journals": ["npol-newer-0", "npol-older-0"]}


def test_an_incomplete_restore_outranks_journals_that_cannot_be_read(
    cluster, dead, here, unreadable
):
    dead()
    cluster.change(POLICIES, "shop", "new", lambda p: p["spec"].update(ingress=[{}]))

    with pytest.raises(RecoveredInPart) as told:
        recover(cluster.connect(), known_dead=True, state_directory=here)

    assert told.value.exit_code == 6


def test_a_run_whose_own_journal_cannot_be_read_is_not_taken_for_one_without(
    cluster, here, unreadable
):
    with pytest.raises(Refused, match=OF_ANOTHER_VERSION):
        recover(cluster.connect(), run_id="newer", known_dead=True, state_directory=here)


def test_a_forged_creation_deletes_nothing_that_the_run_did_not_mark(
    cluster, dead, before, tmp_path, chunk
):
    cluster.edit(
        "create",
        "pods",
        {
            "metadata": {"name": "victim", "namespace": "shop"},
            "spec": {"containers": [{"name": "a", "image": "b"}]},
        },
    )
    dead()
    chunk(lambda text: text + added(text))

    done = recover(cluster.connect(), known_dead=True, state_directory=tmp_path / "elsewhere")

    assert exit_code(done) == 6
    assert "Pod shop/victim" in done[0].result.problems[0]
    assert cluster.get("pods", "shop", "victim")


def added(text):
    number = max(read_lines(text)[0]) + 1
    key = Key("v1", "Pod", "shop", "victim")
    return written(number, Record(number=9, action=Action.CREATE, key=key)) + "\n"


def test_a_file_of_another_cluster_is_passed_over(cluster, before, here):
    file = local_file.LocalFile.create("elsewhere", here)
    file.append([written(1, HEADER)])
    file.close()

    assert open_runs(cluster.connect(), state_directory=here) == []
    assert recover(cluster.connect(), state_directory=here) == []
    assert local_file.runs(here) == ["elsewhere"]


def test_a_journal_holds_no_object_but_policies(cluster, dead, before):
    dead()
    name = cluster.state()["journals"][0]
    journal = journal_of(read_chunks([cluster.get("configmaps", STATE, name)])[0])

    kinds = {body["kind"] for r in journal.history for body in (r.before, r.after) if body}
    assert kinds == {"NetworkPolicy"}


def test_a_dead_run_is_recovered_while_another_lives(cluster, begin, dead, before, here):
    alive = begin("bank", run_id="alive")
    alive.apply(policy(namespace="bank"))
    dead(lease=1.0)

    def sleep(seconds):
        alive._lock._renew("bank")

    done = recover(cluster.connect(), state_directory=here, sleep=sleep)

    assert exit_code(done) == 0
    assert {each.run.run_id: each.alive for each in done} == {"dead": False, "alive": True}
    assert cluster.policies("shop") == before["policies"]
    assert list(cluster.policies("bank")) == ["bank/deny-all"]


def test_what_a_live_run_holds_waits_and_the_rest_is_restored(cluster, dead, before, here):
    dead(namespaces=("shop", "bank"))
    cluster.remove(LEASES, "shop", "npol")
    other = Lock(cluster.connect(), "other", duration=3600)
    other._take("shop")
    known = {"known_dead": True, "state_directory": here}

    done = recover(cluster.connect(), accept_foreign=True, **known)

    assert exit_code(done) == 6
    assert "namespace shop is held by run other" in done[0].result.problems[0]
    assert "shop/new" in cluster.policies("shop")
    assert cluster.policies("bank") == {}
    other.release()
    assert exit_code(recover(cluster.connect(), accept_foreign=True, **known)) == 0
    assert cluster.policies("shop") == before["policies"]
