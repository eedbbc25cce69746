"""
Defaults of what shares a server among its clients; the lab's serves everybody at once.

Source: kubernetes `pkg/apis/flowcontrol/v1/defaults.go`.
"""

from __future__ import annotations

from npol.api_rules.objects import Obj

PRECEDENCE = 1000
SHARES = 30
QUEUING = {"handSize": 8, "queues": 64, "queueLengthLimit": 50}


def default_schema(obj: Obj) -> None:
    spec = obj.setdefault("spec", {})
    spec["matchingPrecedence"] = spec.get("matchingPrecedence") or PRECEDENCE


def default_level(obj: Obj) -> None:
    spec = obj.setdefault("spec", {})
    for kind, shares in (("exempt", 0), ("limited", SHARES)):
        if kind in spec:
            spec[kind].setdefault("nominalConcurrencyShares", shares)
            spec[kind].setdefault("lendablePercent", 0)
    queuing = spec.get("limited", {}).get("limitResponse", {}).get("queuing")
    if queuing is not None:
        for key, value in QUEUING.items():
            queuing[key] = queuing.get(key) or value
