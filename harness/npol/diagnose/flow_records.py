"""Does the data plane tell what it does with packets, and may it be read?"""

from __future__ import annotations

from collections.abc import Iterator

from npol.diagnose.finding import DoctorFinding, FindingState
from npol.flow_records.control import control_records
from npol.kube.connection import Connection
from npol.kube.guard import Mode

TOPIC = "flow records"
HINT = (
    "verdicts are the same without; `npol doctor --rbac apply` prints the right, "
    "`npol run --flow-records FILE` needs none"
)


def findings(connection: Connection) -> Iterator[DoctorFinding]:
    """That they work is said only after a record came back; nothing where there are no agents."""
    if connection.mode is Mode.READ_ONLY:  # asking an agent is an exec
        return
    found = control_records(connection)
    working = [control.node for control in found if not control.problem]
    if working:
        text = f"Hubble works: control records came from {len(working)} of {len(found)} nodes"
        yield DoctorFinding(TOPIC, FindingState.OK, text)
    for control in found:
        if control.problem:
            text = f"none of node {control.node} ({control.agent}): {control.problem}"
            yield DoctorFinding(TOPIC, FindingState.UNVERIFIED, text, HINT)
