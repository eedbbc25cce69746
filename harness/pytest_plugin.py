"""
The pytest door: `*.npol.yaml` files become items, file :: step :: flow.

A file's story is opened when its first item is set up and closed, with the verified
restore, when its last is torn down. The flows of a step are asked together, once, when the
first of its items is reached; each item then reads its own result.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Generator, Iterable
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from harness import where
from harness.errors import ExitCode, NpolError, Refused, RestoreIncomplete
from harness.model.result import CheckResult, FlowResult, StoryReport
from harness.model.story import Flow, StateCheck, Step, Story
from harness.plan import Selection, expand, replayed

if TYPE_CHECKING:
    from harness.run import Options, StoryRun
    from harness.run.bundle import Bundle
    from harness.run.scripted import Scripted

SUFFIXES = (".npol.yaml", ".npol.yml")
Result = FlowResult | CheckResult


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("npol", "NetworkPolicy connectivity (npol)")
    _add(group, "--kube-context", "NAME", "context to test; without one a lab is started")
    _add(group, "--kubeconfig", "FILE", "kubeconfig; default: $KUBECONFIG, ~/.kube/config")
    _add(group, "--npol-peers", "FILE", "file that overlays the stories' peers")
    _add(group, "--npol-report", "DIR", "write each story's run as JSON and HTML")
    for name, kind, default, text in (
        ("--npol-wait", float, 0.0, "seconds to wait for a namespace that another run holds"),
        ("--npol-reach", int, 50, "pods besides a story's that its policies may select; 50"),
    ):
        group.addoption(name, type=kind, default=default, metavar="N", help=text)
    _add(group, "--npol-collect", "FILE", "at a failure gather what helps in a .tar.gz")
    for flag, text in (
        ("--npol-create", "create what stories list under `given`, and delete it at the end"),
        ("--npol-replace", "policies that exist may be replaced; they come back at the end"),
        ("--npol-recover-stale", "restore what a dead run has left, then begin"),
        ("--npol-assume-enforced", "run stories with denies although enforcement is not proven"),
    ):
        group.addoption(flag, action="store_true", default=False, help=text)


def _add(group: Any, name: str, metavar: str, text: str) -> None:
    try:
        group.addoption(name, default=None, metavar=metavar, help=text)
    except ValueError as error:  # kubetest has the same option
        raise pytest.UsageError(
            f"{name} belongs to another plugin, too ({error}); try: -p no:kubetest"
        ) from error


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "smoke: the functional checks; they change no policy")
    try:
        where.named(config.getoption("--kubeconfig"), config.getoption("--kube-context"))
        runs = Runs(config)
    except NpolError as error:
        raise pytest.UsageError(str(error)) from error
    config.pluginmanager.register(runs, "npol-runs")


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    if file_path.name.endswith(SUFFIXES):
        return StoryFile.from_parent(parent, path=file_path)
    return None


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Keep a file's items on one worker: its steps build on each other (xdist splits them)."""
    dist = config.getoption("dist", "no")
    if dist == "each":
        raise pytest.UsageError("--dist each would run every story on one cluster several times")
    if dist in ("load", "worksteal", "loadgroup"):
        from xdist.scheduler import LoadFileScheduling  # type: ignore[import-untyped]

        return LoadFileScheduling(config, log)
    return None


class StoryFile(pytest.File):
    """One story; all of its items share one run."""

    story: Story
    run: StoryRun | None = None
    trouble: NpolError | None = None
    """Why the run could not be opened; the file's other items say the same."""

    def collect(self) -> Iterable[pytest.Collector]:
        from harness.story import load_story  # pydantic: only where a story is

        overlay = self.config.getoption("--npol-peers")
        try:
            story = load_story(_shown(self.path), root=str(self.config.rootpath), overlay=overlay)
        except NpolError as error:
            raise self.CollectError(str(error)) from error
        self.story = expand(story)
        _mark(self, story.tags)
        for step in self.story.steps:
            yield StepNode.from_parent(self, name=step.name, step=step)

    def result(self, step: str, name: str) -> Result:
        """
        What became of a flow or check; whatever comes before it is run first, if need be.

        Raises:
            NpolError: the step could not be set up.
        """
        if self.trouble:
            raise self.trouble
        try:
            self.run = run = self.run or self._open()
        except NpolError as error:
            self.trouble = error
            raise
        reached = run.reach(step)
        if reached.error:
            raise NpolError(reached.error)
        return next(r for r in reached.results if r.name == name)

    def _open(self) -> StoryRun:
        return _runs(self.config).open(replayed(self.story, self._selection()))

    def _selection(self) -> Selection:
        """The items of this file that pytest is going to run."""
        items = [i for i in self.session.items if isinstance(i, FlowItem) and i.file is self]
        return Selection(frozenset((i.step.name, i.name) for i in items))

    def teardown(self) -> None:
        run, self.run = self.run, None
        if run is None:
            return
        try:
            _runs(self.config).close(run)
        except NpolError as error:
            pytest.fail(f"npol: {error}", pytrace=False)


