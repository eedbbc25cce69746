"""The runs of one pytest session: opened, closed, and ended with it."""

from __future__ import annotations

import os
import shlex
from contextlib import ExitStack, nullcontext, suppress
from typing import TYPE_CHECKING, Any, NoReturn

import pytest

from npol import target_cluster
from npol.errors import NpolError, Refused, RestoreIncomplete, UnknownVerdict
from npol.progress import Progress
from npol.pytest_plugin.boundary import hook
from npol.pytest_plugin.options import CONTEXT, KUBECONFIG, cluster_of
from npol.pytest_plugin.session_results import JOB_SUMMARY, SessionResults
from npol.pytest_plugin.spelling import for_pytest
from npol.report.escape import paragraph, safe

if TYPE_CHECKING:
    from collections.abc import Collection
    from contextlib import AbstractContextManager

    from npol.diagnose.failure_archive import Bundle
    from npol.model.result import RestoreResult, StoryReport
    from npol.model.story import Story
    from npol.pytest_plugin.siblings import Siblings
    from npol.run import Options, StoryRun

NAME = "npol-runs"
"""What the session's `Runs` is registered as with pytest's plugin manager."""


def runs_of(config: pytest.Config) -> Runs:
    runs: Runs = config.pluginmanager.get_plugin(NAME)  # type: ignore[assignment]
    return runs


