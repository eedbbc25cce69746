"""A lab that another user may have started: `python hold_lab.py [bare]`, until stdin ends."""

import json
import os
import sys

from npol_lab import requirements, session

if "bare" in sys.argv:
    whole = {**os.environ, "PATH": requirements.SEARCH}
    setattr(session, "MODULE", "bare_lab")  # noqa: B010 - the types say that nobody may
    setattr(session, "pods_user", lambda: 0)  # noqa: B010
    setattr(session, "_environment", lambda path: {**whole, "PYTHONPATH": path})  # noqa: B010

with session.Lab.start() as lab:
    print(json.dumps({"kubeconfig": str(lab.kubeconfig), "log": str(lab.log)}), flush=True)
    sys.stdin.read()
