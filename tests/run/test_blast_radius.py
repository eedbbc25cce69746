"""How far a story's policies reach: pods that it does not name, and what a cluster needs."""

import pytest

from npol.changes.journal_types import CLUSTER, Key
from npol.kube.guard import Mode
from npol.kube.rbac import rights
from npol.model.inventory import Inventory
from npol.policy.state.from_inventory import cluster_state
from npol.run.blast_radius import against
from npol.run.namespaces import changed_namespaces, extras_of
from npol.story import load_story
from tests.e2e.shop import DENY, write_shop

SERVICE = {
    "metadata": {"name": "web", "namespace": "shop"},
    "spec": {"selector": {"app": "web"}, "ports": [{"port": 80}]},
}


def pod(name, namespace="shop", annotations=None, labels=None, **spec):
    metadata = {"name": name, "namespace": namespace, "uid": name, "labels": labels or {}}
    return {"metadata": {**metadata, "annotations": annotations or {}}, "spec": spec}


NAMED = (
    pod("web", labels={"app": "web"}),
    pod("web-2", labels={"app": "web"}),  # behind the peer's Service
    pod("client-1", labels={"app": "client"}),  # what the debug pod stands for
    pod("probe", annotations={"npol.dev/peer": "client"}),
    pod("agent", hostNetwork=True),  # no policy has an effect on it
    pod("stranger", namespace="elsewhere"),
)
STRANGERS = tuple(pod(f"stranger-{n}") for n in range(5))


@pytest.fixture
def found(tmp_path):
    """What speaks against the shop's deny-all, or another policy, among these pods."""

    def find(*pods, max_unlisted_pods=0, policy=DENY, namespaces=()):
        path = write_shop(tmp_path)
        (tmp_path / "deny.yaml").write_text(policy)
        inventory = Inventory(pods=pods, services=(SERVICE,), namespaces=namespaces)
        return against(
            load_story(str(path), root=str(tmp_path)),
            cluster_state(inventory),
            max_unlisted_pods=max_unlisted_pods,
        )

    return find


def test_a_deny_all_over_the_storys_own_pods_is_natural(found):
    assert found(*NAMED) == []


def test_so_many_others_may_be_selected_and_no_more(found):
    assert found(*NAMED, *STRANGERS, max_unlisted_pods=5) == []

    (finding,) = found(*NAMED, *STRANGERS, max_unlisted_pods=4)

    assert "5 pod(s) that the story does not name" in finding.what
    assert "shop/stranger-0, shop/stranger-1, shop/stranger-2 and 2 more" in finding.what
    assert "deny.yaml:2:1" in finding.what
    assert finding.hint.endswith("--max-unlisted-pods 5")


def test_a_policy_that_selects_none_of_them_reaches_none_of_them(found):
    narrow = DENY.replace("podSelector: {}", "podSelector: {matchLabels: {app: web}}")

    assert found(*NAMED, *STRANGERS, policy=narrow) == []


@pytest.mark.parametrize(
    "needed",
    [
        pytest.param(pod("dns-1", labels={"k8s-app": "kube-dns"}), id="name-server"),
        pytest.param(pod("metrics", priorityClassName="system-cluster-critical"), id="critical"),
    ],
)
def test_critical_pods_are_not_cut_whatever_max_unlisted_pods_allows(found, needed):
    (finding,) = found(*NAMED, needed, max_unlisted_pods=100)

    assert f"deny.yaml:2:1) selects shop/{needed['metadata']['name']}" in finding.what


def test_a_critical_pod_that_the_story_is_about_may_be_cut(found):
    mine = pod("web-3", labels={"app": "web"}, priorityClassName="system-cluster-critical")

    assert found(*NAMED, mine) == []


@pytest.mark.parametrize("namespace", ["kube-system", "npol-system"])
def test_a_policy_in_a_namespace_of_the_system_is_named_with_its_line(found, namespace):
    (finding,) = found(*NAMED, policy=DENY.replace("namespace: shop", f"namespace: {namespace}"))

    assert finding.what.startswith(f"NetworkPolicy {namespace}/deny-all (")
    assert "deny.yaml:2:1) is in a namespace" in finding.what


