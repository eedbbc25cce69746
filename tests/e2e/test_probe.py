"""`npol probe`: one flow, one answer, nothing left."""

import pytest
import yaml

from tests.e2e.shop import DENY, open_shop, write_shop
from tests.e2e.test_oncall import PODS, POLICIES

LEASES = "/apis/coordination.k8s.io/v1/namespaces/shop/leases"
FLOW = "shop/web -> shop/web:80"


@pytest.fixture
def there(lab):
    return "--kubeconfig", str(lab.kubeconfig), "--context", lab.context


@pytest.fixture(scope="module")
def shop(server):
    open_shop(server)


@pytest.mark.lab
@pytest.mark.nightly
def test_a_flow_of_a_cluster_is_asked_and_nothing_is_left(npol_here, server, there, shop):
    open_ = npol_here("probe", FLOW, *there)
    server.ask("POST", POLICIES, yaml.safe_load(DENY))
    closed = npol_here("probe", FLOW, *there)
    wrong = npol_here("probe", FLOW, "--expect", "allow", *there)
    server.ask("DELETE", f"{POLICIES}/deny-all")

    assert open_.returncode == closed.returncode == 0, open_.stdout + closed.stdout
    assert open_.stdout.startswith(f"{FLOW}: open\n")
    assert closed.stdout.startswith(f"{FLOW}: timeout\n")
    assert "predicted  deny: packets agree\n" in closed.stdout
    assert "verdict" not in closed.stdout
    assert "\npackets and prediction agree in " in closed.stdout
    assert closed.stdout.endswith("; cluster lab: exit code 0\n")
    assert "shop/deny-all" in closed.stdout
    assert wrong.returncode == 1
    assert "\n  verdict    too closed\n" in wrong.stdout
    assert server.names(PODS) == {"web"}
    assert server.names(LEASES) == set()


@pytest.mark.lab
@pytest.mark.nightly
def test_a_pod_that_is_kept_can_be_asked_by_hand(npol_here, server, there, shop):
    done = npol_here("probe", FLOW, "--keep", *there)
    kept = server.names(PODS) - {"web"}
    for name in kept:
        server.ask("DELETE", f"{PODS}/{name}?gracePeriodSeconds=0")

    assert done.returncode == 0
    assert len(kept) == 1
    where = f"kubectl exec --context lab --kubeconfig {there[1]} -n shop {kept.pop()} -c npol --"
    assert where in done.stdout
    assert "kubectl delete pods,deployments -A -l app.kubernetes.io/managed-by=npol" in done.stdout


@pytest.mark.lab
@pytest.mark.nightly
def test_a_flow_of_a_story_is_asked_with_the_changes_before_it(npol_here, tmp_path):
    write_shop(tmp_path)
    done = npol_here("probe", "the shop is closed", "--story", "shop.npol.yaml")

    assert done.returncode == 0, done.stdout
    assert done.stdout.startswith("the shop is closed: timeout\n")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        pytest.param(["a/b -> c/d:80"], "--context NAME, or --story FILE", id="nowhere"),
        pytest.param(["x", "--at", "open"], "--story FILE", id="step-of-no-story"),
        pytest.param(["x", "--keep"], "--context NAME", id="nothing-to-keep"),
        pytest.param(["x", "--expect", "closed"], "not a valid expectation", id="word"),
        pytest.param(["x", "--story", "shop.npol.yaml", "--at", "y"], "no step 'y'", id="step"),
        pytest.param(["a -> web:80", "--story", "shop.npol.yaml"], "no peer 'a'", id="peer"),
        pytest.param(["x", "--story", "shop.npol.yaml"], "not a valid flow: 'x'", id="flow"),
    ],
)
def test_wrong_arguments_are_refused_before_any_request(npol_here, tmp_path, arguments, said):
    write_shop(tmp_path)
    done = npol_here("probe", *arguments)

    assert done.returncode == 2
    assert said in done.stderr