class Runs:
    """The runs of this session, and the cluster that they share."""

    def __init__(self, config: pytest.Config, results: SessionResults) -> None:
        self.config = config
        self._results = results
        self._bundle: Bundle | None = None
        if file := config.getoption("--npol-collect"):
            from npol.diagnose.failure_archive import bundle

            self._bundle = bundle(file, worker=os.environ.get("PYTEST_XDIST_WORKER", ""))
        if directory := config.getoption("--npol-report"):
            from npol.report.write import check_directory

            check_directory(directory)
        self._open: list[StoryRun] = []
        self._progress = Progress(self._write, rewrites=False)
        self._stack = ExitStack()
        self._where: target_cluster.TargetCluster | None = None
        self._siblings: dict[str, Siblings] = {}
        self._session: pytest.Session | None = None

    def pytest_sessionstart(self, session: pytest.Session) -> None:
        self._session = session

    def where(self) -> target_cluster.TargetCluster:
        """The cluster under test; a lab is started at the first call."""
        if self._where is None:
            families = self.config.getoption("--npol-ip-families")
            chosen = target_cluster.cluster(*cluster_of(self.config), ip_families=families)
            self._where = self._stack.enter_context(chosen)
        return self._where

    @property
    def named(self) -> str:
        """The options that name the cluster, as one types them."""
        given = zip((KUBECONFIG, CONTEXT), cluster_of(self.config), strict=True)
        return "".join(f"{o}={shlex.quote(value)} " for o, value in given if value)

    @property
    def cluster_options(self) -> str:
        """The same as `npol` takes them."""
        from npol.kube.kubeconfig import options_of  # every pytest session would pay for it

        kubeconfig, context = cluster_of(self.config)
        return options_of(kubeconfig, context) if context else ""

    def options(self, chosen: target_cluster.TargetCluster) -> Options:
        from npol.run import Options

        option = self.config.getoption
        return Options(
            kubeconfig=chosen.kubeconfig,
            context=chosen.context,
            create=chosen.is_lab or option("--npol-create") or option("--npol-create-all"),
            create_all=chosen.is_lab or option("--npol-create-all"),
            disposable=chosen.is_lab,
            replace=option("--npol-replace"),
            allow_gitops=option("--npol-allow-gitops"),
            assume_enforced=option("--npol-assume-enforced") or option("--npol-no-canary"),
            pods_beside=not option("--npol-no-canary"),
            wait=option("--npol-wait"),
            recover_stale=option("--npol-recover-stale"),
            max_unlisted_pods=option("--npol-max-unlisted-pods"),
            start_within=option("--npol-start-within"),
            settle=option("--npol-settle"),
            watched=option("--npol-for") is not None,
            qps=option("--npol-qps"),
            flow_records=option("--npol-flow-records"),
            say=self._progress.say,
            notice=self.tell,
            turn=lambda changed, read: self._turn(chosen, changed, read),
        )

    def _turn(
        self, where: target_cluster.TargetCluster, changed: Collection[str], read: Collection[str]
    ) -> AbstractContextManager[None]:
        """The turn of a run among those of the other workers of pytest-xdist."""
        testrun = getattr(self.config, "workerinput", {}).get("testrunuid")
        if testrun is None:
            return nullcontext()
        from npol.pytest_plugin.siblings import siblings_of

        cluster = f"{where.kubeconfig or ''} {where.context}"
        if cluster not in self._siblings:
            self._siblings[cluster] = siblings_of(testrun, cluster)
        return self._siblings[cluster].turn(changed, read)

    def _write(self, text: str) -> None:
        """Through pytest's terminal; a worker of pytest-xdist has none, and `-q` wants none."""
        terminal = self.config.pluginmanager.get_plugin("terminalreporter")
        if terminal and self.config.get_verbosity() >= 0:
            with self._uncaptured():
                terminal.ensure_newline()
                terminal.write(safe(text.rstrip("\n")) + "\n")

    def _uncaptured(self) -> AbstractContextManager[None]:
        """What is written meanwhile is seen at once, and not kept as the output of a test."""
        capture: Any = self.config.pluginmanager.get_plugin("capturemanager")
        return capture.global_and_fixture_disabled() if capture else nullcontext()

    def tell(self, line: str) -> None:
        """A line that nobody has to ask for; a worker of pytest-xdist has no terminal."""
        if terminal := self.config.pluginmanager.get_plugin("terminalreporter"):
            with self._uncaptured():
                terminal.ensure_newline()
                terminal.write_line(f"npol: {safe(line)}")

    def _tell_restored(self, run: StoryRun) -> None:
        from npol.report.summary import restore_line

        self.tell(f"{run.story.name}: {restore_line(run.close()) or 'nothing was changed'}")

    def open(self, story: Story) -> StoryRun:
        """A story's run. What preflight refuses ends the session, before anything is changed."""
        from npol.run import StoryRun

        run: StoryRun | None = None
        try:
            run = StoryRun(story, self.options(self.where()))
            run.open()
        except Refused as error:
            self.end_session(error)
        except RestoreIncomplete as error:
            self._results.incomplete.append(error.hint)
            raise
        except NpolError:
            raise
        except (KeyboardInterrupt, Exception):
            if run:  # `open` has given everything back by now
                self._note(run, run.close())
                self._tell_restored(run)
            raise
        self._open.append(run)
        return run

    def end_session(self, error: Refused) -> NoReturn:
        """A worker of pytest-xdist cannot end the session: its controller does, when it is told."""
        reason = f"npol: {paragraph(for_pytest(str(error)))}"
        if hasattr(self.config, "workeroutput") and self._session:
            self._session.shouldstop = reason
            self._results.refused = True
        pytest.exit(reason, returncode=int(error.exit_code))

    def close(self, run: StoryRun) -> None:
        """
        Raises:
            RestoreIncomplete: the cluster is not as it was found.
            InputError: it is, and the report cannot be written.
            UnknownVerdict: it is, and the flows are not shown to be as before.
        """
        if run not in self._open:
            return
        self._open.remove(run)
        try:
            restored = run.close()
        except Exception:  # a defect; what it left of the cluster is known all the same
            self._note(run, run.close())
            raise
        self._results.reports.append(self._report(run))
        remedy = self._note(run, restored)
        try:
            self._keep(self._results.reports[-1])
        finally:
            if remedy:
                raise RestoreIncomplete("; ".join(restored.problems), hint=remedy)
        if restored.flows and restored.flows.failed:
            from npol.report.summary import verification_words

            raise UnknownVerdict(verification_words(restored.flows))

    def _keep(self, report: StoryReport) -> None:
        if directory := self.config.getoption("--npol-report"):
            from npol.report.write import write_report

            write_report(directory, report)

    def _report(self, run: StoryRun) -> StoryReport:
        if not (self.config.getoption("--npol-report") or os.environ.get(JOB_SUMMARY)):
            return run.report()
        from npol.run.details import detailed

        return detailed(run.report(), run.story)

    def _note(self, run: StoryRun, restored: RestoreResult) -> str:
        """What is to be done where the cluster is not as it was found, for the session's end."""
        if restored.complete:
            return ""
        remedy = restored.remedy or f"npol recover --context {run.options.context}"
        self._results.incomplete.append(remedy)
        return remedy

    def collect(self, run: StoryRun) -> None:
        """Gather what helps afterwards, if that was asked for: its policies still apply."""
        if self._bundle:
            self._bundle.add(run.story, run.options)

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Also after Ctrl-C, when nothing was torn down yet: first the runs, then the lab."""
        try:
            self._finish()
        except pytest.exit.Exception as exit:
            exit.returncode = self._results.exit_code or exit.returncode
            raise
        if (code := self._results.exit_code) is not None:
            session.exitstatus = int(code)

    @hook
    def _finish(self) -> None:
        try:
            with ExitStack() as ends:  # each run is given back, also where another one broke
                for run in self._open:
                    ends.callback(self._end, run)
            self._hand_over()
        finally:
            self._stack.close()

    def _end(self, run: StoryRun) -> None:
        self.tell(f"{run.story.name}: restoring the cluster")
        try:
            with suppress(RestoreIncomplete, UnknownVerdict):  # told by the next line
                self.close(run)
        finally:
            self._tell_restored(run)

    def _hand_over(self) -> None:
        """Reports go where they are wanted: into the archive, to the controller of xdist."""
        reports = self._results.as_json()
        if self._bundle:
            texts = {r.path: text for r, text in reports}
            self._results.collected += self._bundle.write(texts)
        if hasattr(self.config, "workeroutput"):
            self._results.shared_files += [str(s.directory) for s in self._siblings.values()]
            self.config.workeroutput["npol"] = self._results.of_worker(reports)
        else:
            self._results.remove_shared_files()
