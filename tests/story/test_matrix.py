"""Truth tables: headers, cells, and where they stand."""

from __future__ import annotations

import pytest

from npol.errors import Position
from npol.model.story import Flow, Protocol

HEAD = """\
version: 1
peers:
  web: {namespace: shop, labels: {app: web}, service: web}
  db: {namespace: shop, service: db}
steps:
- name: one
  matrix: |
"""


@pytest.fixture
def flows(story):
    def of(*rows: str) -> tuple[Flow, ...]:
        text = HEAD + "".join(f"    {row}\n" for row in rows)
        return story(text).step("one").flows

    return of


def test_each_cell_is_a_flow_at_its_place(flows):
    first, second = flows(
        r"| from \ to |  db:5432 | web:80   |",
        r"|-----------|----------|:--------:|",
        r"| web       | deny     | http 2xx |",
    )

    assert (first.name, str(first.expect)) == ("web -> db:5432", "deny")
    assert first.at == Position("s.npol.yaml", 10, 19)
    assert (second.name, str(second.expect)) == ("web -> web:80", "http 2xx")
    assert second.at == Position("s.npol.yaml", 10, 30)


@pytest.mark.parametrize("cell", ["-", ".", ""])
def test_cells_that_say_nothing_are_not_asked(flows, cell):
    (flow,) = flows(r"| from \ to | db:1 | db:2 |", f"| web | {cell} | allow |")

    assert flow.port == 2


@pytest.mark.parametrize(
    ("header", "name", "protocol"),
    [
        ("db:53", "web -> db:53", Protocol.TCP),
        ("db:53/udp", "web -> db:53/udp", Protocol.UDP),
        ("db:53/sctp", "web -> db:53/sctp", Protocol.SCTP),
        ("? db.shop", "web ? db.shop", Protocol.UDP),
        ("?db.shop", "web ? db.shop", Protocol.UDP),
        ("? db.shop/tcp", "web ? db.shop/tcp", Protocol.TCP),
        ("every pod of db:53", "web -> every pod of db:53", Protocol.TCP),
    ],
)
def test_headers_say_what_is_asked(flows, header, name, protocol):
    (flow,) = flows(rf"| from \ to | {header} |", "| web | allow |")

    assert (flow.name, flow.protocol) == (name, protocol)


def test_a_header_may_hold_a_path(flows):
    root, health = flows(r"| x | db:80 | db:80 /api/health?x=1 |", "| web | http 200 | http 204 |")

    assert (root.name, root.http.path) == ("web -> db:80", "/")
    assert (health.name, health.http.path) == ("web -> db:80 /api/health?x=1", "/api/health?x=1")


def test_positions_hold_behind_blank_lines_and_deeper_indentation(story):
    text = HEAD + "\n        | x   | db:1 |\n\n        | web | deny |\n"
    (flow,) = story(text).step("one").flows

    assert flow.at == Position("s.npol.yaml", 11, 17)


def test_a_matrix_may_be_repeated_by_an_alias(story):
    text = HEAD.replace("|\n", "&table |\n") + "    | x   | db:1 |\n    | web | deny |\n"
    text += "- name: two\n  matrix: *table\n"
    loaded = story(text)

    assert loaded.step("one").flows[0].at == Position("s.npol.yaml", 9, 13)
    assert loaded.step("two").flows[0].at.line == 11


def test_more_than_ten_thousand_flows_are_refused(mistakes):
    ports = " | ".join(f"db:{n}" for n in range(1, 111))
    rows = "".join(f"    | p{n} |{' allow |' * 110}\n" for n in range(100))
    peers = "".join(f"  p{n}: {{namespace: shop, labels: {{a: b}}}}\n" for n in range(100))
    text = HEAD.replace("peers:\n", f"peers:\n{peers}") + f"    | x | {ports} |\n{rows}"

    (told,) = mistakes(text)
    assert told.endswith("the story asks more than 10000 flows - split it")
