"""Whole stories: what comes out of the door."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from npol.errors import InputError, Position
from npol.model.change import Apply, Delete, Label, Restore
from npol.model.expectation import Outcome, Word
from npol.model.story import FlowKind, Protocol, When
from npol.story import find_root, load_story

DESIGN = """\
version: 1
name: baseline
covers: [NPOL-002, NPOL-003]
given: [apps]
defaults: {timeout: 2s, settle: {within: 30s, stable: 2}, pod: {image: nicolaka/netshoot:v0.15}}
tags: [nightly]
peers:
  frontend: {namespace: frontend-dev, labels: {app: frontend}, service: frontend}
  backend:  {namespace: backend-dev, labels: {app: backend}, service: backend-sample}
  web-app:  {namespace: frontend, workload: deployment/web-app, container: webapp}
  kube-dns: {namespace: kube-system, service: kube-dns}
  site:     {host: app.example.test, via: {namespace: ingress, service: ingress-nginx}}
  internet: {external: internet}
steps:
  - name: before policies
    state:
      - {endpoints: backend-sample, namespace: backend-dev, port: 3001, ready: 1, covers: [APP-1]}
    flows:
      - name: frontend calls the backend
        from: frontend
        to: backend
        port: 80
        http: {path: /api/health, body: ok}
        expect: http 200
        converge_within: 500ms
        because: {policy: allow}
        covers: [NPOL-004, NPOL-002]
        tags: [smoke]
      - {from: frontend, resolve: backend-sample.backend-dev, expect: allow}
    matrix: |
      | from \\ to | backend:80 | kube-dns:53/udp |
      | frontend  | http 200   | allow           |
  - name: deny all
    apply: [deny.yaml]
    when: {exists: Deployment/web in shop}
    settle: {within: 45s, quiet: 2s}
    converge_within: 5s
    covers: [NPOL-002, NPOL-008]
    tags: [slow]
    matrix: |
      | from \\ to | backend:80 | kube-dns:53/udp |
      | frontend  | deny       | deny            |
  - name: more
    change:
      - {label: {pod: web-0, namespace: shop, set: {app: other, old: null}}}
      - {label: {namespace: shop, set: {team: a}}}
      - {apply: deny.yaml, replace: true}
      - {restore: before policies}
  - name: rollback
    delete: [deny.yaml]
    same_as: before policies
