"""The fixtures: the cluster under test, and stories written in Python."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import pytest

from npol import target_cluster
from npol.pytest_plugin.boundary import without_frames
from npol.pytest_plugin.rootdir import story_root
from npol.pytest_plugin.runs import runs_of
from npol.pytest_plugin.width import terminal_width

if TYPE_CHECKING:
    from npol.model.result import FlowResult
    from npol.run.python_api import Scripted

MARGIN = "E   "
"""What pytest puts before each line of an error."""


@pytest.fixture(scope="session")
def npol_cluster(pytestconfig: pytest.Config) -> target_cluster.TargetCluster:
    """The cluster under test, by `kubeconfig` and `context`: the one named, else a lab."""
    return without_frames(runs_of(pytestconfig).where)()


@pytest.fixture
def netpol(
    request: pytest.FixtureRequest, npol_cluster: target_cluster.TargetCluster
) -> Callable[..., Scripted]:
    """
    Stories written in Python: `with netpol(peers={...}, given=[...]) as net`.

    They run on the cluster of the fixture `npol_cluster`, also where a test overrides it.
    `net.apply(path)` and `net.delete(path)` change, `net.expect("frontend -> backend:80",
    "deny")` settles and asserts; the restore comes with the end of the `with` block. Paths are
    relative to the test's file.
    """
    from npol.pytest_plugin.scripted import ScriptedInTest

    runs = runs_of(request.config)

    def start(**story: Any) -> Scripted:
        root = story_root(request.config, request.path)
        return ScriptedInTest(
            story,
            path=str(request.path),
            root=root,
            options=runs.options(npol_cluster),
            explain=_explained,
        )

    return start


def _explained(results: Sequence[FlowResult]) -> str:
    """As a story's failures are told, but for commands: no story can be asked again."""
    from npol.report.failure import failure_text
    from npol.report.failure_groups import failure_groups

    width = terminal_width() - len(MARGIN)
    return "\n\n".join(failure_text(g, None, width) for g in failure_groups(results))
