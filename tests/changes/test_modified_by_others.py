"""Guarantee G4: a restore never goes over a newer change of others, and names each of them."""

import itertools
import shutil
from collections import Counter

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from npol.changes.apply.change_session import ChangedByOthers
from npol.changes.begin import TransactionOptions
from npol.changes.recover.recovery import exit_code, recover
from npol.changes.transaction import Transaction
from npol.errors import NpolError, Refused
from tests.changes.cluster import policy
from tests.changes.conftest import empty

POLICIES = "networkpolicies.networking.k8s.io"
OPEN = {"ingress": [{}]}


def annotate(value):
    return lambda p: p["metadata"].setdefault("annotations", {}).update(foreign=value)


def respec(port):
    return lambda p: p["spec"].update(ingress=[{"ports": [{"port": port}]}])


@pytest.fixture
def replaced(cluster, begin):
    """A run that replaced the policy `existing`."""
    body = policy("existing", **OPEN)
    body["metadata"]["annotations"] = {"note": "by hand"}
    cluster.edit("create", POLICIES, body)
    transaction = begin(replace=True)
    transaction.apply(policy("existing", policyTypes=["Egress"]))
    return transaction


def test_a_foreign_edit_of_what_we_replaced_is_left_alone_and_shown(cluster, replaced):
    cluster.change(POLICIES, "shop", "existing", respec(4711))

    assert "port: 4711" in replaced.changed_by_others()[0]
    result = replaced.restore()

    assert not result.complete
    assert "+    - port: 4711" in result.problems[0]
    assert cluster.policies()["shop/existing"]["spec"]["ingress"] == [
        {"ports": [{"port": 4711, "protocol": "TCP"}]}
    ]


def test_a_foreign_annotation_stays_and_our_part_is_put_back(cluster, replaced):
    cluster.change(POLICIES, "shop", "existing", annotate("yes"))

    result = replaced.restore()

    live = cluster.policies()["shop/existing"]
    assert live["spec"]["ingress"] == [{}]
    assert live["annotations"] == {"note": "by hand", "foreign": "yes"}
    assert not result.complete
    assert "foreign: 'yes'" in result.problems[0]


def test_a_policy_deleted_by_others_is_not_recreated(cluster, replaced):
    cluster.remove(POLICIES, "shop", "existing")

    result = replaced.restore()

    assert cluster.policies() == {}
    assert not result.complete
    assert "NetworkPolicy shop/existing" in result.problems[0]


def test_a_policy_created_and_deleted_by_others_does_not_block_the_restore(cluster, begin):
    """What is there at the restore counts: nothing of theirs is left that it could go over."""
    cluster.edit("create", POLICIES, policy("existing", **OPEN))
    before = cluster.policies()
    transaction = begin()
    transaction.delete(policy("existing"))
    cluster.edit("create", POLICIES, policy("existing"))
    cluster.remove(POLICIES, "shop", "existing")

    result = transaction.restore()

    assert result.complete
    assert cluster.policies() == before != {}


def test_a_replacement_made_by_others_stays(cluster, begin):
    transaction = begin()
    transaction.apply(policy())
    mine = cluster.get(POLICIES, "shop", "deny-all")
    cluster.remove(POLICIES, "shop", "deny-all")
    body = {key: mine[key] for key in ("spec",)}
    metadata = {key: mine["metadata"][key] for key in ("name", "namespace", "annotations")}
    cluster.edit("create", POLICIES, {**body, "metadata": metadata})

    result = transaction.restore()

    assert not result.complete, "the same content and annotation, but another object"
    assert list(cluster.policies()) == ["shop/deny-all"]


def test_a_foreign_policy_that_the_run_never_touched_is_named(cluster, begin):
    transaction = begin()
    cluster.edit("create", POLICIES, policy("stranger"))

    assert "NetworkPolicy shop/stranger" in transaction.changed_by_others()[0]
    result = transaction.restore()

    assert "NetworkPolicy shop/stranger: changed by others" in result.problems[0]
    assert list(cluster.policies()) == ["shop/stranger"]


def test_a_write_is_refused_once_others_have_changed_the_policy(cluster, replaced):
    cluster.change(POLICIES, "shop", "existing", annotate("yes"))

    with pytest.raises(ChangedByOthers, match=r"changed by others[\s\S]*\+.*foreign"):
        replaced.apply(policy("existing", **OPEN))
    with pytest.raises(ChangedByOthers):
        replaced.delete(policy("existing"))


def test_an_edit_between_the_check_and_the_write_is_not_lost(cluster, replaced):
    """The PUT names the version that was checked, so the server refuses it."""
    session = replaced._session
    wait = session.check_lock

    def edit_then(namespace):
        if len(session.writer.journal.records) > 1:
            cluster.change(POLICIES, "shop", "existing", annotate("late"))
        wait(namespace)

    session.check_lock = edit_then
    with pytest.raises(ChangedByOthers, match="just now"):
        replaced.apply(policy("existing", policyTypes=["Ingress"]))

    assert cluster.policies()["shop/existing"]["annotations"]["foreign"] == "late"


