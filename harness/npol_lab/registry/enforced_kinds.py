"""Which policies a lab turns into rules for packets, in words."""

from __future__ import annotations

from collections import defaultdict

from npol_lab.registry.calico_definitions import calico_definitions
from npol_lab.registry.policy_definitions import policy_definitions


def enforced_kinds() -> list[str]:
    """Kinds with the versions of the API that serve them, such as `NetworkPolicy (...)`."""
    versions: dict[tuple[str, str], list[str]] = defaultdict(list)
    for definition in (*policy_definitions(), *calico_definitions()):
        spec = definition["spec"]
        place = f"{spec['group']}/{spec['versions'][0]['name']}"
        family = spec["group"].removeprefix("crd.")
        versions[family, spec["names"]["kind"]].append(place)
    kinds: dict[str, list[str]] = {"networking.k8s.io/v1": ["NetworkPolicy"]}
    for (_, kind), places in versions.items():
        kinds.setdefault(", ".join(places), []).append(kind)
    return [f"{', '.join(names)} ({places})" for places, names in kinds.items()]
