"""Labels of a map's edges: each has a place of its own, on its own edge."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import pytest

from npol.model.expectation import Verdict
from npol.model.probe import PodRef
from npol.report.html import to_html
from npol.report.map_labels import LabelBox, short_label
from npol.report.map_layout import BOX_PAD, COLUMN_GAPS, MOST_EDGES, NODE_WIDTH, step_map

NAMESPACES = 12
PORTS = (80, 443, 5432, 8080, 15432)


@pytest.fixture
def teams(flow):
    """Each of twelve namespaces asks each over five ports; each `wrong`th flow is too open."""

    def asked(*, wrong=0, namespaces=NAMESPACES):
        cells = ((s, t, p) for s in range(namespaces) for t in range(namespaces) for p in PORTS)
        return tuple(
            flow(
                name=f"{s} {t} {port}",
                source=f"web-{s}",
                target=f"api-{t}:{port}/tcp",
                verdict=Verdict.TOO_OPEN if wrong and i % wrong == 0 else Verdict.AS_EXPECTED,
                source_pod=_pod(f"team-{s}"),
                target_pods=(_pod(f"team-{t}"),),
                seen="timeout" if port == 443 else "open",
            )
            for i, (s, t, port) in enumerate(cells)
        )

    return asked


def _pod(namespace):
    return PodRef(namespace=namespace, name="a", uid="u", ip="10.0.0.1", node="n")


def overlaps(found):
    return [(a, b) for a, b in combinations((link.box for link in found.links), 2) if a.meets(b)]


@pytest.mark.parametrize(("wrong", "namespaces"), [(1, NAMESPACES), (9, NAMESPACES), (0, 6)])
def test_no_label_lies_on_another_or_on_a_peer(teams, wrong, namespaces):
    flows = teams(wrong=wrong, namespaces=namespaces)

    found = step_map(flows, {f.name for f in flows[::7]})

    right = found.width - NODE_WIDTH - BOX_PAD
    assert len(found.links) >= 60
    assert found.dense
    assert overlaps(found) == []
    assert all(link.box.x > NODE_WIDTH + BOX_PAD for link in found.links)
    assert all(link.box.x + link.box.width < right for link in found.links)


def test_a_label_stands_on_its_edge(teams):
    for link in step_map(teams(wrong=1)).links:
        low, high = sorted((link.start[1], link.end[1]))
        assert low <= link.box.y + link.box.height / 2 <= high


def test_edges_of_the_same_peers_are_two_lines(flow):
    flows = [flow(target="db:80/tcp"), flow(target="db:81/tcp", expected="deny", seen="timeout")]

    first, second = step_map(flows).links

    assert first.path != second.path
    assert not first.box.meets(second.box)


def test_a_small_map_stays_narrow(flow):
    assert step_map([flow()]).width == 2 * (NODE_WIDTH + 2 * BOX_PAD) + COLUMN_GAPS[0]


def test_boxes_that_touch_do_not_meet():
    box = LabelBox(x=0, y=0, width=10)

    assert box.meets(LabelBox(x=9, y=15, width=10))
    assert not box.meets(LabelBox(x=10, y=0, width=10))
    assert not box.meets(LabelBox(x=0, y=16, width=10))


@pytest.mark.parametrize(
    ("ports", "letters", "label"),
    [
        (("80",), 14, "80"),
        (("80", "443", "5432"), 14, "80, 443, 5432"),
        (("80", "443", "5432", "8080"), 14, "80, 443, 5432, +1"),
        (("80", "443", "5432", "8080"), 0, "80, +3"),
    ],
)
def test_many_ports_are_counted(ports, letters, label):
    assert short_label(ports, letters) == label


def test_a_map_that_would_say_nothing_is_not_drawn_and_the_page_says_so(report, teams):
    step = replace(report.steps[0], flows=teams(), checks=())
    page = to_html([replace(report, steps=(step,))])

    assert NAMESPACES**2 > MOST_EDGES
    assert '<svg class="map' not in page
    assert f"No map: all its {2 * NAMESPACES**2} edges are as expected" in page
