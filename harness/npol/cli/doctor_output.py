"""What an examination says, on the terminal and in an archive."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from npol import __version__
from npol.cli.streams import say
from npol.diagnose import DoctorFinding, FindingState
from npol.diagnose.archive import collect, write_archive
from npol.diagnose.reader import examined
from npol.errors import ExitCode
from npol.kube.connection import Connection
from npol.report.escape import safe


@dataclass(slots=True)
class DoctorOutput:
    """What was found, as it was printed."""

    lines: list[str] = field(default_factory=list)

    def line(self, text: str) -> None:
        self.lines.append(safe(text))
        say(self.lines[-1])

    def finding(self, found: DoctorFinding) -> ExitCode:
        self.line(f"{found.state.value:<14} {found.topic:<12} {found.what}")
        if found.hint:
            self.line(f"{'':<27} try: {found.hint}")
        return ExitCode.DIFFERS if found.state is FindingState.PROBLEM else ExitCode.AS_EXPECTED


def collect_into(
    file: str, connection: Connection, namespaces: Sequence[str], said: DoctorOutput, report: str
) -> None:
    """
    One archive of a cluster: these namespaces, or all but the system's if none is named.

    `report`: a run's, in JSON, or "".

    Raises:
        InputError: the file exists, or cannot be written.
    """
    wanted = namespaces or examined(connection)
    found = collect(connection, wanted, versions={"npol": __version__}, top="npol")
    found = found.with_text("doctor.txt", "\n".join([*said.lines, ""]))
    if report:
        found = found.with_json("report.json", report)
    write_archive(file, found.pieces)
    say(f"collected in {file}")
