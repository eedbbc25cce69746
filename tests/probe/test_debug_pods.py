"""Making debug pods and taking them away, against an API server that can misbehave."""

import threading

import pytest

from npol.errors import Position, Refused
from npol.kube.api_errors import ApiError
from npol.kube.objects import ref_of
from npol.model.inventory import Inventory
from npol.model.story import Peer
from npol.model.story_settings import PodSettings
from npol.probe.debug_pod_manifest import debug_pod
from npol.probe.debug_pods import DebugPods
from npol.probe.side_effects import concerns

RUNS = {"podIP": "10.0.0.9", "conditions": [{"type": "ContainersReady", "status": "True"}]}


class FakeApi:
    """Keeps objects; pods run at once unless `status` says otherwise."""

    def __init__(self):
        self.objects = {}
        self.deleted = []
        self.events = []
        self.budgets = []
        self.status = RUNS
        self.pending = set()
        self.refuse = {}
        self.refuse_if = lambda pod: None
        self.lose_reply = False
        self._lock = threading.Lock()
        self.gets = 0

    def ref_of(self, obj):
        return ref_of(obj)

    def create(self, obj, *, dry_run=False):
        name = obj["metadata"]["name"]
        if refusal := self.refuse_if(obj):
            raise refusal
        if name in self.refuse:
            raise self.refuse[name]
        with self._lock:
            made = {**obj, "metadata": {**obj["metadata"], "uid": f"uid-of-{name}"}}
            self.objects[obj["metadata"]["namespace"], name] = made
        if self.lose_reply:
            raise Refused("the reply was lost")
        return made

    def get(self, ref):
        self.gets += 1
        found = self.objects.get((ref.namespace, ref.name))
        status = {} if ref.name in self.pending else self.status
        return {**found, "status": status} if found else None

    def list_in(self, resource, namespaces, *, selector=""):
        found = (self.list(resource, n, selector=selector) for n in sorted(set(namespaces)))
        return [obj for objects in found for obj in objects]

    def list(self, resource, namespace="", *, selector="", fields=""):
        if resource.kind == "Event":
            return self.events
        if resource.kind == "PodDisruptionBudget":
            return self.budgets
        return [
            {**o, "status": {} if name in self.pending else self.status}
            for (where, name), o in self.objects.items()
            if where == namespace and self.labelled(o, selector)
        ]

    @staticmethod
    def labelled(obj, selector):
        labels = obj["metadata"].get("labels") or {}
        return all(
            f"{labels.get(k)}" == v
            for k, _, v in (s.partition("=") for s in selector.split(",") if s)
        )

    def delete(self, ref, *, uid=None):
        self.deleted.append((ref.name, uid))
        self.objects.pop((ref.namespace, ref.name), None)
        return True


@pytest.fixture
def api():
    return FakeApi()


@pytest.fixture
def pods(api):
    clock = [0.0]

    def sleep(seconds):
        clock[0] += seconds

    made = DebugPods(api, "run-1", look=lambda: api.inventory, now=lambda: clock[0], sleep=sleep)
    api.inventory = Inventory()
    return made


def manifests(*names, **settings):
    return {
        name: debug_pod(
            Peer(name=name, at=Position("story"), namespace="shop", labels={"app": name}),
            PodSettings(**settings),
            run_id="run-1",
        )
        for name in names
    }


def test_all_pods_start_together_and_go_together(api, pods):
    running = pods.start(manifests("a", "b", "c"), Inventory())

    assert sorted(running) == ["a", "b", "c"]
    assert pods.delete() == ()
    assert api.objects == {}


def test_many_pods_of_a_namespace_are_awaited_by_one_list(api, pods):
    pods.start(manifests("a", "b", "c"), Inventory())

    assert api.gets == 0


def test_a_pod_that_does_not_run_is_no_reason_against_others_where_that_is_asked(api, pods):
    made = manifests("a", "b", "c")
    api.pending = {made["b"]["metadata"]["name"]}
    failed = {}

    assert sorted(pods.start(made, Inventory(), failed=failed)) == ["a", "c"]
    assert "not within 180 s" in failed["b"].message
    with pytest.raises(Refused, match="not within 180 s"):
        pods.start(made, Inventory())


def test_a_pod_whose_story_labels_it_as_anothers_is_awaited_by_its_name(api, pods):
    made = manifests("a", "b")
    made["b"]["metadata"]["labels"]["app.kubernetes.io/managed-by"] = "helm"

    assert sorted(pods.start(made, Inventory())) == ["a", "b"]
    assert api.gets == 1


def test_pods_are_deleted_by_their_uid(api, pods):
    pods.start(manifests("a"), Inventory())
    pods.delete()

    ((name, uid),) = api.deleted
    assert uid == f"uid-of-{name}"


