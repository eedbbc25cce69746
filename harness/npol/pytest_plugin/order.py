"""The order of items: a story's stay together, its steps one after the other."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from npol.pytest_plugin.items import FlowItem, StoryFile


def in_order(items: Sequence[pytest.Item]) -> list[pytest.Item]:
    """
    The same items, each story's where its first one stands.

    Plugins shuffle items, or put those first that failed; a step builds on those before it, and
    a story that is left and come back to is run twice.
    """
    stories: dict[StoryFile, list[FlowItem]] = {}
    for item in items:
        if isinstance(item, FlowItem):
            stories.setdefault(item.file, []).append(item)
    return [one for item in items for one in _with_its_story(item, stories)]


def _with_its_story(
    item: pytest.Item, stories: dict[StoryFile, list[FlowItem]]
) -> Sequence[pytest.Item]:
    if not isinstance(item, FlowItem):
        return [item]
    return sorted(stories.pop(item.file, []), key=lambda one: one.place)
