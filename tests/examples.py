"""How many examples a property is tried with: few in every run, and more at night."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, Phase, settings


def examples(count: int) -> settings:
    """`count`, times NPOL_EXAMPLES."""
    return settings(max_examples=count * int(os.environ.get("NPOL_EXAMPLES", "1")))


def thorough(count: int) -> settings:
    """Whole clusters are printed when they differ: making them smaller would take minutes."""
    return settings(
        max_examples=count,
        deadline=None,
        phases=(Phase.explicit, Phase.reuse, Phase.generate),
        suppress_health_check=list(HealthCheck),
        print_blob=True,
    )