def test_an_image_that_cannot_be_pulled_ends_the_wait_with_the_events_words(api, pods):
    waiting = {"reason": "ErrImagePull", "message": "failed to pull"}
    api.status = {"containerStatuses": [{"state": {"waiting": waiting}}]}
    name = manifests("a")["a"]["metadata"]["name"]
    api.events = [
        {
            "involvedObject": {"uid": f"uid-of-{name}"},
            "type": "Warning",
            "reason": "Failed",
            "message": "manifest unknown: netshoot:v9",
        }
    ]

    with pytest.raises(Refused, match=r"not within 180 s, ErrImagePull: failed to pull.*v9"):
        pods.start(manifests("a"), Inventory())


class Told(list):
    """Takes the lines, and lets the pods run after some of them."""

    def __init__(self, api, after):
        super().__init__()
        self._api, self._after = api, after

    def __call__(self, line):
        self.append(line)
        if len(self) == self._after:
            self._api.status = RUNS


UNSCHEDULED = {
    "conditions": [
        {
            "type": "PodScheduled",
            "status": "False",
            "reason": "Unschedulable",
            "message": "0/1 nodes are available",
        }
    ]
}


def test_a_node_that_comes_late_is_waited_for_and_the_reason_is_told(api, pods):
    api.status = UNSCHEDULED
    name = manifests("a")["a"]["metadata"]["name"]
    api.events = [
        {
            "involvedObject": {"uid": f"uid-of-{name}"},
            "type": "Normal",
            "reason": "TriggeredScaleUp",
            "message": "1->2",
        }
    ]
    pods._watch._say = told = Told(api, after=50)

    assert sorted(pods.start(manifests("a"), Inventory())) == ["a"]
    assert pods._now() > 40
    assert told[-1] == (
        "starting debug pods: 0 of 1 running; a waits: Unschedulable: 0/1 nodes are available "
        "(TriggeredScaleUp: 1->2)"
    )


def test_the_start_deadline_can_be_set(api):
    api.status, clock = UNSCHEDULED, [0.0]

    def sleep(seconds):
        clock[0] += seconds

    api.inventory = Inventory()
    pods = DebugPods(
        api,
        "run-1",
        look=lambda: api.inventory,
        within=20.0,
        now=lambda: clock[0],
        sleep=sleep,
    )

    with pytest.raises(Refused, match="not within 20 s, Unschedulable") as refused:
        pods.start(manifests("a"), Inventory())
    assert 20 <= clock[0] < 22
    assert "--start-within" in refused.value.hint


OUT_OF_RANGE = (
    "unable to validate against any security context constraint: "
    "spec.containers[0].securityContext.runAsUser: Invalid value: 65532: must be in the ranges: "
    "[1000680000, 1000689999]"
)


@pytest.mark.parametrize("leaves", [True, False])
def test_a_uid_that_the_platform_refuses_is_left_to_it(api, leaves):
    name = manifests("a")["a"]["metadata"]["name"]
    api.inventory = Inventory()
    refusal = ApiError(OUT_OF_RANGE, status=403, reason="Forbidden")
    api.refuse_if = lambda pod: "runAsUser" in pod["spec"]["securityContext"] and refusal
    pods = DebugPods(api, "run-1", look=lambda: api.inventory, leave_user=leaves)

    if not leaves:
        with pytest.raises(ApiError, match="must be in the ranges"):
            pods.start(manifests("a"), Inventory())
        return
    pods.start(manifests("a"), Inventory())
    context = api.objects["shop", name]["spec"]["securityContext"]
    assert not {"runAsUser", "runAsGroup"} & set(context)
    assert context["runAsNonRoot"] is True


def test_over_a_slow_link_the_look_itself_is_the_pause_between_two(api, monkeypatch):
    clock, slept = [0.0], []
    seen = api.get

    def get(ref):
        clock[0] += 0.5
        api.status = RUNS if clock[0] > 1 else {}
        return seen(ref)

    monkeypatch.setattr(api, "get", get)
    api.inventory = Inventory()
    pods = DebugPods(
        api, "run-1", look=lambda: api.inventory, now=lambda: clock[0], sleep=slept.append
    )

    pods.start(manifests("a"), Inventory())

    assert slept == [0.0, 0.0]


def test_a_pod_that_never_runs_ends_the_wait(api, pods):
    api.status = {}

    with pytest.raises(Refused, match="not within 180 s"):
        pods.start(manifests("a"), Inventory())


def test_a_refusal_names_the_admission_and_leaves_nothing(api, pods):
    wanted = manifests("a", "b")
    second = wanted["b"]["metadata"]["name"]
    api.refuse = {second: ApiError("violates PodSecurity", status=403, reason="Forbidden")}

    with pytest.raises(ApiError, match="violates PodSecurity"):
        pods.start(wanted, Inventory())
    pods.delete()

    assert api.objects == {}


def test_a_pod_whose_creation_was_not_confirmed_is_looked_for_and_deleted(api, pods):
    api.lose_reply = True
    with pytest.raises(Refused, match="reply was lost"):
        pods.start(manifests("a"), Inventory())

    assert pods.delete() == ()
    assert api.objects == {}


