"""Who may come in, and what they may do there."""

from __future__ import annotations

import pytest

from npol_lab.api import Tokens
from npol_lab.registry import Registry
from npol_lab.store import Store

RBAC = "/apis/rbac.authorization.k8s.io/v1"


@pytest.fixture(scope="module")
def robot(cluster):
    """The token of a service account without any right."""
    cluster.namespace("access")
    path = "/api/v1/namespaces/access/serviceaccounts"
    cluster.request("POST", path, {"metadata": {"name": "robot"}})
    return cluster.request("POST", f"{path}/robot/token", {"spec": {}}).json["status"]["token"]


@pytest.fixture
def grant(cluster):
    """Gives the robot a role, for one test."""
    made = []

    def rules(*given, namespace="access", kind="Role"):
        base = f"{RBAC}/namespaces/{namespace}" if namespace else RBAC
        roles, bindings = f"{kind.lower()}s", "rolebindings" if namespace else "clusterrolebindings"
        home = base if kind == "Role" else RBAC
        role = {"metadata": {"name": "granted"}, "rules": list(given)}
        subject = {"kind": "ServiceAccount", "name": "robot", "namespace": "access"}
        binding = {
            "metadata": {"name": "granted"},
            "roleRef": {"kind": kind, "name": "granted"},
            "subjects": [subject],
        }
        for path, body in ((f"{home}/{roles}", role), (f"{base}/{bindings}", binding)):
            assert cluster.request("POST", path, body).code == 201
            made.append(f"{path}/granted")

    yield rules
    for path in made:
        cluster.request("DELETE", path)


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/livez", "/version"])
def test_health_is_no_secret(cluster, path):
    assert cluster.request("GET", path, token="").code == 200


@pytest.mark.parametrize("token", ["", "wrong", "the-administrators-toke"])
@pytest.mark.parametrize("path", ["/api", "/api/v1/pods", "/npol-lab/requests", "/openapi/v3"])
def test_everything_else_wants_a_token(cluster, path, token):
    answer = cluster.request("GET", path, token=token)
    assert (answer.code, answer.json["reason"], answer.message) == (
        401,
        "Unauthorized",
        "Unauthorized",
    )


@pytest.mark.parametrize("host", ["evil.example", "evil.example:6443", "127.0.0.1.evil.example"])
def test_a_foreign_host_is_refused(cluster, host):
    assert cluster.request("GET", "/api", headers={"Host": host}).code == 421


def test_nothing_is_allowed_from_the_start(cluster, robot):
    answer = cluster.request("GET", "/api/v1/namespaces/access/pods", token=robot)
    assert answer.code == 403
    assert answer.json["details"] == {"kind": "pods"}
    assert answer.message == (
        'pods is forbidden: User "system:serviceaccount:access:robot" cannot list resource '
        '"pods" in API group "" in the namespace "access"'
    )


@pytest.mark.parametrize(
    ("method", "path", "words"),
    [
        (
            "GET",
            "/api/v1/nodes",
            'cannot list resource "nodes" in API group "" at the cluster scope',
        ),
        (
            "PATCH",
            "/apis/networking.k8s.io/v1/namespaces/access/networkpolicies/x",
            'networkpolicies.networking.k8s.io "x" is forbidden: User '
            '"system:serviceaccount:access:robot" cannot patch resource "networkpolicies" in API '
            'group "networking.k8s.io" in the namespace "access"',
        ),
        (
            "GET",
            "/api/v1/namespaces/access/pods/p/exec?command=x",
            'cannot get resource "pods/exec" in API group "" in the namespace "access"',
        ),
    ],
)
def test_a_refusal_names_what_was_asked(cluster, robot, method, path, words):
    body = {} if method == "PATCH" else None
    answer = cluster.request(method, path, body, token=robot, type="application/merge-patch+json")
    assert answer.code == 403
    assert words in answer.message


def test_an_account_without_roles_may_discover_and_review_its_own_access(cluster, robot):
    assert cluster.request("GET", "/apis", token=robot).code == 200
    path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
    body = {"spec": {"resourceAttributes": {"verb": "list", "resource": "pods"}}}
    review = cluster.request("POST", path, body, token=robot)
    assert review.json["status"] == {"allowed": False}


