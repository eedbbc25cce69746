"""`--npol-shard`: what pytest keeps of a folder is what `npol run --shard` would run of it."""

from __future__ import annotations

import pytest

from npol.cli.arguments.run import RunArguments
from npol.cli.run import _stories
from npol.cli.story_files import story_files
from tests.run.test_shards import CHANGE, POLICY, SMOKE


@pytest.fixture
def folder(pytester):
    """Five stories, two of which share a namespace, and a test that is no story."""
    for name in "abcd":
        (pytester.path / f"{name}.yaml").write_text(POLICY.format(name))
        (pytester.path / f"{name}.npol.yaml").write_text(CHANGE.format(name, name))
    (pytester.path / "e.npol.yaml").write_text(SMOKE.format("a", "e"))
    pytester.makepyfile(test_own="def test_own(): pass")
    return pytester


def collected(folder, *options):
    done = folder.runpytest("--collect-only", "-q", "-p", "no:cacheprovider", *options)
    names = [line.partition("::")[0] for line in done.outlines if "::" in line]
    return names, done.ret


@pytest.mark.parametrize("count", [1, 2, 3])
def test_pytest_keeps_the_stories_that_a_run_of_that_shard_has(folder, count):
    for index in range(count):
        names, _ = collected(folder, f"--npol-shard={index}/{count}")
        arguments = RunArguments(stories=["."], shard=f"{index}/{count}", root=str(folder.path))
        ours = [story.path for story in _stories(arguments, story_files(["."]))]

        assert [n for n in names if n.endswith(".npol.yaml")] == ours
        assert ("test_own.py" in names) == (index == 0)


def test_what_is_left_out_moves_no_story(folder):
    whole, _ = collected(folder, "--npol-shard=0/2")
    narrowed, _ = collected(folder, "--npol-shard=0/2", "-k", "c.npol or d.npol")

    assert narrowed == ["d.npol.yaml"]
    assert "d.npol.yaml" in whole


def test_a_shard_without_anything_to_do_is_no_fault(folder):
    names, code = collected(folder, "--npol-shard=5/6")

    assert (names, code) == ([], 0)


def test_what_is_no_shard_is_a_usage_error(folder):
    done = folder.runpytest("--npol-shard=2/2")

    assert done.ret == pytest.ExitCode.USAGE_ERROR
    done.stderr.fnmatch_lines(["*not a shard: '2/2'*"])
