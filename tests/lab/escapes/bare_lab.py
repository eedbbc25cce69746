"""
A lab without some of what holds its pods, for attempts that must work where nothing stops them.

Without any of it, labs are as they were before: a changed root directory, namespaces for
processes and network, and the runner's own environment. Started in place of `npol_lab` by
`hold_lab.py`.
"""

import json
import os
import sys
from pathlib import Path

from npol_lab import __main__ as lab
from npol_lab import init
from tests.lab.escapes import protections


def main(settings, off):
    directory = Path(settings["directory"])
    settings["state"] = str(lab._mount_state(directory))

    def run(keeper):
        from npol_lab import bootstrap

        protections.switch_off(off, protections.LAB)
        bootstrap.run_lab(settings, keeper)

    return init.keep(run, tuple(settings["parent"]), lambda: lab._forget(directory))


if __name__ == "__main__":
    off = json.loads(os.environ.pop(protections.VARIABLE))
    protections.switch_off(off, protections.INSIDE)
    sys.exit(main(json.loads(sys.argv[2]), off))