@pytest.mark.parametrize("verb", ["delete", "replace", "create"])
def test_an_edit_between_a_restore_s_read_and_its_write_is_not_lost(cluster, begin, verb):
    """Whatever was read, each write names what it may go over."""
    cluster.edit("create", POLICIES, policy("replace", **OPEN))
    cluster.edit("create", POLICIES, policy("create", **OPEN))
    connection = cluster.connect()
    transaction = begin(connection=connection, replace=True)
    transaction.apply(policy("delete"))
    transaction.apply(policy("replace", policyTypes=["Egress"]))
    transaction.delete(policy("create"))
    send = getattr(connection, verb)
    late = policy(verb)
    respec(4711)(late)

    def edit_then_send(*args, **options):
        setattr(connection, verb, send)
        if verb == "create":
            cluster.edit("create", POLICIES, late)
        else:
            cluster.change(POLICIES, "shop", verb, respec(4711))
        return send(*args, **options)

    setattr(connection, verb, edit_then_send)
    result = transaction.restore()

    assert "4711" in str(cluster.policies()[f"shop/{verb}"])
    assert [p for p in result.problems if "4711" in p] == [*result.problems] != []


def test_labels_of_a_namespace_that_others_changed_are_left_alone(cluster, begin):
    transaction = begin()
    transaction.label("namespace", "", "shop", {"team": "ours"})
    cluster.change("namespaces", None, "shop", lambda n: n["metadata"]["labels"].update(team="x"))

    result = transaction.restore()

    assert "+  team: x" in result.problems[0]
    assert cluster.get("namespaces", None, "shop")["metadata"]["labels"]["team"] == "x"
    cluster.change("namespaces", None, "shop", lambda n: n["metadata"]["labels"].pop("team"))


@pytest.fixture
def short_lived(cluster):
    cluster.edit("create", "namespaces", {"metadata": {"name": "short"}})
    cluster.edit("create", POLICIES, policy("existing", "short"))
    yield "short"
    gone(cluster)


def gone(cluster):
    cluster.remove("namespaces", None, "short")
    while cluster.get("namespaces", None, "short"):
        pass


def test_a_namespace_that_is_gone_needs_no_restore(cluster, begin, short_lived):
    transaction = begin("short", replace=True)
    transaction.apply(policy("existing", "short", **OPEN))
    transaction.delete(policy("existing", "short"))
    gone(cluster)

    assert transaction.restore().complete
    transaction.close()


def test_nothing_is_put_back_into_a_namespace_that_was_made_anew(cluster, begin, short_lived):
    transaction = begin("short")
    transaction.delete(policy("existing", "short"))
    gone(cluster)
    cluster.edit("create", "namespaces", {"metadata": {"name": "short"}})

    result = transaction.restore()

    assert not result.complete
    assert "namespace short was deleted and made anew" in result.problems[0]
    assert cluster.policies("short") == {}


def test_changes_made_by_others_can_be_accepted(cluster, replaced, tmp_path):
    cluster.change(POLICIES, "shop", "existing", respec(4711))
    with pytest.raises(NpolError):
        replaced.close()
    directory = tmp_path / "state"

    again = recover(cluster.connect(), known_dead=True, state_directory=directory)
    accepted = recover(
        cluster.connect(), known_dead=True, accept_foreign=True, state_directory=directory
    )

    assert (exit_code(again), exit_code(accepted)) == (6, 0)
    assert "left to others: NetworkPolicy shop/existing" in accepted[0].result.actions[0]
    state = cluster.state()
    assert (state["journals"], state["leases"]) == ([], [])
    assert state["policies"]["shop/existing"]["spec"]["ingress"][0]["ports"][0]["port"] == 4711


def test_a_lock_is_free_again_when_only_others_have_changed_something(cluster, begin):
    transaction = begin()
    transaction.apply(policy())
    cluster.edit("create", POLICIES, policy("stranger"))

    with pytest.raises(NpolError, match="stranger"):
        transaction.close()

    assert cluster.state()["leases"] == []


# -- any sequence of edits

NAMES = st.sampled_from("abc")
OURS = st.tuples(st.sampled_from(("apply", "open", "delete", "mark", "back")), NAMES)
FOREIGN = st.tuples(st.sampled_from(("spec", "annotate", "remove", "make", "touch")), NAMES)
UNTOUCHED = "untouched"
numbers = itertools.count(1)


