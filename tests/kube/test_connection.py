"""What the connection sends, sends again, and says; against a server with scripted faults."""

from __future__ import annotations

import pytest

from npol.errors import ExitCode, InputError, NpolError, Refused
from npol.kube.connection import (
    ApiError,
    Forbidden,
    LostReply,
    Mode,
    Unreachable,
    connect,
)
from npol.kube.objects import NETWORK_POLICIES, PODS, Ref
from npol.kube.retry import RetryBudget
from tests.kube.fake_api import FakeApi, cut, mute, reply, reset, status

POLICIES = "/apis/networking.k8s.io/v1/namespaces/dev/networkpolicies"
ONE = f"{POLICIES}/deny"
REF = Ref(NETWORK_POLICIES, "dev", "deny")
POLICY = {
    "apiVersion": "networking.k8s.io/v1",
    "kind": "NetworkPolicy",
    "metadata": {"name": "deny", "namespace": "dev"},
    "spec": {"podSelector": {}},
}
BUSY = status(503, "ServiceUnavailable", "leader changed")


def test_an_object_comes_as_raw_json(api, to):
    api.on("GET", ONE, reply(body={**POLICY, "spec": {"fieldOfTomorrow": [{}]}}))

    assert to(Mode.READ_ONLY).get(REF)["spec"] == {"fieldOfTomorrow": [{}]}


def test_a_missing_object_is_none(api, to):
    assert to().get(REF) is None


def test_a_list_is_read_to_its_last_page_and_its_items_know_their_kind(api, to):
    api.on(
        "GET",
        "/api/v1/pods",
        reply(body={"items": [{"metadata": {"name": "a"}}], "metadata": {"continue": "next"}}),
        reply(body={"items": [{"metadata": {"name": "b"}}], "metadata": {}}),
    )

    found = to().list(PODS, selector="app=web")

    assert [(o["kind"], o["metadata"]["name"]) for o in found] == [("Pod", "a"), ("Pod", "b")]
    assert [s.query.get("continue") for s in api.seen] == [None, "next"]
    assert api.seen[0].query["labelSelector"] == "app=web"


@pytest.mark.parametrize("fault", [cut, reset, BUSY, status(429, "TooManyRequests", "later")])
def test_a_read_is_sent_again_until_it_is_answered(api, to, fault):
    api.on("GET", ONE, fault, fault, reply(body=POLICY))
    connection = to()

    assert connection.get(REF)["metadata"]["name"] == "deny"
    assert connection.requests["get networkpolicies.networking.k8s.io"] == 3


def test_retry_after_is_honoured(api, to, time):
    busy = reply(429, {"message": "later"}, Retry_After="7")
    api.on("GET", ONE, busy, busy, reply(body=POLICY))

    to().get(REF)

    assert time.slept >= 14


def test_a_server_that_throttles_for_a_minute_is_waited_for(api, to, time):
    busy = reply(429, {"message": "later"}, Retry_After="12")
    api.on("GET", ONE, *[busy] * 5, reply(body=POLICY))

    assert to().get(REF)
    assert 60 <= time.slept <= 90


@pytest.mark.parametrize("fault", [cut, reset, BUSY, status(500, "InternalError", "webhook")])
@pytest.mark.parametrize("verb", ["create", "replace", "patch", "delete"])
def test_a_write_whose_reply_is_lost_is_sent_once(api, to, verb, fault):
    for method, path in (("POST", POLICIES), ("PUT", ONE), ("PATCH", ONE), ("DELETE", ONE)):
        api.on(method, path, fault)
    connection = to()
    write = {
        "create": lambda: connection.create(POLICY),
        "replace": lambda: connection.replace(POLICY),
        "patch": lambda: connection.patch(REF, {}),
        "delete": lambda: connection.delete(REF),
    }[verb]

    with pytest.raises(LostReply, match="outcome is unknown"):
        write()

    assert len(api.seen) == 1


@pytest.mark.parametrize("fault", [cut, reset, BUSY])
def test_an_apply_is_repeated_for_it_says_the_same_twice(api, to, fault):
    api.on("PATCH", ONE, fault, reply(body=POLICY))

    assert to().apply(POLICY, force=True)["spec"] == {"podSelector": {}}
    assert api.sent() == [f"PATCH {ONE}"] * 2
    assert api.seen[0].query == {
        "fieldManager": "npol",
        "force": "true",
        "fieldValidation": "Strict",
    }
    assert api.seen[0].headers["Content-Type"] == "application/apply-patch+yaml"


