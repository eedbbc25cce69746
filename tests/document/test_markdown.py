"""The page of record: foreign text stays text, and the marks stay the only ones."""

from __future__ import annotations

from npol.document.markdown import BEGIN, END, page_markdown
from npol.model.policy_document import (
    DocumentedFlow,
    DocumentedPolicy,
    DocumentedStep,
    LabelNeed,
    PolicyDocument,
)

NASTY = f"a|b\n{END} <img src=x> **bold**"


def page(**fields):
    return PolicyDocument(
        title="shop", command="npol document shop.npol.yaml", state="now", **fields
    )


def test_foreign_text_breaks_no_table_and_ends_no_page():
    flow = DocumentedFlow(
        source=NASTY, target=NASTY, answer=NASTY, because=(NASTY,), asked_in=NASTY
    )
    step = DocumentedStep(name=NASTY, changes=(NASTY,), checks=(NASTY,), flows=1)
    text = page_markdown(page(flows=(flow,), steps=(step,), peers=((NASTY, NASTY),)))

    assert (text.count(BEGIN), text.count(END)) == (1, 1)
    assert text.endswith(f"{END}\n")
    assert "<img" not in text
    rows = [line for line in text.splitlines() if line.startswith("| a")]
    assert [row.replace("\\|", "").count("|") for row in rows] == [3, 6, 4]


def test_names_of_files_stay_names():
    """In code spans and in commands: markup, marks, terminal escapes, commands to a runner."""
    files = ("a`<img src=x>`.yaml", f"b\x1b[2J\n{END}\n::error::x.yaml", "`", "``a ``")
    need = LabelNeed(pods_in=None, labels="a`|b", carried_by=("x",), needed_by=("y",))
    entry = DocumentedPolicy(namespace="shop", name="p", place=f"{files[0]}:1", lines=())
    commands = tuple(f"kubectl apply -f '{file}'" for file in files)
    text = page_markdown(
        page(files=files, policies=(entry,), labels=(need,), applying=commands, rollback=files[1])
    )

    lines = text.split("\n")
    assert text.replace("\n", "").isprintable()
    assert (lines.count(END), lines[-2]) == (1, END)
    assert not any(line.lstrip().startswith("::error") for line in lines)
    assert "1. ``a`<img src=x>`.yaml``" in lines
    assert "3. `` ` ``" in lines
    assert "4. ``` ``a `` ```" in lines
    assert "**p** (``a`<img src=x>`.yaml:1``)" in lines
    assert r"| namespaces | ``a`\|b`` | x | y |" in lines


def test_labels_that_nothing_carries_stand_out():
    need = LabelNeed(pods_in=None, labels="name=x", carried_by=(), needed_by=("shop/p",))
    assert "| namespaces | `name=x` | **nothing now** | shop/p |" in page_markdown(
        page(labels=(need,))
    )


def test_a_page_without_policies_says_so():
    text = page_markdown(page())
    assert "There are none." in text
    assert "No policy asks for any." in text
    assert "# nothing to do" in text
