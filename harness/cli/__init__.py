"""The command line: each command is one question, over the same library as the pytest plugin."""

from harness.cli.app import main

__all__ = ["main"]