def test_a_delete_by_uid_is_repeated_and_gone_is_done(api, to):
    api.on("DELETE", ONE, cut, status(404, "NotFound", "gone"))

    assert to().delete(REF, uid="u1") is False
    assert [s.body["preconditions"] for s in api.seen] == [{"uid": "u1"}] * 2


@pytest.mark.parametrize("verb", ["create", "delete"])
def test_a_throttled_write_is_sent_again_for_it_was_never_done(api, to, verb):
    busy = status(429, "TooManyRequests", "later")
    api.on("POST", POLICIES, busy, reply(201, POLICY))
    api.on("DELETE", ONE, busy, reply(body={"kind": "Status", "status": "Success"}))
    connection = to()

    assert connection.create(POLICY) if verb == "create" else connection.delete(REF)
    assert len(api.seen) == 2


def test_dry_run_asks_for_nothing_to_be_kept(api, to):
    api.on("POST", POLICIES, reply(201, POLICY))
    api.on("DELETE", ONE, reply(body={}))
    connection = to()

    connection.create(POLICY, dry_run=True)
    connection.delete(REF, dry_run=True)

    assert api.seen[0].query["dryRun"] == "All"
    assert api.seen[1].body["dryRun"] == ["All"]


@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        (status(409, "AlreadyExists", "deny exists"), ApiError, "HTTP 409: deny exists"),
        (status(422, "Invalid", "bad port"), ApiError, "HTTP 422: bad port"),
        (status(403, "Forbidden", 'User "t" cannot create'), Forbidden, "may not create"),
        (status(403, "Forbidden", "exceeded quota: pods=1"), Forbidden, "exceeded quota: pods=1"),
    ],
)
def test_a_refusal_is_the_servers_own_message(api, to, answer, kind, words):
    api.on("POST", POLICIES, answer)

    with pytest.raises(kind, match=words) as caught:
        to().create(POLICY)

    assert "networkpolicies.networking.k8s.io deny in namespace dev" in str(caught.value)
    assert caught.value.exit_code is ExitCode.REFUSED


def test_a_message_shows_no_escapes_and_no_token(api, to):
    api.on("GET", ONE, status(403, "Forbidden", f"\x1b[2J\rno {api.token} Bearer abcdefgh123"))

    with pytest.raises(Forbidden) as caught:
        to().get(REF)

    assert "\x1b" not in str(caught.value)
    assert "[2J no *** ***" in str(caught.value)


def test_an_answer_that_is_no_json_is_an_error(api, to):
    async def html(request):
        from aiohttp import web

        return web.Response(text="<html>a proxy</html>")

    api.on("GET", ONE, html)

    with pytest.raises(ApiError, match="not JSON"):
        to().get(REF)


def test_a_server_that_is_down_is_named_within_ten_seconds(api, to, time):
    connection = to()
    api.__exit__()

    with pytest.raises(Unreachable, match=r"https://127.0.0.1:\d+ of context test .*refused"):
        connection.get(REF)

    assert time.now <= 10
    api.__enter__()


@pytest.mark.parametrize("verb", ["create", "replace"])
def test_a_write_that_never_left_is_no_lost_reply(api, to, verb, time):
    connection = to()
    api.__exit__()

    with pytest.raises(Unreachable, match="refused"):
        getattr(connection, verb)(POLICY)

    assert connection.requests.total() > 2
    api.__enter__()


def test_a_server_that_says_nothing_is_given_up(api, to):
    api.on("GET", ONE, mute)
    connection = to(clock=None, patience=RetryBudget(first=1.0))

    with pytest.raises(Unreachable, match="timed out"):
        connection.get(REF)


def test_a_server_that_answered_before_gets_more_time(api, to, time):
    api.on("GET", ONE, reply(body=POLICY), *[reset] * 8, reply(body=POLICY))
    connection = to()
    connection.get(REF)

    assert connection.get(REF)
    assert 8 < time.slept < 45  # more than a server that never answered gets


def test_a_certificate_of_another_authority_is_refused_at_once(api, to, tmp_path):
    import trustme

    trustme.CA().cert_pem.write_to_path(tmp_path / "other.pem")
    kubeconfig = api.kubeconfig(cluster={"certificate-authority": "other.pem"}, name="other")

    with pytest.raises(Unreachable, match="certificate verify failed"):
        to(kubeconfig=kubeconfig).get(REF)

    assert api.seen == []


