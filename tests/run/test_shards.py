"""How stories are divided: the same for all, nobody waits for another, nothing is left out."""

from __future__ import annotations

import itertools
import random

import pytest

from npol.errors import InputError
from npol.run.namespaces import changed_namespaces, named_namespaces
from npol.run.shards import Shard
from npol.story import load_story

SMOKE = """
version: 1
peers:
  web: {{namespace: {0}, workload: deployment/web}}
  db: {{namespace: {1}, service: db}}
steps: [{{name: as it is, flows: [{{from: web, to: db, port: 80, expect: allow}}]}}]
"""
"""Asked from running pods: it changes nothing."""
CHANGE = """
version: 1
peers:
  web: {{namespace: {0}, workload: deployment/web}}
  db: {{namespace: {1}, service: db}}
steps:
  - name: closed
    apply: [{0}.yaml]
    flows: [{{from: web, to: db, port: 80, expect: deny}}]
"""


POLICY = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {{name: deny-all, namespace: {0}}}
spec: {{podSelector: {{}}, policyTypes: [Ingress, Egress]}}
"""


def written(folder, **stories):
    """Stories by their names, of `(template, namespace, namespace)`."""
    for namespace in {namespaces[0] for _, *namespaces in stories.values()}:
        (folder / f"{namespace}.yaml").write_text(POLICY.format(namespace))
    for name, (template, *namespaces) in stories.items():
        (folder / f"{name}.npol.yaml").write_text(template.format(*namespaces))
    return [load_story(str(f), root=str(folder)) for f in sorted(folder.glob("*.npol.yaml"))]


def parts(stories, count):
    return [[s.name for s in Shard(index=n, count=count).of(stories)] for n in range(count)]


@pytest.fixture
def many(tmp_path):
    chances = random.Random(21)
    return written(
        tmp_path,
        **{
            f"s{n}": (
                chances.choice([SMOKE, CHANGE]),
                *(f"n{chances.randrange(12)}" for _ in range(2)),
            )
            for n in range(24)
        },
    )


@pytest.mark.parametrize("count", [1, 2, 3, 7])
def test_every_story_is_in_one_part_whoever_divides_them(many, count):
    shuffled = random.Random(count).sample(many, len(many))

    told = parts(many, count)

    assert sorted(name for part in told for name in part) == sorted(s.name for s in many)
    assert [sorted(part) for part in parts(shuffled, count)] == [sorted(part) for part in told]


def test_groups_of_one_weight_are_told_apart_by_their_files(tmp_path):
    stories = written(
        tmp_path,
        a=(CHANGE, "one", "one"),
        b=(CHANGE, "two", "two"),
        c=(CHANGE, "two", "two"),
        d=(CHANGE, "one", "one"),
    )

    assert parts(stories, 2) == [["a", "d"], ["b", "c"]]
    assert parts(stories[::-1], 2) == [["d", "a"], ["c", "b"]]


@pytest.mark.parametrize("count", [2, 3, 7])
def test_no_part_touches_what_another_one_changes(many, count):
    shards = [Shard(index=n, count=count).of(many) for n in range(count)]
    changed = [set().union(*(changed_namespaces(s, creates=True) for s in p)) for p in shards]
    named = [set().union(*map(named_namespaces, p)) for p in shards]
    pairs = itertools.permutations(range(count), 2)

    assert [(a, b) for a, b in pairs if changed[a] & (changed[b] | named[b])] == []


@pytest.mark.parametrize(
    ("stories", "together"),
    [
        pytest.param({"a": (SMOKE, "p", "q"), "b": (SMOKE, "p", "q")}, False, id="both-read"),
        pytest.param({"a": (CHANGE, "p", "q"), "b": (SMOKE, "r", "p")}, True, id="one-reads"),
        pytest.param({"a": (CHANGE, "p", "q"), "b": (CHANGE, "q", "r")}, True, id="one-asks-there"),
        pytest.param({"a": (CHANGE, "p", "p"), "b": (CHANGE, "r", "r")}, False, id="apart"),
    ],
)
def test_stories_that_share_a_namespace_stay_together(tmp_path, stories, together):
    told = parts(written(tmp_path, **stories), 2)

    assert sorted(map(len, told)) == ([0, 2] if together else [1, 1])


def test_a_chain_of_shared_namespaces_is_one_part(tmp_path):
    stories = written(
        tmp_path,
        a=(CHANGE, "n1", "n2"),
        b=(CHANGE, "n3", "n4"),
        c=(CHANGE, "n5", "n6"),
        d=(CHANGE, "n2", "n3"),
        e=(CHANGE, "n4", "n5"),
    )

    assert parts(stories, 2) == [["a", "b", "c", "d", "e"], []]


def test_the_heaviest_stories_are_not_put_on_each_other(tmp_path):
    step = CHANGE.partition("steps:\n")[2]
    long = CHANGE + step.replace("closed", "again") + step.replace("closed", "once more")
    stories = written(
        tmp_path,
        a=(CHANGE, "a", "a"),
        b=(long, "b", "b"),
        c=(CHANGE, "c", "c"),
        d=(CHANGE, "d", "d"),
    )

    assert parts(stories, 2) == [["b"], ["a", "c", "d"]]


@pytest.mark.parametrize("text", ["", "1", "3/3", "-1/3", "1/0", "a/b", "1/2/3", "0/3 "])
def test_what_is_no_part_is_refused(text):
    with pytest.raises(InputError, match="not a shard") as refused:
        Shard.parse(text)

    assert "counted from 0" in refused.value.hint
