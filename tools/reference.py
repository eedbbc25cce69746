"""Writes the pages of docs/reference/ that are made from npol itself: `make reference`."""

from __future__ import annotations

import command_reference
import story_reference

PAGES = {
    story_reference.PAGE: story_reference.page,
    command_reference.COMMANDS_PAGE: command_reference.commands_page,
    command_reference.PYTEST_PAGE: command_reference.pytest_page,
}

if __name__ == "__main__":
    for path, page in PAGES.items():
        path.write_text(page(), encoding="utf-8")