@pytest.mark.parametrize(
    ("rule", "allowed", "refused"),
    [
        (
            {"apiGroups": [""], "resources": ["pods"], "verbs": ["list"]},
            "/api/v1/namespaces/access/pods",
            "/api/v1/namespaces/default/pods",
        ),
        (
            {"apiGroups": ["networking.k8s.io"], "resources": ["*"], "verbs": ["*"]},
            "/apis/networking.k8s.io/v1/namespaces/access/ingresses",
            "/api/v1/namespaces/access/pods",
        ),
        (
            {
                "apiGroups": [""],
                "resources": ["serviceaccounts"],
                "verbs": ["get"],
                "resourceNames": ["robot"],
            },
            "/api/v1/namespaces/access/serviceaccounts/robot",
            "/api/v1/namespaces/access/serviceaccounts/default",
        ),
    ],
)
def test_a_role_allows_what_it_says_where_it_says(cluster, robot, grant, rule, allowed, refused):
    grant(rule)
    assert cluster.request("GET", allowed, token=robot).code == 200
    assert cluster.request("GET", refused, token=robot).code == 403


def test_a_cluster_role_binding_holds_everywhere(cluster, robot, grant):
    rule = {"apiGroups": [""], "resources": ["pods"], "verbs": ["list"]}
    grant(rule, namespace="", kind="ClusterRole")
    for path in ("/api/v1/pods", "/api/v1/namespaces/default/pods"):
        assert cluster.request("GET", path, token=robot).code == 200


def test_subresources_are_rights_of_their_own(cluster, robot, grant):
    grant({"apiGroups": [""], "resources": ["pods"], "verbs": ["*"]})
    cluster.running_pod("access", "p")
    path = "/api/v1/namespaces/access/pods/p"
    assert cluster.request("GET", path, token=robot).code == 200
    assert cluster.request("GET", f"{path}/log", token=robot).code == 403


def test_a_review_says_which_binding_allows_it(cluster, robot, grant):
    grant({"apiGroups": [""], "resources": ["pods"], "verbs": ["list"]})
    body = {"spec": {"resourceAttributes": {"verb": "list", "resource": "pods"}}}
    body["spec"]["resourceAttributes"]["namespace"] = "access"
    path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
    status = cluster.request("POST", path, body, token=robot).json["status"]
    assert status == {
        "allowed": True,
        "reason": 'RBAC: allowed by RoleBinding "granted/access" of Role "granted" to '
        'ServiceAccount "robot/access"',
    }


def test_impersonation_is_a_right(cluster, robot):
    headers = {"Impersonate-User": "system:serviceaccount:access:robot"}
    assert cluster.request("GET", "/api/v1/pods", headers=headers).code == 403
    headers = {"Impersonate-User": "jane", "Impersonate-Group": "system:masters"}
    assert cluster.request("GET", "/api/v1/pods", headers=headers).code == 200
    refused = cluster.request("GET", "/api/v1/pods", headers=headers, token=robot)
    assert 'cannot impersonate resource "users"' in refused.message


def test_a_token_ends_with_its_time_and_its_account():
    moment = [1000.0]
    registry = Registry(Store())
    registry.create("namespaces", {"metadata": {"name": "n"}})
    tokens = Tokens("admin", registry.store, clock=lambda: moment[0])
    uid = registry.get("serviceaccounts", "n", "default")["metadata"]["uid"]
    token, expires = tokens.issue("n", "default", uid, 600)
    assert expires == 1600
    assert tokens.user(token).name == "system:serviceaccount:n:default"
    moment[0] = 1600.0
    assert tokens.user(token) is None
    moment[0] = 1500.0
    registry.delete("serviceaccounts", "n", "default")
    assert tokens.user(token) is None
    registry.create("serviceaccounts", {"metadata": {"name": "default", "namespace": "n"}})
    assert tokens.user(token) is None


def test_a_token_review_knows_the_labs_tokens(cluster, robot):
    path = "/apis/authentication.k8s.io/v1/tokenreviews"
    status = cluster.request("POST", path, {"spec": {"token": robot}}).json["status"]
    assert status["user"]["username"] == "system:serviceaccount:access:robot"
    status = cluster.request("POST", path, {"spec": {"token": "x"}}).json["status"]
    assert status["authenticated"] is False
