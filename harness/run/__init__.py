"""
A story told once: load, plan, per step change - settle - probe, then restore.

`session` is the life of one run, `stage` what it stands on (connection, custody, debug
pods), `telling` one step, `rounds` one round of probes.
"""

from harness.run.options import Options
from harness.run.session import StoryRun

__all__ = ["Options", "StoryRun"]
