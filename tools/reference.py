"""Writes what is made from npol itself: pages, man page, RBAC of deploy/: `make reference`."""

from __future__ import annotations

import chart_rules
import command_reference
import man_page
import story_reference

PAGES = {
    story_reference.PAGE: story_reference.page,
    command_reference.COMMANDS_PAGE: command_reference.commands_page,
    command_reference.PYTEST_PAGE: command_reference.pytest_page,
    man_page.PAGE: man_page.man_page,
    chart_rules.CHART: chart_rules.chart_rules,
    chart_rules.BASE: chart_rules.base_rbac,
    chart_rules.EXAMPLE: chart_rules.example_rbac,
}

if __name__ == "__main__":
    for path, page in PAGES.items():
        path.write_text(page(), encoding="utf-8")
