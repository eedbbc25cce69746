"""One HTML file: complete in itself, and safe to open."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from npol.errors import Position
from npol.model.causes import Cause
from npol.model.reason import Reason, ReasonCode
from npol.model.result import Snippet
from npol.model.sentence import Sentence
from npol.report.compare import differences
from npol.report.html import index_page, to_html

VOID = {"meta", "br", "input", "!doctype"}


class Balance(HTMLParser):
    """Notes elements that are closed out of order, and everything that loads something."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.loads: list[str] = []
        self.text: list[str] = []
        self.scripts = 0
        self.ids: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, tag, attrs):
        if tag not in VOID:
            self.open.append(tag)
        self.loads += [f"{tag} {k}" for k, _ in attrs if k in ("src", "srcset", "onclick")]
        self.loads += [f"{tag} {v}" for k, v in attrs if k == "href" and not v.startswith("#")]
        self.loads += [tag] if tag in ("link", "iframe", "object") else []
        self.scripts += tag == "script"
        self.ids += [v for k, v in attrs if k == "id"]
        self.links += [v.removeprefix("#") for k, v in attrs if k == "href"]

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
    light, dark, _ = re.findall(r":root \{(.*?)\}", to_html([report]), re.DOTALL)

    def names(block: str) -> set[str]:
        return set(re.findall(r"(--[\w-]+):", block))

    assert names(light) == names(dark)


def test_the_page_tells_the_failure_the_table_and_the_cluster(report):
    text = " ".join(" ".join(read(to_html([report])).text).split())

    assert "TOO OPEN: frontend loses the database (step deny all)" in text
    assert "1 too open, 1 unknown" in text
    assert "shop/deny selects no pod: it wants app=database" in text
    assert "!deny/open" in text
    assert "cluster kind-dev (https://127.0.0.1:6443, Kubernetes v1.33.13" in text
    assert "restored in 1.2 s, flows verified by fresh probes" in text
    assert "endpoints shop/db" in text


def test_steps_of_a_big_page_are_laid_out_when_they_come_into_view(report, monkeypatch):
    """The style names the body's class; quotes that were escaped once made it another one."""
    small = to_html([report])
    monkeypatch.setattr("npol.report.html.BIG", 1)
    big = to_html([report])

    assert "<body>" in small
    assert '<body class="big">' in big
    assert "body.big section.step { content-visibility: auto;" in big
    assert "body.big section.step { content-visibility: visible; }" in big.split("@media print")[1]


def test_every_result_has_an_anchor_and_every_link_leads_somewhere(report):
    found = read(to_html([report, replace(report, story="again")]))

    assert len(found.ids) == len(set(found.ids))
    assert set(found.links) <= set(found.ids)
    for page, step, results in (("story-1", 1, 4), ("story-1", 2, 5), ("story-2", 2, 5)):
        assert {f"{page}-{step}-{n}" for n in range(1, results + 1)} <= set(found.ids)


def test_cells_lead_to_their_evidence_and_say_what_they_are(report):
    page = to_html([report])

    label = "!deny/open frontend to db:5432/tcp: expected deny, seen open"
    assert f'<td class="wrong"><a href="#story-1-2-1" aria-label="{label}">' in page
    assert ", changed by this step" in page
    assert '<th scope="col">db:5432</th>' in page
    assert '<th scope="row">frontend</th>' in page


def test_the_script_is_the_one_that_the_policy_allows(report):
    page = to_html([report])
    (script,) = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()

    assert f"script-src 'sha256-{digest}'" in page
    assert read(page).scripts == 1


def test_the_line_to_blame_is_marked_in_its_policy(report):
    lines = ("spec:", "  podSelector:", "    matchLabels:", "      app: database")
    snippet = Snippet(file="manifests/deny.yaml", first=4, lines=lines)

    page = to_html([replace(report, snippets=(snippet,))])

    assert "<b>   7        app: database</b>" in page
    assert "<span>   4  spec:</span>" in page


