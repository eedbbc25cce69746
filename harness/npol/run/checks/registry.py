"""The kinds of state check, by the key that names them in a story."""

from __future__ import annotations

from collections.abc import Mapping

from npol.run.checks import (
    admits,
    aligned,
    applied,
    endpoints,
    labels,
    listens,
    logs,
    objects,
    prometheus,
    ready,
    rollout,
)
from npol.run.checks.view import Checker

CHECKERS: Mapping[str, Checker] = {
    "endpoints": Checker(endpoints.wanted, endpoints.look),
    "ready": Checker(ready.wanted, ready.look),
    "rollout": Checker(rollout.wanted, rollout.look),
    "labels": Checker(labels.wanted, labels.look),
    "applied": Checker(applied.wanted, applied.look),
    "object": Checker(objects.wanted, objects.look),
    "aligned": Checker(aligned.wanted, aligned.look),
    "admits": Checker(admits.wanted, admits.look),
    "logs": Checker(logs.wanted, logs.look),
    "listens": Checker(listens.wanted, listens.look),
    "prometheus": Checker(prometheus.wanted, prometheus.look),
}