def test_a_client_certificate_signs_in(tmp_path):
    with FakeApi(tmp_path, certificates=True) as server:
        server.on("GET", ONE, reply(body=POLICY))
        kubeconfig = server.kubeconfig(user=server.client_certificate())

        assert connect(kubeconfig=kubeconfig, context="test").get(REF)


def test_an_expired_token_is_read_again_once(api, to, tmp_path):
    (tmp_path / "token").write_text("old")
    api.on("GET", ONE, reply(body=POLICY))
    connection = to(kubeconfig=api.kubeconfig(user={"tokenFile": "token"}))
    (tmp_path / "token").write_text(api.token)

    assert connection.get(REF)
    assert [s.headers["Authorization"] for s in api.seen] == ["Bearer old", f"Bearer {api.token}"]


def test_credentials_that_stay_wrong_are_said_to_be(api, to):
    connection = to(kubeconfig=api.kubeconfig(user={"token": "wrong-0123456789"}))

    with pytest.raises(Forbidden, match=r"credentials of user tester in .*kubeconfig") as caught:
        connection.get(REF)

    assert caught.value.status == 401
    assert "wrong-0123456789" not in str(caught.value)
    assert len(api.seen) == 2


def test_fresh_is_a_new_sign_in_with_the_same_guard(api, to):
    connection = to(Mode.SMOKE)
    connection.permit(namespaces=["dev"])

    other = connection.fresh()

    assert other is not connection
    assert other.guard == connection.guard


def test_unknown_kinds_are_asked_of_the_server_once(api, to):
    api.on(
        "GET",
        "/apis/cilium.io/v2",
        reply(body={"resources": [{"name": "ciliumnodes", "kind": "CiliumNode"}]}),
    )
    connection = to()

    assert connection.resource("cilium.io/v2", "CiliumNode").plural == "ciliumnodes"
    assert not connection.resource("cilium.io/v2", "CiliumNode").namespaced
    assert len(api.seen) == 1
    with pytest.raises(InputError, match=r"no kind Nonsense in cilium\.io/v2"):
        connection.resource("cilium.io/v2", "Nonsense")


def test_impersonation_of_the_kubeconfig_is_kept(api, to):
    user = {"token": api.token, "as": "carol", "as-groups": ["admins"]}

    to(kubeconfig=api.kubeconfig(user=user)).get(REF)

    headers = api.seen[0].headers
    assert (headers["Impersonate-User"], headers["Impersonate-Group"]) == ("carol", "admins")


def test_read_only_sends_nothing_that_writes(api, to):
    connection = to(Mode.READ_ONLY)
    writes = [
        lambda: connection.create(POLICY),
        lambda: connection.apply(POLICY),
        lambda: connection.apply(POLICY, dry_run=True),
        lambda: connection.replace(POLICY),
        lambda: connection.patch(REF, {}),
        lambda: connection.delete(REF),
        lambda: connection.raw("DELETE", POLICIES),
        lambda: connection.raw("GET", "/api/v1/namespaces/dev/services/web/proxy/"),
        lambda: connection.dial("/x", "", "dev"),
    ]

    for write in writes:
        with pytest.raises(
            Refused, match=r"Blocked by npol \(request not sent\): mode read-only may not"
        ):
            write()

    assert api.seen == []
    assert not connection.requests


def test_read_only_may_ask_what_it_may(api, to):
    path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
    api.on("POST", path, BUSY, reply(201, {"status": {"allowed": True}}))

    assert to(Mode.READ_ONLY).raw("POST", path, body={})["status"]["allowed"]


def test_a_mode_that_writes_wants_to_know_the_server(api, to):
    kubeconfig = api.kubeconfig(
        cluster={"insecure-skip-tls-verify": True, "certificate-authority": ""}
    )

    with pytest.raises(Refused, match="does not verify the server's certificate"):
        to(Mode.SMOKE, kubeconfig=kubeconfig)

    assert to(Mode.READ_ONLY, kubeconfig=kubeconfig).get(REF) is None


@pytest.mark.parametrize(
    "fault",
    [cut, reset, mute, BUSY, status(401, "Unauthorized", "no"), status(403, "Forbidden", "no")],
)
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
def test_no_fault_shows_the_token(api, to, fault, method):
    path = POLICIES if method == "POST" else ONE
    api.on(method, path, fault)
    connection = to(patience=RetryBudget(first=0.2))

    with pytest.raises(NpolError) as caught:
        connection.raw(method, path, body={"spec": {}}, patch="merge")

    assert api.token not in str(caught.value)
    assert caught.value.__cause__ is None
