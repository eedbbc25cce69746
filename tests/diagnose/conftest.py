"""The fake API server of the room kube."""

from tests.kube.conftest import api, time, to  # noqa: F401 - fixtures
