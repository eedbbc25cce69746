"""A source without python3 that needs it is refused before the story changes anything."""

from types import SimpleNamespace

import pytest

from npol.errors import Refused
from npol.run.python_sources import check_python
from npol.story import load_story
from tests.e2e.shop import write_shop

HEAD = """
version: 1
name: shop
defaults: {pod: {image: "busybox:1.36"}}
peers:
  client: {namespace: shop, labels: {app: client}}
  runs: {namespace: shop, workload: deployment/runs}
  starts: {namespace: shop, labels: {app: starts}, fresh: true}
  answers: {namespace: shop, labels: {app: answers}, fresh: true}
  web: {namespace: shop, service: web}
steps:
  - name: open
    flows:
      - {from: client, to: web, port: 80, expect: allow}
      - {from: runs, to: web, port: 80, expect: allow}
  - name: then
    flows:
"""


class Sources:
    """Each has the tools of its image."""

    def __init__(self, **tools):
        self.tools = tools
        self.opened = []

    def prober(self, peer):
        return SimpleNamespace(
            tools=dict.fromkeys(self.tools[peer], ""), open=lambda: self.opened.append(peer)
        )


def told(tmp_path, flow):
    return load_story(str(write_shop(tmp_path, f"      - {flow}", head=HEAD)))


HELD = "{from: %s, to: web, port: 80, hold: open, expect: lives}"
REFUSED = [
    pytest.param(
        HELD % "client",
        "'client' holds a connection, which needs python3, and the image busybox:1.36 has none",
        id="held",
    ),
    pytest.param(HELD % "runs", "'runs' holds .* and its container has none", id="in-a-workload"),
    pytest.param(
        "{from: client, to: answers, port: 9000, expect: deny}",
        "'client' asks a fresh pod, .* the image busybox",
        id="asks-a-fresh-pod",
    ),
    pytest.param(
        "{from: starts, to: web, port: 80, expect: deny}",
        "'starts' asks from its first instant on, .* the image busybox",
        id="fresh-of-the-same-image",
    ),
]


@pytest.mark.parametrize(("flow", "why"), REFUSED)
def test_a_source_without_python_is_named_with_the_image_that_has_it(tmp_path, flow, why):
    story = told(tmp_path, flow)

    with pytest.raises(Refused, match=why) as refused:
        check_python(story, Sources(client=["nc"], runs=["nc"]))

    assert "netshoot" in refused.value.hint


def test_with_python_or_without_need_nothing_is_refused(tmp_path):
    held, plain = HELD % "client", "{from: client, to: web, port: 80, expect: allow}"
    bare = Sources(client=["nc"], runs=["nc"])

    check_python(told(tmp_path, plain), bare)
    check_python(told(tmp_path, held), Sources(client=["nc", "python3"], runs=["nc"]))
    check_python(told(tmp_path, held), Sources(client=[], runs=[]))

    assert bare.opened == []