def test_rules_without_a_flow_are_named(report):
    rule = Cause(what=Sentence("shop/allow-web: ingress rule"), at=Position("allow.yaml", 9))

    text = " ".join(read(to_html([replace(report, unexercised=(rule,))])).text)

    assert "shop/allow-web: ingress rule (allow.yaml:9)" in text


def test_a_run_is_compared_with_an_earlier_one(report, flow):
    step = report.steps[1]
    slow = replace(step.flows[1], enforced_after=9.0)
    before = replace(
        report,
        run_id="earlier",
        steps=(report.steps[0], replace(step, flows=(step.flows[0], slow, flow(name="gone")))),
    )

    told = [str(d) for d in differences(report, before)]

    assert told == [
        "deny all: frontend -> web:80/tcp: as expected, timeout in 200 ms; "
        "was as expected, timeout in 9.0 s",
        "deny all: stranger -> web:80/tcp: unknown, refused; was not asked",
        "deny all: stranger -> internet:443/tcp: skipped; was not asked",
        "deny all: frontend ? db.shop: as expected, dns timeout; was not asked",
        "deny all: gone: not asked; was as expected, open",
    ]
    page = to_html([report], [before])
    assert "Compared with run earlier" in page
    assert "All results are the same" in to_html([report], [report])


def test_an_index_leads_to_the_pages_of_stories(report):
    page = index_page({"shop-1.html": report, "other-2.html": replace(report, story="other")})

    assert '<a href="shop-1.html">shop</a>' in page
    assert "2 of 2 not as expected" in page


@pytest.mark.nightly
def test_a_report_of_ten_thousand_flows_stays_small(report, failure, flow):
    fine = tuple(
        flow(source=f"pod-{i // 100}", target=f"service-{i % 100}:80/tcp", name=f"flow {i}")
        for i in range(9_500)
    )
    failed = tuple(replace(failure, name=f"failure {i}") for i in range(500))
    step = replace(report.steps[1], flows=(*fine, *failed))

    page = to_html([replace(report, steps=(step,))])

    assert len(page.encode()) < 5_000_000
    assert page.count("by hand") == 500


def test_a_run_that_ended_early_still_makes_a_page(report):
    early = replace(report, cluster=None, restore=None, steps=(), error="refused <b>")

    assert "refused &lt;b&gt;" in to_html([early])


def test_text_of_the_cluster_is_not_markup(report, failure):
    evil = "<img src=x onerror=alert(1)>\"'\x1b[31m"
    why = Reason(code=ReasonCode.OPEN, subject=evil)
    hostile = replace(failure, name=evil, source=evil, target=evil, reason=why)
    step = replace(report.steps[1], name=evil, changes=(evil,), flows=(hostile,), error=evil)
    page = to_html([replace(report, story=evil, path=evil, steps=(step,), covers=(evil,))])

    assert "<img" not in page
    assert "\x1b" not in page
    assert not read(page).loads


@pytest.mark.parametrize(("columns", "wide"), [(12, False), (13, True), (36, True)])
def test_a_table_of_many_columns_is_made_to_fit_on_paper(report, flow, columns, wide):
    ends = [(source, f"shop/{n}:80/tcp") for source in ("a", "b") for n in range(columns)]
    flows = tuple(flow(name=f"{s} to {t}", source=s, target=t) for s, t in ends)
    step = replace(report.steps[-1], checks=(), flows=flows)

    page = to_html([replace(report, steps=(step,))])

    assert f"--columns: {columns}" in page
    assert ('class="matrix wide"' in page) is wide


def test_the_index_leads_to_each_of_several_stories_of_one_name(report):
    pages = {
        f"50% #{place}.html": replace(report, path=f"{place}/shop.npol.yaml")
        for place in ("dev", "prod")
    }

    page = index_page(pages)

    for place in ("dev", "prod"):
        assert f'href="50%25%20%23{place}.html"' in page
        assert f"{place}/shop.npol.yaml</span>" in page
