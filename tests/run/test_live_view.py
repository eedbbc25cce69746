"""What the API server says of an object by dry run: admission's word, or nobody's."""

from typing import Any

import pytest

from npol.kube.api_errors import ApiError
from npol.model.inventory import Inventory
from npol.policy.state.cluster_state import ClusterState
from npol.run.live_view import LiveView


class Server:
    """An API server that answers every creation with one error, if any."""

    def __init__(self, status, message):
        self.status, self.message = status, message

    def create(self, obj, *, dry_run):
        assert dry_run
        if self.status:
            raise ApiError("no", status=self.status, body={"message": self.message})


def refusal(status, message=""):
    server: Any = Server(status, message)
    view = LiveView(
        in_lab=False,
        inventory=Inventory(),
        state=ClusterState(),
        connection=server,
        inside=None,
    )
    return view.refusal({"kind": "Pod"})


@pytest.mark.parametrize(
    ("status", "message"),
    [
        pytest.param(0, "", id="admitted"),
        pytest.param(403, 'pods "x" is forbidden: violates PodSecurity', id="pod-security"),
        pytest.param(403, 'pods "x" is forbidden: exceeded quota: small', id="quota"),
        pytest.param(400, 'admission webhook "kyverno" denied the request: no', id="webhook"),
        pytest.param(422, "ValidatingAdmissionPolicy 'p' denied request: no", id="policy"),
    ],
)
def test_a_refusal_is_told_in_the_servers_words(status, message):
    assert refusal(status, message) == message


@pytest.mark.parametrize(
    ("status", "message"),
    [
        pytest.param(403, 'pods is forbidden: User "ci" cannot create resource "pods"', id="rbac"),
        pytest.param(400, 'webhook "w" does not support dry run', id="no-dry-run"),
        pytest.param(500, 'failed calling webhook "w"', id="webhook-is-down"),
        pytest.param(429, "too many requests", id="overload"),
    ],
)
def test_an_error_not_from_admission_stays_an_error(status, message):
    with pytest.raises(ApiError):
        refusal(status, message)
