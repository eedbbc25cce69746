"""
npol: proves with real packets which flows a cluster's NetworkPolicies let through.

    story = load_story("policies/shop.npol.yaml")
    run = StoryRun(story, Options(kubeconfig=None, context="dev"))
    run.open()
    try:
        for step in story.steps:
            run.reach(step.name)
    finally:
        run.close()
    print(to_json(run.report()))

Names are imported when they are first used: the pytest plugin is loaded by every test session,
and most of them have no story.
"""

from importlib import import_module
from typing import Any

__version__ = "0.2.0"

_HOMES = {
    "ExitCode": "npol.errors",
    "NpolError": "npol.errors",
    "Options": "npol.run",
    "StoryReport": "npol.model.result",
    "StoryRun": "npol.run",
    "load_story": "npol.story",
    "to_json": "npol.report.json",
}

__all__ = [
    "ExitCode",
    "NpolError",
    "Options",
    "StoryReport",
    "StoryRun",
    "__version__",
    "load_story",
    "to_json",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'npol' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
