"""`npol run --shard`: a part that has nothing to do, and words that are no part."""

from __future__ import annotations

import json

import pytest

from npol.cli.arguments.run import RunArguments
from npol.cli.run import run
from npol.errors import InputError
from tests.e2e.shop import write_shop


def test_a_part_without_stories_tells_so_and_asks_no_cluster(tmp_path, capsys):
    story, page = str(write_shop(tmp_path)), tmp_path / "map.svg"

    code = run(RunArguments(stories=[story], shard="1/2", report=["-", str(page)]))

    first, last = capsys.readouterr().out.splitlines()
    assert (code, first) == (0, "no story is in shard 1/2")
    assert json.loads(last)["reports"] == []
    assert not page.exists()


def test_what_is_no_part_is_refused(tmp_path):
    with pytest.raises(InputError, match="not a shard: '2/2'"):
        run(RunArguments(stories=[str(write_shop(tmp_path))], shard="2/2"))
