"""One word, one thing: no two classes of npol share a name, private ones included."""

from __future__ import annotations

import ast
from collections import defaultdict
from pathlib import Path

NPOL = Path(__file__).parent.parent / "harness" / "npol"


def test_no_two_classes_have_one_name():
    """The lab is a world of its own: it has pods, nodes and policies, too."""
    places = defaultdict(list)
    for file in NPOL.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.ClassDef):
                places[node.name.strip("_")].append(f"{file.relative_to(NPOL)}:{node.lineno}")

    assert len(places) > 300
    assert {name: at for name, at in places.items() if len(at) > 1} == {}
