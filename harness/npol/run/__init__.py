"""
A story told once: load, plan, per step change - settle - probe, then restore.

`session` is the life of one run, `stage` what it stands on (connection, custody, debug
pods), `telling` one step, `rounds` one round of probes.
"""

from npol.run.options import Options
from npol.run.story_run import StoryRun

__all__ = ["Options", "StoryRun"]
