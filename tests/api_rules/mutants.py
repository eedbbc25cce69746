"""Right documents with one to three things broken at random, always the same ones."""

from __future__ import annotations

import copy
import random
from collections.abc import Iterator
from typing import Any

from tests.api_rules.documents import NAMESPACE, POLICY, SERVICE

COUNT = 5_000
FIXED = (("apiVersion",), ("kind",), ("metadata", "namespace"))
"""Where an object goes; what is odd there is among the documents."""
_WORDS = (
    *("", "a b", "web", "Web", "a..b", "-", "TCP", "tcp", "In", "Exists", "Ingress", "None"),
    *("10.0.0.0/8", "10.1.2.3/8", "10.0.0.0", "80", "http", "8080-tcp", "a" * 64, "ClusterIP"),
)
_ODD = (None, True, False, 0, 1, -1, 80, 65536, 1.5, 80.0, 2**31, 2**63, 10**30)
_SHAPES: tuple[Any, ...] = ([], {}, [None], [[]], [{}], ["x"], {"x": 1}, {"x": None}, {"x": {}})
_KEYS = ("bogus", "ports", "from", "to", "matchLabels", "name", "port", "podSelector", "cidr", "on")


def mutants(count: int = COUNT) -> Iterator[dict[str, Any]]:
    """The first `count` of them; each is drawn from its own number alone."""
    bases = (POLICY, POLICY, POLICY, SERVICE, NAMESPACE)
    for number in range(count):
        draw = random.Random(number)
        mutant = copy.deepcopy(bases[number % len(bases)])
        for _ in range(draw.choice((1, 1, 2, 3))):
            _mutate(mutant, draw)
        yield mutant


def _mutate(document: dict[str, Any], draw: random.Random) -> None:
    paths = [p for p in _paths(document, ()) if p not in FIXED]
    if not paths:
        return
    path = draw.choice(paths)
    place: Any = document
    for step in path[:-1]:
        place = place[step]
    last: Any = path[-1]
    kind = draw.randrange(6)
    if kind == 0:
        del place[last]
    elif kind == 1 and isinstance(place, dict):
        place[draw.choice(_KEYS)] = place.pop(last)
    elif kind == 2 and isinstance(place, list):
        place.append(copy.deepcopy(place[last]))
    else:
        place[last] = copy.deepcopy(draw.choice((_WORDS, _ODD, _SHAPES)[kind % 3]))


def _paths(value: Any, path: tuple[str | int, ...]) -> Iterator[tuple[str | int, ...]]:
    """Every place but the top, and but those that must hold what it is and where it goes."""
    if path and path != ("metadata",):
        yield path
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _paths(inner, (*path, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _paths(inner, (*path, index))
