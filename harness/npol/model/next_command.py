"""A command that a message tells people to type: what a shell makes of it is what was meant."""

from __future__ import annotations

import shlex


def npol_command(*words: str, path: str, options: str = "") -> str:
    """
    `npol run 'my story.npol.yaml' --context dev`.

    Names of files are others' text: a blank or a semicolon divides no command, and a hyphen in
    front begins no option. `options` are quoted already.
    """
    named = f"./{path}" if path.startswith("-") else path
    command = shlex.join(["npol", *words, named])
    return f"{command} {options}" if options else command