def test_a_pod_of_that_name_that_is_not_ours_is_left_alone(api, pods):
    wanted = manifests("a")
    name = wanted["a"]["metadata"]["name"]
    foreign = {"metadata": {"name": name, "namespace": "shop", "uid": "theirs"}, "kind": "Pod"}
    api.objects["shop", name] = foreign
    api.refuse = {name: ApiError("already exists", status=409, reason="AlreadyExists")}

    with pytest.raises(ApiError):
        pods.start(wanted, Inventory())
    pods.delete()

    assert api.objects["shop", name] is foreign
    assert api.deleted == []


def test_an_objection_comes_before_anything_is_made(api, pods):
    service = {
        "metadata": {"name": "headless", "namespace": "shop"},
        "spec": {"selector": {"app": "a"}, "publishNotReadyAddresses": True},
    }

    with pytest.raises(Refused, match="publishes addresses that are not ready"):
        pods.start(manifests("a"), Inventory(services=(service,)))
    assert api.objects == {}


def test_a_pod_that_got_into_a_service_is_refused(api, pods):
    name = manifests("a")["a"]["metadata"]["name"]
    endpoint = {"targetRef": {"uid": f"uid-of-{name}"}, "conditions": {"ready": True}}
    slices = ({"metadata": {"name": "web-1"}, "endpoints": [endpoint]},)
    api.inventory = Inventory(slices=slices)

    with pytest.raises(Refused, match="one affected other workloads"):
        pods.start(manifests("a"), Inventory())


def test_debug_pods_that_cannot_be_deleted_are_reported(api, pods):
    pods.start(manifests("a"), Inventory())
    api.delete = lambda ref, uid: (_ for _ in ()).throw(Refused("403"))

    problems = pods.delete()

    assert any("was not deleted: 403" in p for p in problems)
    assert any(p.startswith("still there: pod shop/npol-") for p in problems)


def test_debug_pods_that_were_not_deleted_are_deleted_at_the_next_try(api, pods):
    pods.start(manifests("a"), Inventory())
    allowed, api.delete = api.delete, lambda ref, uid: (_ for _ in ()).throw(Refused("403"))
    assert pods.delete()

    api.delete = allowed

    assert pods.delete(within=0) == ()
    assert api.objects == {}


def test_debug_pods_left_by_a_failed_start_are_reported_at_the_end(api, pods):
    made = manifests("a", "b")
    api.refuse = {made["b"]["metadata"]["name"]: Refused("no")}
    allowed, api.delete = api.delete, lambda ref, uid: (_ for _ in ()).throw(Refused("403"))
    with pytest.raises(Refused, match="no"):
        pods.start(made, Inventory())
    assert pods.delete()

    api.delete = allowed

    assert pods.delete() == ()
    assert api.objects == {}


def test_a_name_that_another_has_by_now_is_no_trouble(api, pods):
    pods.start(manifests("a"), Inventory())
    api.objects.clear()
    api.delete = lambda ref, uid: (_ for _ in ()).throw(ApiError("another uid", status=409))

    assert pods.delete() == ()


def test_the_pod_of_a_deployment_is_found_by_its_own_label(api, pods):
    wanted = manifests("a", as_deployment=True)
    api.list = lambda resource, namespace="", *, selector="", fields="": (
        [
            {
                "metadata": {"namespace": "shop", "name": f"{selector}-x", "uid": "u"},
                "spec": {"containers": [{"name": "npol"}]},
                "status": api.status,
            }
        ]
        if selector
        else []
    )

    running = pods.start(wanted, Inventory())

    name = wanted["a"]["metadata"]["name"]
    assert running["a"]["metadata"]["name"] == f"npol.dev/peer={name}-x"


def test_a_debug_pod_that_is_gone_is_made_anew_once(api, pods):
    """F42: evicted, preempted, deleted."""
    first = pods.start(manifests("a"), Inventory())["a"]["metadata"]["name"]
    api.objects.clear()

    second = pods.revive("a")["metadata"]["name"]
    api.objects.clear()

    assert first.endswith("-0")
    assert second == first.removesuffix("0") + "1"
    with pytest.raises(Refused, match="second time"):
        pods.revive("a")


def test_a_debug_pod_that_runs_is_left_as_it_is(api, pods):
    pods.start(manifests("a"), Inventory())

    assert pods.revive("a")["metadata"]["name"].endswith("-0")
    assert api.deleted == []


def test_a_debug_pod_that_was_made_anew_is_deleted_in_the_end(api, pods):
    pods.start(manifests("a"), Inventory())
    api.objects.clear()
    pods.revive("a")
    pods.delete()

    assert api.objects == {}


def test_budgets_that_count_the_pods_are_noted(api, pods):
    api.budgets = [{"metadata": {"name": "web", "namespace": "shop"}, "spec": {"selector": {}}}]

    (note,) = concerns(manifests("a").values(), pods.budgets({"shop"}))
    assert note.startswith("PodDisruptionBudget shop/web counts a debug pod")
