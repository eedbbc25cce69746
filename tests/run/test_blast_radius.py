"""How far a story's policies reach: pods that it does not name, and what a cluster needs."""

import pytest

from npol.model.inventory import Inventory
from npol.policy.state.from_inventory import cluster_state
from npol.run.blast_radius import against
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

    def find(*pods, max_unlisted_pods=0, policy=DENY):
        path = write_shop(tmp_path)
        (tmp_path / "deny.yaml").write_text(policy)
        inventory = Inventory(pods=pods, services=(SERVICE,))
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
