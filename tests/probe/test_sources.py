"""Which pods are asked from, where no cluster needs to answer."""

from unittest.mock import Mock

import pytest

from npol.errors import Refused
from npol.kube.connection import Connection
from npol.model.inventory import Inventory
from npol.probe.sources import Sources
from npol.story import load_story

STORY = """
version: 1
peers:
  stranger: {namespace: shop, labels: {}}
  db: {namespace: shop, service: db}
steps: [{name: one, flows: [{from: stranger, to: db, port: 80, expect: deny}]}]
"""
SERVER = {
    "metadata": {"name": "db-1", "namespace": "shop", "uid": "u1", "labels": {"app": "db"}},
    "spec": {"nodeName": "n1", "containers": [{"name": "main"}]},
    "status": {"phase": "Running", "podIP": "10.244.0.7", "podIPs": [{"ip": "10.244.0.7"}]},
}


def test_no_other_pod_is_asked_where_a_debug_pod_was_not_started(tmp_path):
    (tmp_path / "s.npol.yaml").write_text(STORY)
    story = load_story(str(tmp_path / "s.npol.yaml"), root=str(tmp_path))
    there = Inventory(pods=(SERVER,))
    sources = Sources(Mock(spec=Connection), story, run_id="r1", look=lambda: there)

    with pytest.raises(Refused, match="'stranger' has no debug pod"):
        sources.pod("stranger")


def test_a_workload_of_which_no_pod_runs_is_told_with_its_place_and_what_to_write(tmp_path):
    peer = "{namespace: shop, workload: cronjob/backup}"
    text = STORY.replace("{namespace: shop, labels: {}}", peer)
    (tmp_path / "s.npol.yaml").write_text(text)
    story = load_story(str(tmp_path / "s.npol.yaml"), root=str(tmp_path))
    there = Inventory(pods=(SERVER,))
    sources = Sources(Mock(spec=Connection), story, run_id="r1", look=lambda: there)

    with pytest.raises(Refused, match="cronjob/backup has no running pod in shop") as caught:
        sources.pod("stranger")
    assert caught.value.at == story.peers["stranger"].at
    assert caught.value.hint.startswith("write `labels:`, those of its pods, in the place of")
