"""The command line: each command is one question, over the same library as the pytest plugin."""

from npol.cli.app import main

__all__ = ["main"]
