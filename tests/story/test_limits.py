"""Hostile input costs next to nothing: two seconds, 256 MB, and not one request."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest

HEAD = "version: 1\npeers: {web: {namespace: shop, labels: {a: b}}}\nsteps:\n- name: one\n"
FLOW = "  - {from: wbe, to: web, port: 80, expect: alow}\n"
HOSTILE = {
    "alias-bomb": "a0: &a0 [x, x]\n"
    + "".join(f"a{i}: &a{i} [*a{i - 1}, *a{i - 1}]\n" for i in range(1, 60)),
    "deep": "[" * 5000,
    "deep-mappings": "".join(" " * i + "a:\n" for i in range(500)),
    "many-mistakes": HEAD + "  flows:\n" + FLOW * 12_000,
    "many-unknown-keys": "".join(f"key{i}: 1\n" for i in range(60_000)),
    "many-duplicates": "name: a\n" * 60_000,
    "many-documents": "---\na: b\n" * 75_000,
    "many-peers": "version: 1\npeers:\n"
    + "".join(f"  p{i}: {{servic: x}}\n" for i in range(40_000)),
    "many-steps": "version: 1\nsteps:\n" + "- {name: x, same_as: y}\n" * 30_000,
    "wide-matrix": HEAD + "  matrix: |\n    |" + " web:1 |" * 600_000,
    "long-matrix": HEAD + "  matrix: |\n    | x | web:1 |\n" + "    | web | allow |\n" * 200_000,
    "long-text": f"version: 1\nname: {'x' * 4_900_000}\nsteps: []\n",
    "too-large": "#" * 6_000_000,
    "long-number": f"version: {'9' * 4_900_000}\n",
    "merges": "version: 1\n<<: [" + "{a: 1}, " * 60_000 + "]\n",
}


SLOWER = {"many-mistakes", "many-unknown-keys", "many-peers", "many-steps", "many-duplicates"}
"""A second each, most of it in the parser."""


def matrix(of: int) -> str:
    """A story of one step, in which each of so many peers asks each."""
    names = [f"p{n}" for n in range(of)]
    peers = "".join(f"  {name}: {{namespace: a, labels: {{x: {name}}}}}\n" for name in names)
    head = " | ".join(f"{name}:80" for name in names)
    rows = "".join(f"    | {name} | {' | '.join(['deny'] * of)} |\n" for name in names)
    return f"version: 1\npeers:\n{peers}steps:\n- name: s0\n  matrix: |\n    | x | {head} |\n{rows}"


def test_flows_that_are_repeated_count(mistakes, story):
    """Each line of 28 bytes repeats 400 flows; the chain of repeats is no way around either."""
    text = matrix(20)
    repeats = [f"- {{name: s{n}, same_as: s{n - 1}}}\n" for n in range(1, 25)]

    assert len(story(text + "".join(repeats)).steps) == 25
    more = "- {name: s25, same_as: s0}\n"
    what = "the story asks more than 10000 flows and checks, those of `same_as` too - split it"
    assert mistakes(text + "".join(repeats) + more) == [f"s.npol.yaml:71:10: {what}"]


def test_checks_that_are_repeated_count(mistakes):
    check = "  - {endpoints: web%d, namespace: shop, port: 80, ready: 1}\n"
    text = "version: 1\npeers: {}\nsteps:\n- name: s0\n  state:\n"
    text += "".join(check % n for n in range(200))
    text += "".join(f"- {{name: s{n}, same_as: s0}}\n" for n in range(1, 60))

    (told,) = mistakes(text)
    assert "more than 10000 flows and checks" in told


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(text, id=name, marks=[pytest.mark.nightly] if name in SLOWER else [])
        for name, text in HOSTILE.items()
    ],
)
def test_hostile_stories_are_refused_in_time(text, mistakes):
    began = time.process_time()
    told = mistakes(text)

    assert len(told) <= 201
    assert time.process_time() - began < 3.0  # two, and one for a busy machine


def test_hostile_manifests_are_refused_in_time(mistakes):
    text = "version: 1\nsteps:\n- name: one\n  apply: [x.yaml]\n"
    block = "- {ipBlock: {cidr: 10.0.0.1/8}}\n"
    policy = (
        "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\n"
        f"metadata: {{name: a, namespace: b}}\nspec:\n  x:\n  {f'  {block}' * 50_000}"
    )
    began = time.process_time()
    mistakes(text, {"x.yaml": policy})

    assert time.process_time() - began < 3.0


LOADED = """
import sys
from pathlib import Path
from npol.errors import NpolError
from npol.story import load_story
try:
    load_story(sys.argv[1])
except NpolError:
    lines = Path("/proc/self/status").read_text().splitlines()
    print(next(line.split()[1] for line in lines if line.startswith("VmHWM:")))
"""
"""Prints the peak of its own memory in KiB. `ru_maxrss` starts at that of who started it."""


def peak_of_loading(path):
    done = subprocess.run(
        [sys.executable, "-c", LOADED, str(path)], capture_output=True, text=True, check=True
    )
    return int(done.stdout) << 10


@pytest.mark.nightly
@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_hostile_stories_stay_within_their_memory(text, tmp_path):
    path = tmp_path / "s.npol.yaml"
    path.write_text(text)

    assert peak_of_loading(path) < 256 << 20


@pytest.mark.nightly
def test_the_memory_of_the_test_run_does_not_count(tmp_path):
    path = tmp_path / "s.npol.yaml"
    path.write_text("steps: 1")
    held = b"x" * (300 << 20)

    assert peak_of_loading(path) < 128 << 20 < len(held)
