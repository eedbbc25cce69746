"""A canary runs where its image and secrets are, and not where the story's are (finding L9)."""

from __future__ import annotations

from typing import Any

import pytest

from npol.cni.detect import CniFacts, detect
from npol.kube.guard import STATE_NAMESPACE
from npol.kube.signals import Stop
from npol.run import start_canary
from npol.run.options import Options
from npol.run.run_scope import RunScope
from npol.story import read_story

STORY = """\
version: 1
defaults:
  pod: {image: shop/net:1, pull_secrets: [shop]}
%s
peers:
  web: {namespace: shop, labels: {app: web}}
  db: {address: 192.0.2.1}
steps:
  - {name: deny, apply: [deny.yaml], flows: [{from: web, to: db, port: 5432, expect: deny}]}
"""
POLICY = """\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: deny, namespace: shop}
spec: {podSelector: {}}
"""


@pytest.mark.parametrize(
    ("canary", "image", "secrets", "namespace"),
    [
        pytest.param("", "shop/net:1", ("shop",), STATE_NAMESPACE, id="as-the-debug-pods"),
        pytest.param(
            "  canary: {image: ops/net:2, pull_secrets: [ops], namespace: ops}",
            *("ops/net:2", ("ops",), "ops"),
            id="of-its-own",
        ),
    ],
)
def test_the_canary_has_its_own_image_secrets_and_namespace(
    monkeypatch, tmp_path, canary, image, secrets, namespace
):
    asked: dict[str, Any] = {}
    monkeypatch.setattr(start_canary, "prove_enforcement", lambda _, **how: asked.update(how))
    (tmp_path / "deny.yaml").write_text(POLICY)
    text = (STORY % canary).encode()
    story = read_story(text, str(tmp_path / "s.npol.yaml"), str(tmp_path))
    options = Options(kubeconfig=None, context="dev")
    scope = RunScope(story=story, options=options, run_id="r1")

    connection: Any = None
    start_canary.start_canary(connection, scope, detect(CniFacts(version="v1.33.0")), Stop())()

    settings = asked["settings"]
    assert (settings.image, tuple(settings.pull_secrets)) == (image, secrets)
    assert asked["namespace"] == namespace
