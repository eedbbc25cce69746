"""The states of a run at the ends of its steps, for `restore: STEP`."""

from __future__ import annotations

from dataclasses import dataclass, field

from npol.changes.apply.policies import Policies
from npol.changes.apply.setup_objects import SetupObjects
from npol.changes.apply.workloads import Workloads
from npol.changes.journal_types import Journal
from npol.changes.state.label_history import labelled
from npol.changes.state.object_history import ObjectHistory, touched
from npol.changes.state.scale_history import scaled
from npol.errors import InputError


@dataclass(slots=True)
class Checkpoints:
    """Remembers how far the journal was at the end of each step."""

    policies: Policies
    given: SetupObjects
    workloads: Workloads
    _records: dict[str, int] = field(default_factory=dict)

    def mark(self, step: str) -> None:
        self._records[step] = max(self._journal.records, default=0)

    def restore_to(self, step: str) -> list[str]:
        """
        Policies, labels and replicas as at the end of a step; what was done, one line each.

        Raises:
            InputError: the step was not run.
            ChangedByOthers: something is not as the run left it.
        """
        number = self.number(step)
        done = [self._policy(item, number) for item in reversed(touched(self._journal))]
        for item in reversed(labelled(self._journal)):
            done.append(self.given.put_labels(item, item.state_at(number)))
        for workload in reversed(scaled(self._journal)):
            done.append(self.workloads.put(workload, workload.state_at(number)))
        return [line for line in done if line]

    def number(self, step: str) -> int:
        """
        The last record at the end of a step.

        Raises:
            InputError: the step was not run.
        """
        if step not in self._records:
            raise InputError(f"nothing was recorded at the end of step {step!r}: it was not run")
        return self._records[step]

    @property
    def _journal(self) -> Journal:
        return self.policies.session.writer.journal

    def _policy(self, item: ObjectHistory, number: int) -> str:
        return self.policies.put(item.key, item.state_at(number)) if item.whole else ""
