"""Labels of namespaces and pods go back to the managers that owned them."""

import pytest

from npol.changes.restore.undo import undo_labels
from npol.changes.state.field_owners import given_back, owners_of, replicas_given_back
from npol.changes.state.label_history import labelled
from npol.errors import Refused
from npol.kube.objects import NAMESPACES, Ref
from tests.changes.cluster import pod

LABELS = {"team": "bank", "tier": "gold"}


def entry(manager, *labels, operation="Apply", **more):
    fields = {"f:metadata": {"f:labels": {f"f:{label}": {} for label in labels}}}
    return {
        "manager": manager,
        "operation": operation,
        "apiVersion": "v1",
        "fieldsType": "FieldsV1",
        "fieldsV1": fields,
        **more,
    }


def managed(*entries):
    return {"metadata": {"managedFields": list(entries)}}


def owners(obj):
    """Manager -> the labels that it owns."""
    found = {
        e["manager"]: sorted(
            name
            for name in e["fieldsV1"].get("f:metadata", {}).get("f:labels", {})
            if name.startswith("f:")
        )
        for e in obj["metadata"]["managedFields"]
    }
    return {manager: labels for manager, labels in found.items() if labels}


@pytest.fixture
def applied(cluster):
    """Label the namespace `bank` by server-side apply; as it was before at the end."""
    connection = cluster.connect()
    connection.permit(namespaces=["bank"], kinds=[NAMESPACES])

    def apply(manager="platform", **labels):
        body = {
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": {"name": "bank", "labels": labels or LABELS},
        }
        return connection.apply(body, manager=manager, force=True)

    yield apply
    cluster.change("namespaces", None, "bank", forget)


def forget(namespace):
    for label in (*LABELS, "extra"):
        (namespace["metadata"].get("labels") or {}).pop(label, None)


def test_labels_of_a_namespace_go_back_to_their_manager(cluster, begin, applied):
    before = owners(applied())
    transaction = begin("bank")
    transaction.label("namespace", "", "bank", {"team": "other", "tier": None, "extra": "x"})
    assert owners(cluster.get("namespaces", None, "bank")) != before

    assert transaction.restore().complete
    transaction.close()

    live = cluster.get("namespaces", None, "bank")
    assert owners(live) == before
    assert applied(team="new", tier="gold")["metadata"]["labels"]["team"] == "new"
    assert "npol" not in owners(cluster.get("namespaces", None, "bank"))


def test_the_next_apply_of_the_manager_meets_no_conflict(cluster, begin, applied):
    applied()
    transaction = begin("bank")
    transaction.label("namespace", "", "bank", {"team": "other"})
    transaction.close()
    connection = cluster.connect()
    connection.permit(namespaces=["bank"], kinds=[NAMESPACES])
    body = {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": "bank", "labels": {"team": "next", "tier": "gold"}},
    }

    assert connection.apply(body, manager="platform")["metadata"]["labels"]["team"] == "next"


def test_labels_that_a_step_put_back_are_handed_back_too(cluster, begin, applied):
    before = owners(applied())
    transaction = begin("bank")
    transaction.mark("first")
    transaction.label("namespace", "", "bank", {"team": "other"})
    transaction.restore_to("first")

    assert transaction.restore().complete
    assert owners(cluster.get("namespaces", None, "bank")) == before


def test_labels_of_a_pod_go_back_to_their_manager(cluster, begin):
    before = owners(cluster.edit("create", "pods", pod("web"), manager="kubectl-client"))
    transaction = begin()
    transaction.label("pod", "shop", "web", {"app": "other"})

    assert transaction.restore().complete
    assert owners(cluster.get("pods", "shop", "web")) == before


def test_an_edit_between_read_and_hand_back_is_not_lost(cluster, begin, applied):
    before = owners(applied())
    transaction = begin("bank")
    transaction.label("namespace", "", "bank", {"team": "other"})
    (item,) = labelled(transaction._session.writer.journal)
    connection = transaction._session.connection
    patch, sent = connection.patch, []

    def patch_late(ref, body, **options):
        sent.append(body)
        if len(sent) == 2:
            cluster.change(
                "namespaces",
                None,
                "bank",
                lambda n: n["metadata"].setdefault("annotations", {}).update(foreign="yes"),
            )
        return patch(ref, body, **options)

    connection.patch = patch_late
    undo_labels(connection, item)

    live = connection.get(Ref(NAMESPACES, "", "bank"))
    assert len(sent) == 3
    assert live["metadata"]["annotations"]["foreign"] == "yes"
    assert owners(live) == before
    cluster.change("namespaces", None, "bank", lambda n: n["metadata"]["annotations"].clear())


def test_a_namespace_that_gitops_labels_is_refused_unless_allowed(cluster, begin, applied):
    before = owners(applied("flux"))

    with pytest.raises(Refused, match=r"Namespace bank belongs to Flux \(field manager flux\)"):
        begin("bank", run_id="careful").label("namespace", "", "bank", {"team": "other"})
    cluster.remove("leases.coordination.k8s.io", "bank", "npol")
    transaction = begin("bank", allow_gitops=True)
    transaction.label("namespace", "", "bank", {"team": "other"})

    assert transaction.restore().complete
    assert owners(cluster.get("namespaces", None, "bank")) == before


def test_the_journal_keeps_the_owners_of_the_changed_labels_and_no_more(begin, applied):
    applied()
    transaction = begin("bank")
    transaction.label("namespace", "", "bank", {"team": "other"})

    (record,) = transaction._session.writer.journal.history
    assert [e["fieldsV1"] for e in record.owners] == [{"f:metadata": {"f:labels": {"f:team": {}}}}]


def test_only_labels_that_npol_holds_are_given_back():
    live = managed(entry("npol", "a", operation="Update"), entry("flux", "c"))
    owed = owners_of(managed(entry("flux", "a", "b")), ["a", "b"])

    assert given_back(live, owed) == [entry("flux", "c", "a")]


def test_an_owner_without_an_entry_gets_it_back_and_other_fields_stay():
    npols = entry("npol", "a", "mine", operation="Update")
    kubelet = entry("kubelet", operation="Update", subresource="status")
    kubelet["fieldsV1"] = {"f:status": {}}

    fields = given_back(managed(npols, kubelet), [entry("flux", "a")])

    assert fields == [entry("npol", "mine", operation="Update"), kubelet, entry("flux", "a")]


def test_nothing_is_written_where_others_have_taken_the_labels():
    assert given_back(managed(entry("helm", "a")), [entry("flux", "a")]) is None


def of_spec(manager, *fields, **more):
    owned = {"f:spec": {f"f:{field}": {} for field in fields}}
    return entry(manager, **more) | {"fieldsV1": owned}


NPOLS = of_spec("npol", "replicas", operation="Update", subresource="scale")
FLUX = of_spec("flux", "template")


@pytest.mark.parametrize(
    ("held", "owners", "then"),
    [
        ([FLUX, NPOLS], [of_spec("flux", "replicas")], [of_spec("flux", "template", "replicas")]),
        ([FLUX], [of_spec("flux", "replicas")], [of_spec("flux", "template", "replicas")]),
        ([FLUX, NPOLS], [], [FLUX]),
        ([FLUX], [], None),
        ([FLUX, of_spec("helm", "replicas")], [of_spec("flux", "replicas")], None),
    ],
    ids=["npol-s", "forgotten", "nobody-s", "nobody-s-still", "taken-by-others"],
)
def test_replicas_are_given_to_who_owned_them_and_taken_from_npol_alone(held, owners, then):
    assert replicas_given_back(managed(*held), owners) == then
