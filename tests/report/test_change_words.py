"""What a step changed, as lines: many changes of one kind are one line."""

from __future__ import annotations

from dataclasses import replace

from npol.report.change_words import MOST_CHANGES, told_changes
from npol.report.pytest_text import plain
from npol.report.text import StoryText


def created(many):
    return [f"created NetworkPolicy shop/p-{i}" for i in range(many)]


def test_many_changes_of_one_kind_are_one_line():
    told = list(told_changes([*created(51), "deleted NetworkPolicy shop/x"], every=False))

    assert told == [
        "created NetworkPolicy 51 times: shop/p-0, shop/p-1, shop/p-2 and 48 more (-v names them)",
        "deleted NetworkPolicy shop/x",
    ]


def test_few_changes_and_those_of_a_spelling_of_their_own_have_a_line_each():
    few = created(MOST_CHANGES)
    restarts = ["restarted deployment/web: 1 pod evicted, successors ready"] * 9

    assert list(told_changes([*few, *restarts], every=False)) == [*few, *restarts]


def test_every_change_is_told_to_those_who_ask(report):
    step = replace(report.steps[1], changes=tuple(created(51)))

    def lines(verbose):
        shown = StoryText(verbose=verbose).step(step, 80)
        return [line for line in map(plain, shown) if "created" in line]

    assert len(lines(verbose=True)) == 51
    assert len(lines(verbose=False)) == 1
