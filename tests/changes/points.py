"""The fail points, read from the code: every place that is marked with `around(NAME)`."""

import ast
from functools import cache
from pathlib import Path

import npol

ROOM = Path(npol.__file__).parent
FILES = sorted(f for room in ("changes", "cni", "kube") for f in (ROOM / room).rglob("*.py"))


def marks(tree):
    """The names in `around("...")`, with the `with` statement of each."""
    for node in ast.walk(tree):
        for item in getattr(node, "items", ()) if isinstance(node, ast.With) else ():
            call = item.context_expr
            if isinstance(call, ast.Call) and getattr(call.func, "id", "") == "around":
                yield ast.literal_eval(call.args[0]), node


@cache
def names():
    """Every fail point's name, without its side."""
    found = [n for file in FILES for n, _ in marks(ast.parse(file.read_text()))]
    return sorted(set(found))


def all_points():
    return [f"{name}.{side}" for name in names() for side in ("before", "after")]


def points_without(*starts):
    """Those that a run reaches which does none of this."""
    return [point for point in all_points() if not point.startswith(starts)]


OF_WORKLOADS = ("workload.", "restore.scale")