class Others:
    """Somebody else in the namespace, who remembers what must still be there at the end."""

    def __init__(self, cluster):
        self._cluster = cluster
        self.spec = {}
        """Name -> port of the last spec that they wrote; None: they deleted it last."""
        self.annotations = {}
        self._made = {}
        """Name -> (uid of the last policy that they made there, what held before)."""

    def act(self, what, name):
        number = next(numbers)
        there = self._cluster.get(POLICIES, "shop", name) is not None
        if what == "make" and not there:
            body = policy(name)
            respec(number)(body)
            self._made[name] = (
                self._cluster.edit("create", POLICIES, body)["metadata"]["uid"],
                self.spec.get(name, UNTOUCHED),
            )
            self.spec[name], self.annotations[name] = number, []
        elif what == "spec" and there:
            self._cluster.change(POLICIES, "shop", name, respec(number))
            self.spec[name] = number
        elif what == "annotate" and there:
            mark = {f"foreign-{number}": "yes"}
            self._cluster.change(
                POLICIES,
                "shop",
                name,
                lambda p: p["metadata"].setdefault("annotations", {}).update(mark),
            )
            self.annotations.setdefault(name, []).append(f"foreign-{number}")
        elif what == "remove" and there:
            self._remove(name)
        elif what == "touch" and there:  # a write that changes nothing but the version
            self._cluster.change(
                POLICIES, "shop", name, lambda p: p["metadata"].update(generation=number)
            )

    def _remove(self, name):
        """Taking away what they made themselves says no more than they had said before it."""
        live = self._cluster.get(POLICIES, "shop", name)
        self._cluster.remove(POLICIES, "shop", name)
        uid, earlier = self._made.get(name, ("", UNTOUCHED))
        still_theirs = live["metadata"]["uid"] == uid and self._holds(live, self.spec[name])
        self.spec[name] = earlier if still_theirs else None
        self.annotations[name] = []

    @staticmethod
    def _holds(live, port):
        return live is not None and str(port) in str(live["spec"])

    def lost(self):
        """Their edits that are not in the cluster any more."""
        live = self._cluster.policies("shop")
        for name, port in self.spec.items():
            found = live.get(f"shop/{name}")
            if port is None and found is not None:
                yield f"{name} was deleted"
            if port not in (None, UNTOUCHED) and not self._holds(found, port):
                yield f"{name} had port {port}"
        for name, marks in self.annotations.items():
            found = live.get(f"shop/{name}") or {}
            yield from (m for m in marks if m not in (found.get("annotations") or {}))


def ours(transaction, what, name):
    """One change of the run; what others have touched is refused, which is fine."""
    try:
        if what == "apply":
            transaction.apply(policy(name))
        elif what == "open":
            transaction.apply(policy(name, **OPEN), replace=True)
        elif what == "delete":
            transaction.delete(policy(name))
        elif what == "mark":
            transaction.mark("here")
        else:
            transaction.restore_to("here")
    except Refused:
        return


def check_any_sequence(server, directory, existing, steps):
    empty(server)
    shutil.rmtree(directory, ignore_errors=True)
    for name in existing:
        server.edit("create", POLICIES, policy(name, **OPEN))
    before = server.policies("shop")
    others = Others(server)
    transaction = Transaction.open(
        server.connect(),
        TransactionOptions(
            run_id=f"run-{next(numbers)}",
            namespaces=["shop"],
            replace=True,
            disposable=True,
            state_directory=directory,
        ),
    )
    transaction.mark("here")
    for foreign, (what, name) in steps:
        if foreign:
            others.act(what, name)
        else:
            ours(transaction, what, name)
    result = transaction.restore()
    transaction._lock.stop()

    after = server.policies("shop")
    differing = {key for key in {*before, *after} if before.get(key) != after.get(key)}
    assert list(others.lost()) == []
    assert result.complete == (not differing), result.problems
    named = Counter(p.split(":")[0].removeprefix("NetworkPolicy ") for p in result.problems)
    assert named == Counter(differing)
    if not any(foreign for foreign, _ in steps):
        assert after == before


STEPS = st.lists(
    st.one_of(st.tuples(st.just(False), OURS), st.tuples(st.just(True), FOREIGN)),
    min_size=1,
    max_size=12,
)
EXISTING = st.sets(NAMES)
QUIET = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]


@settings(max_examples=30, deadline=None, suppress_health_check=QUIET)
@given(existing=EXISTING, steps=STEPS)
def test_any_sequence_ends_restored_or_with_every_difference_named(
    server, tmp_path, existing, steps
):
    check_any_sequence(server, tmp_path / "state", existing, steps)


@pytest.mark.nightly
@pytest.mark.timeout(900)
@settings(max_examples=1000, deadline=None, suppress_health_check=QUIET)
@given(existing=EXISTING, steps=STEPS)
def test_any_of_many_sequences_ends_restored_or_with_every_difference_named(
    server, tmp_path, existing, steps
):
    check_any_sequence(server, tmp_path / "state", existing, steps)
