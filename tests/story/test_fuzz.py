"""Whatever is in the files, mistakes come out and nothing else."""

from __future__ import annotations

import copy
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from npol.errors import InputError
from npol.story import load_story
from npol.yaml_positions import YamlDialect, dump, load

POLICY = """\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: deny, namespace: shop, labels: {a: b}}
spec: {podSelector: {}, egress: [{to: [{ipBlock: {cidr: 10.0.0.0/8, except: [10.1.0.0/16]}}]}]}
"""
STORY = """\
version: 1
name: shop
given: [p.yaml]
defaults: {timeout: 2s, settle: {within: 30s, stable: 2}, pod: {image: a/b:c}, namespace: shop}
peers:
  web: {namespace: shop, labels: {app: web}, service: web}
  site: {host: shop.example.test, via: {namespace: ingress, service: nginx}}
  out: {external: internet}
steps:
- name: one
  when: {exists: Pod/x in shop}
  apply: [p.yaml]
  state:
  - {endpoints: web, port: 80, ready: 1}
  - {object: Pod/x, path: spec.x, equals: 1}
  flows:
  - {from: web, to: {every pod of: web}, port: 80, http: {path: /}, expect: {calico: http 200}}
  - {from: web, resolve: a.b, expect: dns timeout}
  matrix: |
    | from \\ to | web:80 | out:53/udp | ? c.d |
    | web       | deny   | allow      | allow |
- name: two
  change: [{label: {pod: a, namespace: b, set: {c: null}}}, {restore: one}]
  same_as: one
"""
PIECES = [
    *("null", "true", "-1", "9" * 30, "1e999", "{}", "[]", "''", '"\\0"', "&a", "*a", "<<", "? "),
    *(
        "\t",
        "\n",
        " ",
        ":",
        "-",
        "|",
        ">",
        "{{",
        "}",
        "]",
        ",",
        "#",
        "!!x",
        "---\n",
        "\u202e",
        "\0",
    ),
    *("from", "to", "expect", "web", "one", "apply", "p.yaml", "..", "/", "%", "\\", "'", '"'),
]
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=5,
)


@st.composite
def damaged(draw: st.DrawFn, text: str) -> str:
    """A text with a few places cut out or filled with something else."""
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, len(text)))
        end = start + draw(st.integers(0, 12))
        text = text[:start] + draw(st.sampled_from([*PIECES, ""])) + text[end:]
    return text


@st.composite
def replaced(draw: st.DrawFn, text: str) -> str:
    """The text's data with one value replaced by another, of any type."""
    data = copy.deepcopy(load(text, "", YamlDialect.STORY)[0].data)
    places = list(_places(data))
    container, key = draw(st.sampled_from(places))
    container[key] = draw(values)
    return dump(data)


def _places(data: Any) -> Any:
    if isinstance(data, dict | list):
        for key in list(data) if isinstance(data, dict) else range(len(data)):
            yield data, key
            yield from _places(data[key])


EXAMPLES = pytest.mark.parametrize(
    "examples", [pytest.param(50, id="short"), pytest.param(5000, marks=pytest.mark.nightly)]
)


def load_all(directory: Path, story: str, policy: str = POLICY, overlay: str = "{}\n") -> None:
    files = {"s.npol.yaml": story, "p.yaml": policy, "o.yaml": overlay}
    for name, text in files.items():
        (directory / name).write_text(text, encoding="utf-8", errors="replace")
    with suppress(InputError):
        load_story(
            str(directory / "s.npol.yaml"), root=str(directory), overlay=str(directory / "o.yaml")
        )


@EXAMPLES
@pytest.mark.timeout(600)
def test_any_file_loads_or_is_told_what_is_wrong(examples, tmp_path):
    calm = settings(
        max_examples=examples, deadline=None, suppress_health_check=list(HealthCheck), database=None
    )

    @calm
    @given(damaged(STORY) | replaced(STORY), st.just(POLICY) | damaged(POLICY) | replaced(POLICY))
    def attempt(story: str, policy: str) -> None:
        load_all(tmp_path, story, policy)

    @calm
    @given(values.map(lambda v: dump({"web": v})) | damaged("web: {node: a, image: b}\n"))
    def attempt_overlay(overlay: str) -> None:
        load_all(tmp_path, STORY, overlay=overlay)

    attempt()
    attempt_overlay()


def test_the_undamaged_story_has_no_mistakes(story):
    assert story(STORY, {"p.yaml": POLICY}).name == "shop"
