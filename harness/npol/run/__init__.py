"""
A story told once: load, plan, per step change - settle - probe, then restore.

`story_run` is the life of one run, `environment` what it stands on (connection, transaction, debug
pods), `step_runner` one step, `rounds` one round of probes.
"""

from npol.run.options import Options
from npol.run.story_run import StoryRun

__all__ = ["Options", "StoryRun"]