GUARD = """
apiVersion: policy.networking.k8s.io/v1alpha2
kind: ClusterNetworkPolicy
metadata: {name: guard}
spec:
  tier: Admin
  priority: 1
  subject: {namespaces: SELECTOR}
  ingress: [{action: Deny, from: [{namespaces: {}}]}]
"""
SHOP_ONLY = GUARD.replace("SELECTOR", "{matchLabels: {kubernetes.io/metadata.name: shop}}")
EVERYWHERE = GUARD.replace("SELECTOR", "{}")
OF_CALICO = """
apiVersion: projectcalico.org/v3
kind: GlobalNetworkPolicy
metadata: {name: deny}
spec: {selector: "has(app)", types: [Ingress]}
"""


def namespace(name):
    labels = {"kubernetes.io/metadata.name": name}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}


PLACES = tuple(map(namespace, ("shop", "elsewhere", "kube-system", "npol-system")))


def test_a_policy_of_the_cluster_counts_the_pods_of_its_namespaces(found):
    assert found(*NAMED, policy=SHOP_ONLY, namespaces=PLACES) == []

    (finding,) = found(*NAMED, *STRANGERS, policy=SHOP_ONLY, namespaces=PLACES)

    assert "5 pod(s)" in finding.what
    assert "ClusterNetworkPolicy guard (" in finding.what


@pytest.mark.parametrize("policy", [EVERYWHERE, OF_CALICO], ids=["selected", "not-read"])
def test_a_policy_of_the_cluster_must_leave_out_what_is_never_changed(found, policy):
    told = [f.what for f in found(*NAMED, policy=policy, namespaces=PLACES, max_unlisted_pods=9)]

    assert len(told) == 1
    assert told[0].endswith("selects namespaces that are never changed: kube-system, npol-system")


OF_CILIUM = """
apiVersion: cilium.io/v2
kind: CiliumClusterwideNetworkPolicy
metadata: {name: guard}
spec: {SUBJECT, ingressDeny: [{fromEntities: [world]}]}
"""
CILIUMS_SHOP = OF_CILIUM.replace(
    "SUBJECT",
    "endpointSelector: {matchLabels: {io.cilium.k8s.namespace.labels.kubernetes.io/metadata.name: "
    "shop}}",
)
GROUP = """
apiVersion: cilium.io/v2
kind: CiliumCIDRGroup
metadata: {name: far}
spec: {externalCIDRs: [192.0.2.0/24]}
"""


@pytest.mark.parametrize(
    ("policy", "told"),
    [
        pytest.param(CILIUMS_SHOP, "", id="of-the-story"),
        pytest.param(GROUP, "", id="networks"),
        pytest.param(
            OF_CILIUM.replace("SUBJECT", "endpointSelector: {matchLabels: {app: web}}"),
            "selects namespaces that are never changed: kube-system, npol-system",
            id="everywhere",
        ),
        pytest.param(
            OF_CILIUM.replace("SUBJECT", "nodeSelector: {}"),
            "selects nodes, which the cluster itself lives on",
            id="nodes",
        ),
    ],
)
def test_a_clusterwide_policy_of_ciliums_is_read_by_its_selector(found, policy, told):
    problems = [f.what for f in found(*NAMED, policy=policy, namespaces=PLACES)]

    assert [p.rpartition(") ")[2] for p in problems] == [told] * bool(told)


def test_a_story_with_a_policy_of_the_cluster_needs_its_lock_and_its_rights(tmp_path):
    path = write_shop(tmp_path)
    (tmp_path / "deny.yaml").write_text(SHOP_ONLY)
    story = load_story(str(path), root=str(tmp_path))

    extras = extras_of(story)
    wanted = set(map(str, rights(Mode.APPLY, ["shop"], extras=extras)))

    api = "policy.networking.k8s.io/v1alpha2"
    assert Key(api, "ClusterNetworkPolicy", "", "guard").place == CLUSTER
    assert "npol-system" not in changed_namespaces(story, creates=False)
    assert "update leases.coordination.k8s.io npol-cluster in namespace npol-system" in wanted
    assert {
        f"{verb} clusternetworkpolicies.policy.networking.k8s.io in the whole cluster"
        for verb in ("list", "get", "create", "update", "delete")
    } <= wanted
    assert "list pods in the whole cluster" in wanted
