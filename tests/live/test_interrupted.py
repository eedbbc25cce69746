"""Ctrl-C in a story on a real cluster: it ends where it is, and everything goes back."""

from __future__ import annotations

import secrets
import signal
import subprocess
import sys

import pytest

from npol.kube.connection import Mode
from npol.kube.guard import STATE_NAMESPACE
from npol.kube.objects import NAMESPACES, NETWORK_POLICIES, PODS, Ref
from tests import shop
from tests.live.conftest import wait_until

pytestmark = pytest.mark.live

AGAIN = """
  - name: reopened {number}
    change: [{{delete: [deny.yaml]}}]
    flows: [{{from: client, to: web, port: 80, expect: allow}}]
  - name: closed {number}
    apply: [deny.yaml]
    flows: [{{from: client, to: web, port: 80, expect: deny}}]
"""
LONG = shop.DENIES + "".join(AGAIN.format(number=number) for number in range(5))
"""Its steps take seconds each, and minutes together."""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_a_story_whose_canary_is_gone_ends_at_once(target, connected, tmp_path, number):
    space = f"npol-live-{secrets.token_hex(4)}"
    connection = connected(Mode.READ_ONLY)
    where = ["--kubeconfig", str(target.kubeconfig), "--context", target.context]
    story = shop.write(tmp_path, space, steps=LONG)
    with subprocess.Popen(
        [sys.executable, "-m", "npol", "run", "--create", *where, story],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    ) as run:
        try:
            policy = Ref(NETWORK_POLICIES, space, "deny")
            wait_until(lambda: connection.get(policy) is not None, "the second step")
            wait_until(lambda: not connection.list(PODS, STATE_NAMESPACE), "the canary to go")
            run.send_signal(number)
            output, _ = run.communicate(timeout=40)
        finally:
            run.kill()

    assert run.returncode == 128 + number, output
    assert "1 of 1 as expected" in output
    assert "closed 4" not in output
    assert connection.get(policy) is None
    wait_until(lambda: connection.get(Ref(NAMESPACES, "", space)) is None, f"{space} to go")
