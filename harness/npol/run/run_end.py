"""The end of a run: the cluster is given back, verified by fresh probes."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from npol.changes.transaction import Transaction
from npol.errors import NpolError, RestoreIncomplete
from npol.kube.connection import Connection
from npol.kube.signals import Stop
from npol.model.next_command import npol_command
from npol.model.result import RestoreResult
from npol.model.story import Story
from npol.model.verification import FlowVerification, NotVerified
from npol.probe.debug_pod_manifest import MANAGED_BY
from npol.probe.sources import Sources
from npol.run.options import Options

OURS = ",".join(f"{name}={value}" for name, value in MANAGED_BY.items())
Verify = Callable[[bool], FlowVerification]
BEFORE = "(before the story)"
"""Name of the mark that the restore goes back to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunEnd:
    """What is given back, and what it is given back through."""

    story: Story
    options: Options
    connection: Connection
    transaction: Transaction
    sources: Sources | None
    """None where the run ended before its debug pods."""
    stop: Stop

    def give_back(self, verify: Verify | None) -> RestoreResult:
        """
        Policies back, verified by fresh probes; then debug pods and `given` go, and the locks.

        `verify` asks whether the flows are as before; told whether nothing had to be put back.
        """
        began = time.monotonic()
        with self.stop.restoring():
            if self.options.leave:
                return self._leave(began)
            flows = self._verified(verify)
            with ThreadPoolExecutor(max_workers=1) as pool:
                ended = pool.submit(self._end_pods)
                result = self.transaction.restore()
                stayed = ended.result()
            return self._closed(result, began, flows=flows, stayed=stayed)

    def _leave(self, began: float) -> RestoreResult:
        """Only debug pods and locks go; the journal keeps the way back."""
        self.transaction.leave([s.name for s in self.story.steps])
        stayed = self._end_pods()
        back = npol_command("rollback", path=self.story.path, options=self.connection.options)
        return self._closed(RestoreResult(complete=True, left=back), began, stayed=stayed)

    def _end_pods(self) -> tuple[str, ...]:
        """The debug pods go, or stay as asked; what should have gone and did not."""
        return self.sources.close(keep=self.options.keep) if self.sources else ()

    def _verified(self, verify: Verify | None) -> FlowVerification | None:
        """Policies first, while the debug pods are there to ask again."""
        writes = self.story.writes or self.options.namespaces
        if verify is None or not writes or self.stop.hurried:
            return None
        try:
            done = self.transaction.restore(to=BEFORE)
            if not done.complete:
                return FlowVerification(not_verified=NotVerified.POLICIES_NOT_BACK)
            self.transaction.wait_until_back(within=self.story.defaults.pod.start_within)
            return verify(not done.actions)
        except NpolError as error:
            why = NotVerified.PROBES_FAILED
            return FlowVerification(not_verified=why, error=error.message)

    def _closed(
        self,
        result: RestoreResult,
        began: float,
        *,
        stayed: Sequence[str],
        flows: FlowVerification | None = None,
    ) -> RestoreResult:
        """Locks and journal go; `stayed` is what did not go when the debug pods were deleted."""
        error: NpolError | None = None
        try:
            self.transaction.close()
        except NpolError as failed:
            error = failed
        if stayed and self.sources:
            stayed = self.sources.close(within=0.0)  # it may be gone by now
        told = [*result.problems, *stayed] or ([error.message] if error else [])
        return replace(
            result,
            complete=result.complete and not told,
            problems=tuple(told),
            notes=self.transaction.notes,
            remedy=error.hint if error else self._pods_command("get") if stayed else "",
            kept=self._pods_command("delete") if self.options.keep and self.sources else "",
            flows=flows,
            seconds=time.monotonic() - began,
        )

    def _pods_command(self, verb: str) -> str:
        """For pods that no journal knows any more, so that `npol recover` does not find them."""
        return f"kubectl {verb} pods,deployments -A -l {OURS} {self.connection.options}"


def closed(transaction: Transaction) -> RestoreResult:
    """What becomes of a cluster that is given back without debug pods and probes."""
    try:
        transaction.close()
    except RestoreIncomplete as error:
        return RestoreResult(complete=False, problems=(error.message,), remedy=error.hint)
    return RestoreResult(complete=True, notes=transaction.notes)