"""
APPS = {"apps/namespace.yaml": "apiVersion: v1\nkind: Namespace\nmetadata: {name: frontend-dev}\n"}


@pytest.fixture
def loaded(story):
    return story(DESIGN, APPS)


def test_a_story_keeps_what_its_frame_says(loaded, tmp_path):
    assert (loaded.name, loaded.path, loaded.root) == ("baseline", "s.npol.yaml", str(tmp_path))
    assert (loaded.covers, loaded.tags) == (("NPOL-002", "NPOL-003"), ("nightly",))
    assert loaded.defaults.timeout == 2.0
    assert (loaded.defaults.settle.within, loaded.defaults.settle.stable) == (30.0, 2)
    assert loaded.defaults.pod.image == "nicolaka/netshoot:v0.15"
    assert [m.name for m in loaded.given] == ["frontend-dev"]
    assert loaded.writes


def test_a_story_shows_what_its_parts_cover_each_once(loaded):
    step = loaded.step("before policies")

    assert step.checks[0].covers == ("APP-1",)
    assert "covers" not in step.checks[0].wants
    assert step.flows[0].covers == ("NPOL-004", "NPOL-002")
    assert loaded.step("deny all").covers == ("NPOL-002", "NPOL-008")
    assert loaded.shows == ("NPOL-002", "NPOL-003", "APP-1", "NPOL-004", "NPOL-008")


def test_fields_that_defaults_leave_out_keep_their_default(story):
    defaults = story("version: 1\ndefaults: {pod: {limits: {cpu: '1'}}}\nsteps: []\n").defaults

    assert defaults.pod.image.endswith("netshoot:v0.15")
    assert defaults.pod.limits == {"cpu": "1"}
    assert defaults.pod.requests == {}
    assert (defaults.settle.within, defaults.settle.stable, defaults.settle.quiet) == (
        None,
        None,
        None,
    )


def test_a_story_without_a_name_is_called_after_its_file(story):
    assert story("version: 1\nsteps: []\n").name == "s"


def test_a_flow_keeps_what_it_says(loaded):
    flow = loaded.step("before policies").flows[0]

    assert flow.name == "frontend calls the backend"
    assert (flow.source, flow.target, flow.port) == ("frontend", "backend", 80)
    assert flow.kind is FlowKind.HTTP
    assert flow.http.path == "/api/health"
    assert flow.http.body == "ok"
    assert str(flow.expect) == "http 200"
    assert flow.converge_within == 0.5
    assert flow.because == "allow"
    assert flow.tags == ("smoke",)
    assert flow.at == Position("s.npol.yaml", 19, 9)


def test_flows_have_names_of_their_own(loaded):
    names = [f.name for f in loaded.step("before policies").flows]

    assert names == [
        "frontend calls the backend",
        "frontend ? backend-sample.backend-dev",
        "frontend -> backend:80",
        "frontend -> kube-dns:53/udp",
    ]


def test_a_lookup_goes_over_udp_unless_it_says_otherwise(loaded):
    lookup = loaded.step("before policies").flows[1]

    assert lookup.kind is FlowKind.DNS
    assert lookup.protocol is Protocol.UDP


def test_an_expected_status_alone_asks_for_the_root(loaded):
    cell = loaded.step("before policies").flows[2]

    assert cell.kind is FlowKind.HTTP
    assert cell.http.path == "/"


def test_a_step_keeps_its_conditions(loaded):
    step = loaded.step("deny all")

    assert step.when == When(kind="Deployment", name="web", namespace="shop")
    assert (step.settle.within, step.settle.quiet) == (45.0, 2.0)
    assert step.converge_within == 5.0
    assert step.tags == ("slow",)
    (change,) = step.changes
    assert isinstance(change, Apply)
    assert [m.name for m in change.manifests] == ["deny"]
    assert change.at == Position("s.npol.yaml", 34, 5)


def test_changes_keep_their_order(loaded):
    pod, namespace, apply, restore = loaded.step("more").changes

    assert isinstance(pod, Label)
    assert (pod.kind, pod.name, pod.namespace) == ("pod", "web-0", "shop")
    assert pod.set == {"app": "other", "old": None}
    assert isinstance(namespace, Label)
    assert (namespace.kind, namespace.name) == ("namespace", "shop")
    assert isinstance(apply, Apply)
    assert apply.replace
    assert isinstance(restore, Restore)
    assert restore.step == "before policies"


def test_a_rollback_deletes_and_asks_again(loaded):
    step = loaded.step("rollback")

    assert isinstance(step.changes[0], Delete)
    assert step.same_as == "before policies"


def test_a_step_may_restate_a_flow_of_the_step_that_it_repeats(story):
    text = DESIGN + "    flows:\n    - {from: frontend, to: backend, port: 80, expect: deny}\n"

    flows = story(text, APPS).step("rollback").flows
    assert [str(f.expect) for f in flows if f.name == "frontend -> backend:80"] == ["deny"]
    assert len(flows) > 1


def test_a_step_may_not_use_a_name_of_the_step_that_it_repeats_for_something_else(mistakes):
    name = "frontend -> backend:80"
    flow = f"{{name: '{name}', from: frontend, to: backend, port: 81, expect: deny}}"

    (told,) = mistakes(f"{DESIGN}    flows:\n    - {flow}\n", APPS)
    message = f"step 'before policies' has another item called '{name}'"
    assert told.endswith(f":7: {message} - give this one another `name:`")


def test_expectations_may_differ_by_engine(story):
    text = (
        "version: 1\npeers: {a: {namespace: x, labels: {}, service: s}}\nsteps:\n- name: one\n"
        "  flows:\n"
        "  - {from: a, to: a, port: 1, expect: {calico: allow, cilium: refused}}\n"
        "  - {from: a, to: a, port: 2, expect: {default: deny, cilium: http 2xx}}\n"
    )
    first, second = story(text).step("one").flows

    assert first.expect.for_engine("cilium").outcome is Outcome.REFUSED
    assert first.expect.for_engine("npol-lab").word is Word.ALLOW
    assert first.expect.for_engine("weave").word is Word.ALLOW
    assert second.expect.for_engine("weave").word is Word.DENY
    assert second.http is not None


def test_a_flow_may_want_every_pod(story):
    text = (
        "version: 1\npeers: {a: {namespace: x, labels: {}, service: s}}\nsteps:\n- name: one\n"
        "  flows:\n  - {from: a, to: {every pod of: a}, port: 1, expect: deny}\n"
    )
    (flow,) = story(text).step("one").flows

    assert (flow.target, flow.every_pod) == ("a", True)
    assert flow.name == "a -> every pod of a:1"


def test_names_of_engines_are_those_that_are_detected():
    from npol.cni.catalogue import TABLE
    from npol.model.engine import ENGINES

    assert sorted(t.name for t in TABLE) == sorted(ENGINES)


def test_the_root_is_the_git_top(tmp_path):
    (tmp_path / ".git").mkdir()
    (tmp_path / "a" / "b").mkdir(parents=True)

    assert find_root(str(tmp_path / "a" / "b" / "s.npol.yaml")) == str(tmp_path)


def test_the_root_without_git_is_the_directory_of_the_story(tmp_path, monkeypatch):
    monkeypatch.setattr(type(tmp_path), "exists", lambda self: False)

    assert find_root(str(tmp_path / "s.npol.yaml")) == str(tmp_path)


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("none.npol.yaml", "'none.npol.yaml' cannot be read: no such file or directory"),
        (".", "not a regular file: '.'"),
        ("pipe", "not a regular file: 'pipe'"),
        ("a\0b", r"not a valid path: 'a\x00b'"),
    ],
)
def test_a_story_that_is_no_file_is_told(path, told, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    os.mkfifo("pipe")

    with pytest.raises(InputError) as caught:
        load_story(path)
    assert str(caught.value) == told


def test_a_misspelt_path_of_a_story_names_the_nearest(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "shop.npol.yaml").write_text("version: 1\nsteps: []\n")

    with pytest.raises(InputError, match=r"try: did you mean 'shop\.npol\.yaml'\?"):
        load_story("shpo.npol.yaml")


def test_loading_sends_no_request(story, monkeypatch):
    def refuse(*args: object) -> None:
        raise AssertionError("a story was loaded over the network")

    monkeypatch.setattr("socket.socket.connect", refuse)

    assert story(DESIGN, APPS).name == "baseline"


def test_loading_needs_no_client_of_a_cluster():
    script = "import sys, npol.story; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )

    assert not {"kubernetes", "websocket", "rich", "pytest"} & set(done.stdout.split())