class StepNode(pytest.Collector):
    """One step."""

    def __init__(self, *, step: Step, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.step = step

    def collect(self) -> Iterable[pytest.Item]:
        _mark(self, self.step.tags)
        claims: list[Flow | StateCheck] = [*self.step.checks, *self.step.flows]
        for claim in claims:
            yield FlowItem.from_parent(self, name=claim.name, step=self.step, claim=claim)


class FlowItem(pytest.Item):
    """One flow or state check of one step."""

    def __init__(self, *, step: Step, claim: Flow | StateCheck, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.step = step
        self.claim = claim
        self.result: Result | None = None
        _mark(self, claim.tags if isinstance(claim, Flow) else ())

    @property
    def file(self) -> StoryFile:
        return self.parent.parent  # type: ignore[union-attr, return-value]

    def setup(self) -> None:
        try:
            self.result = self.file.result(self.step.name, self.name)
        except NpolError as error:
            pytest.fail(f"npol: {error}", pytrace=False)

    def runtest(self) -> None:
        result = self.result
        assert result is not None
        self.user_properties += [("expected", result.expected), ("seen", result.seen)]
        self.user_properties.append(("verdict", result.verdict.value))
        if result.skipped:
            pytest.skip(result.skipped)
        if not result.passed:
            raise FlowFailed(result)
        if isinstance(result, CheckResult) and result.cannot_fail:
            pytest.skip(f"cannot fail: {result.cannot_fail}")

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        if isinstance(excinfo.value, FlowFailed):
            from harness.report.failure import failure_text

            context = self.config.getoption("--kube-context") or ""
            again = f"pytest {_runs(self.config).named}{shlex.quote(self.nodeid)}"
            return failure_text(excinfo.value.result, rerun=again, context=context)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int, str]:
        return self.path, self.claim.at.line - 1, f"{self.step.name}: {self.name}"


class FlowFailed(Exception):
    """A flow's or check's verdict is not `as expected`."""

    def __init__(self, result: Result) -> None:
        super().__init__(f"{result.name}: {result.verdict.value}")
        self.result = result


def _mark(node: pytest.Collector | pytest.Item, tags: Iterable[str]) -> None:
    for tag in tags:
        node.config.addinivalue_line("markers", f"{tag}: tag of a story")
        node.add_marker(tag)


def _shown(path: Path) -> str:
    """As messages name it: from where pytest was started, if it is below."""
    relative = os.path.relpath(path)
    return str(path) if relative.startswith(os.pardir) else relative


def _runs(config: pytest.Config) -> Runs:
    runs: Runs = config.pluginmanager.get_plugin("npol-runs")  # type: ignore[assignment]
    return runs


class Runs:
    """The runs of this session, and the cluster that they share."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.reports: list[StoryReport] = []
        self.incomplete: list[str] = []
        self.collected: list[str] = []
        self._bundle: Bundle | None = None
        if file := config.getoption("--npol-collect"):
            from harness.run.bundle import bundle

            self._bundle = bundle(file, worker=os.environ.get("PYTEST_XDIST_WORKER", ""))
        self._open: list[StoryRun] = []
        self._stack = ExitStack()
        self._where: where.Where | None = None

    def where(self) -> where.Where:
        """The cluster under test; a lab is started at the first call."""
        if self._where is None:
            chosen = where.cluster(
                self.config.getoption("--kubeconfig"), self.config.getoption("--kube-context")
            )
            self._where = self._stack.enter_context(chosen)
        return self._where

    @property
    def named(self) -> str:
        """The options that name the cluster, as one types them."""
        given = ((o, self.config.getoption(o)) for o in ("--kubeconfig", "--kube-context"))
        return "".join(f"{o}={shlex.quote(value)} " for o, value in given if value)

    def options(self) -> Options:
        from harness.run import Options

        chosen, option = self.where(), self.config.getoption
        return Options(
            kubeconfig=chosen.kubeconfig,
            context=chosen.context,
            create=chosen.is_lab or option("--npol-create"),
            disposable=chosen.is_lab,
            replace=option("--npol-replace"),
            assume_enforced=option("--npol-assume-enforced"),
            wait=option("--npol-wait"),
            recover_stale=option("--npol-recover-stale"),
            reach=option("--npol-reach"),
            say=self._say,
        )

    def _say(self, line: str) -> None:
        terminal = self.config.pluginmanager.get_plugin("terminalreporter")
        if terminal and self.config.getoption("verbose") > 0:
            terminal.write_line(f"npol: {line}")

    def open(self, story: Story) -> StoryRun:
        """A story's run. What preflight refuses ends the session, before anything is changed."""
        from harness.run import StoryRun

        try:
            run = StoryRun(story, self.options())
            run.open()
        except Refused as error:
            pytest.exit(f"npol: {error}", returncode=int(error.exit_code))
        except RestoreIncomplete as error:
            self.incomplete.append(error.hint)
            raise
        self._open.append(run)
        return run

    def close(self, run: StoryRun) -> None:
        """
        Raises:
            RestoreIncomplete: the cluster is not as it was found.
        """
        if run not in self._open:
            return
        self._open.remove(run)
        restored = run.close()
        self.reports.append(run.report())
        if directory := self.config.getoption("--npol-report"):
            from harness.report.files import write_report

            write_report(directory, self.reports[-1])
        if not restored.complete:
            remedy = restored.remedy or f"npol recover --context {run.options.context}"
            self.incomplete.append(remedy)
            raise RestoreIncomplete("; ".join(restored.problems), hint=remedy)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item) -> Generator[None, Any, Any]:
        """Results travel with the reports, so that xdist's controller has them, too."""
        report: Any = yield
        if report.failed and isinstance(item, FlowItem) and item.file.run and self._bundle:
            self._bundle.add(item.file.run.story, item.file.run.options)
        if isinstance(item, FlowItem) and item.result is not None:
            from harness.report.json import result_data

            report.npol = {"story": item.file.story.name, "result": result_data(item.result)}
        return report

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        reports = [r for group in terminalreporter.stats.values() for r in group]
        found = [r.npol for r in reports if hasattr(r, "npol") and r.when == "call"]
        if found:
            from harness.report.plain import session_summary

            terminalreporter.section("connectivity")
            for line in session_summary(found, self.reports):
                terminalreporter.write_line(line)
        remedies = (f"the cluster is NOT as it was found; run: {r}" for r in self.incomplete)
        for line in (*self.collected, *remedies):
            terminalreporter.write_line(line)

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Also after Ctrl-C, when nothing was torn down yet: first the runs, then the lab."""
        for run in list(self._open):
            with suppress(RestoreIncomplete):  # told by `incomplete`
                self.close(run)
        from harness.report.json import to_json

        if self._bundle:
            self.collected += self._bundle.write({r.path: to_json(r) for r in self.reports})
        self._stack.close()
        if hasattr(self.config, "workeroutput"):
            told = {"reports": list(map(to_json, self.reports)), "incomplete": self.incomplete}
            self.config.workeroutput["npol"] = {**told, "collected": self.collected}
        if self.incomplete:
            session.exitstatus = int(ExitCode.RESTORE_INCOMPLETE)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """What a worker of pytest-xdist ran; nothing comes from one that crashed."""
        from harness.report.json import from_json

        told = getattr(node, "workeroutput", {}).get("npol", {})
        self.reports += map(from_json, told.get("reports", []))
        self.incomplete += told.get("incomplete", [])
        self.collected += told.get("collected", [])


@pytest.fixture(scope="session")
def npol_cluster(pytestconfig: pytest.Config) -> where.Where:
    """The cluster under test, by `kubeconfig` and `context`: the one named, else a lab."""
    return _runs(pytestconfig).where()


@pytest.fixture
def netpol(request: pytest.FixtureRequest, npol_cluster: where.Where) -> Callable[..., Scripted]:
    """
    Stories written in Python: `with netpol(peers={...}, given=[...]) as net`.

    `net.apply(path)` and `net.delete(path)` change, `net.expect("frontend -> backend:80",
    "deny")` settles and asserts; the restore comes with the end of the `with` block. Paths are
    relative to the test's file.
    """
    from harness.run.scripted import scripted

    runs = _runs(request.config)

    def start(**story: Any) -> Scripted:
        root = str(request.config.rootpath)
        return scripted(story, path=str(request.path), root=root, options=runs.options())

    return start
