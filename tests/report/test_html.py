"""One HTML file: complete in itself, and safe to open."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser

from npol.model.reason import Reason, ReasonCode
from npol.model.sentence import Sentence
from npol.report.html import to_html

VOID = {"meta", "br", "!doctype"}


class Balance(HTMLParser):
    """Notes elements that are closed out of order, and everything that loads something."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.loads: list[str] = []
        self.text: list[str] = []

    def handle_starttag(self, tag, attrs):
        if tag not in VOID:
            self.open.append(tag)
        self.loads += [f"{tag} {k}" for k, _ in attrs if k in ("src", "href", "srcset", "onclick")]
        self.loads += [tag] if tag in ("script", "link", "iframe", "object") else []

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


def read(page: str) -> Balance:
    balance = Balance()
    balance.feed(page)
    balance.close()
    assert not balance.open
    return balance


def test_the_page_is_well_formed_and_loads_nothing(report):
    page = to_html([report])
    found = read(page)

    assert page.startswith("<!doctype html>")
    assert not found.loads
    assert "url(" not in page
    assert "default-src 'none'" in page


def test_the_page_has_light_and_dark_colours_of_the_same_names(report):
    light, dark = re.findall(r":root \{(.*?)\}", to_html([report]), re.DOTALL)

    def names(block: str) -> set[str]:
        return set(re.findall(r"(--[\w-]+):", block))

    assert names(light) == names(dark)


def test_the_page_tells_the_failure_the_table_and_the_cluster(report):
    text = " ".join(" ".join(read(to_html([report])).text).split())

    assert "TOO OPEN: frontend loses the database (step deny all)" in text
    assert "shop/deny selects no pod: it wants app=database" in text
    assert "!deny/open" in text
    assert "cluster kind-dev (https://127.0.0.1:6443, Kubernetes v1.33.13" in text
    assert "restored in 1.2 s, flows verified by fresh probes" in text
    assert "endpoints shop/db" in text


def test_steps_that_failed_are_unfolded(report):
    page = to_html([report])

    assert page.count("<details>") == 1
    assert page.count("<details open>") == 1


def test_a_run_that_ended_early_still_makes_a_page(report):
    early = replace(report, cluster=None, restore=None, steps=(), error="refused <b>")

    assert "refused &lt;b&gt;" in to_html([early])


def test_text_of_the_cluster_is_not_markup(report, failure):
    evil = "<img src=x onerror=alert(1)>\"'\x1b[31m"
    why = Reason(code=ReasonCode.OPEN, words=Sentence(evil))
    hostile = replace(failure, name=evil, source=evil, target=evil, reason=why)
    step = replace(report.steps[1], name=evil, changes=(evil,), flows=(hostile,), error=evil)
    page = to_html([replace(report, story=evil, path=evil, steps=(step,), covers=(evil,))])

    assert "<img" not in page
    assert "\x1b" not in page
    assert not read(page).loads
