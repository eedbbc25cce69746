"""Held connections on a real cluster: cut or not as its network plugin does, and gone on with."""

from __future__ import annotations

import secrets

import pytest

from tests import held_shop, shop

pytestmark = [pytest.mark.live, pytest.mark.usefixtures("journals")]


@pytest.mark.timeout(400)
@pytest.mark.parametrize("source", [held_shop.DEBUG_POD, held_shop.RUNNING_POD])
def test_what_is_held_is_cut_as_the_plugin_does_and_goes_on_when_the_policy_is_gone(
    options, enforced, tmp_path, source
):
    if not enforced:
        pytest.skip("this cluster does not enforce policies")
    space = f"npol-held-{secrets.token_hex(4)}"
    story = shop.read(held_shop.write(tmp_path, space, source=source))

    report = shop.told(story, options)

    assert shop.wrong(report) == []
    assert report.error == ""
    cut = [str(f.seen) for f in report.steps[1].flows[1:]]
    assert report.cluster
    if report.cluster.engine == "cilium":
        assert cut == ["cut"] * len(held_shop.HELD)
