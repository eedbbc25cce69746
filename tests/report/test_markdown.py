"""The job summary: failures first, and never too long."""

from __future__ import annotations

from dataclasses import replace

from npol.model.reason import Reason, ReasonCode
from npol.report.markdown import to_markdown


def test_failures_come_first_and_steps_are_folded(report):
    text = to_markdown([report])
    failure, folded = text.index("TOO OPEN: frontend"), text.index("<details>")

    assert text.startswith("## ❌ shop: 6 of 8 as expected, 1 too open, 1 unknown, 1 skipped\n")
    assert failure < folded
    assert text.count("<details><summary>shop: ") == 2
    assert "| frontend | ❌ **too open**: expected deny, seen open | deny (changed) |  |" in text
    assert "| frontend ? db.shop | dns timeout | dns timeout |" in text
    assert "```mermaid\nflowchart LR\n" in text


def test_a_run_as_expected_says_so(report):
    fine = replace(report, steps=report.steps[:1])

    assert to_markdown([fine]).startswith("## ✅ shop: 4 of 4 as expected\n")


def test_a_long_summary_is_cut_at_whole_blocks_and_says_so(report):
    long = replace(report, steps=report.steps * 400)
    text = to_markdown([long], most_bytes=50_000)

    assert len(text.encode()) <= 50_000
    assert text.endswith("The rest did not fit here; it is in the JSON and HTML reports.\n")
    assert text.count("<details>") == text.count("</details>")
    assert text.count("```") % 2 == 0


def test_the_default_stays_below_githubs_limit(report):
    assert len(to_markdown([report] * 400).encode()) < 1024 * 1024


def test_text_of_the_cluster_is_neither_markup_nor_markdown(report, failure):
    evil = "<script>x</script> `a` | **b** [c](d)\n```\x1b[1m"
    why = Reason(code=ReasonCode.OPEN, subject=evil)
    hostile = replace(failure, name=evil, reason=why, source=evil)
    step = replace(report.steps[1], name=evil, changes=(evil,), flows=(hostile,))
    text = to_markdown([replace(report, story=evil, steps=(step,))])
    outside_of_code = text.split("````text")[0] + text.split("````\n")[-1]

    assert "<script>" not in outside_of_code
    assert "\x1b" not in text
    assert r"\| \*\*b\*\* \[c\]" in text
