"""A lab that another user may have started: `hold_lab.py '["LAYER", ...]'`, until stdin ends."""

import json
import sys

from npol_lab import session
from tests.lab.escapes import protections

if off := json.loads(sys.argv[1]):
    protections.switch_off(off, protections.OUTSIDE)
    setattr(session, "MODULE", "bare_lab")  # noqa: B010 - the types say that nobody may
    environment = session._environment
    told = {protections.VARIABLE: json.dumps(off)}
    setattr(session, "_environment", lambda path: environment(path) | told)  # noqa: B010

with session.Lab.start() as lab:
    print(json.dumps({"kubeconfig": str(lab.kubeconfig), "log": str(lab.log)}), flush=True)
    sys.stdin.read()
