"""The options that npol adds to pytest's."""

from __future__ import annotations

import argparse
import errno
import math
import os
from collections.abc import Callable
from typing import Any

import pytest

from npol import target_cluster
from npol.errors import InputError

KUBECONFIG = "--kubeconfig"
CONTEXT = "--kube-context"
CLUSTER = {
    CONTEXT: ("NAME", "context to test; without one a lab is started"),
    KUBECONFIG: ("FILE", "kubeconfig; default: $KUBECONFIG, ~/.kube/config"),
}
"""What names the cluster: common names, which other plugins and conftests may have as well."""


def _at_least(least: float, kind: type[int] | type[float] = float) -> Callable[[str], float]:
    """A number as `argparse` reads it; what is too small, or none, is a usage error."""

    def read(text: str) -> float:
        try:
            number = kind(text)
        except ValueError:
            number = math.nan
        if not least <= number < math.inf:
            what = "a whole number" if kind is int else "a number"
            raise argparse.ArgumentTypeError(f"{text!r} is not {what} of at least {least:g}")
        return number

    return read


SECONDS, RATE, COUNT = _at_least(0), _at_least(0.1), _at_least(0, int)


def check_options(config: pytest.Config) -> None:
    """
    To be called before anything is collected: each story would fail of it.

    Raises:
        InputError: a value is none that the option may have.
    """
    where = target_cluster.named(*cluster_of(config))
    if families := config.getoption("--npol-ip-families"):
        target_cluster.check_families(where, families)
    source = config.getoption("--npol-flow-records")
    if source not in ("auto", "off", "-") and not os.path.exists(source):
        raise InputError(f"--flow-records {source}: {os.strerror(errno.ENOENT)}")


def own_name(option: str) -> str:
    """The second name of an option of `CLUSTER`, which nobody else has."""
    return f"--npol-{option.removeprefix('--')}"


def cluster_of(config: pytest.Config) -> tuple[str | None, str | None]:
    """The kubeconfig and the context that were typed."""
    return config.getoption(own_name(KUBECONFIG)), config.getoption(own_name(CONTEXT))


def group_of(parser: pytest.Parser) -> Any:
    return parser.getgroup("npol", "NetworkPolicy connectivity (npol)")


def add_options(parser: pytest.Parser) -> None:
    group = group_of(parser)
    for option, (metavar, _) in CLUSTER.items():
        _add(group, own_name(option), metavar, f"as {option}, also where another plugin has that")
    _add(group, "--npol-ip-families", "LIST", "IP families of the lab: IPv4 (default), IPv4,IPv6")
    _add(group, "--npol-peers", "FILE", "file that overlays the stories' peers")
    _add(group, "--npol-report", "DIR", "write each story's run as JSON and HTML")
    for name, kind, default, text in (
        ("--npol-wait", SECONDS, 0.0, "seconds to wait for a namespace that another run holds"),
        ("--npol-start-within", SECONDS, None, "seconds in which debug pods must run; 180"),
        ("--npol-settle", SECONDS, None, "seconds in which flows may come to what is expected"),
        ("--npol-qps", RATE, None, "at most so many API requests a second; default: no limit"),
        (
            "--npol-max-unlisted-pods",
            COUNT,
            50,
            "maximum pods outside a story that its policies may select; 50",
        ),
    ):
        group.addoption(name, type=kind, default=default, metavar="N", help=text)
    _add(group, "--npol-shard", "I/N", "only part I of N of the stories, as `npol run --shard`")
    _add(group, "--npol-for", "DURATION", "then ask the flows again and again for so long (10m)")
    _add(group, "--npol-events", "FILE", "with --npol-for: a line of JSON for each flow that turns")
    _add(group, "--npol-collect", "FILE", "at a failure gather what helps in a .tar.gz")
    group.addoption(
        "--npol-flow-records",
        default="auto",
        metavar="auto|off|FILE",
        help="the data plane's records: from Cilium's agents (auto), or a file",
    )
    for flag, text in (
        ("--npol-create", "create what stories list under `given`, and delete it at the end"),
        ("--npol-create-all", "also what counts for the whole cluster, if it is yours alone"),
        ("--npol-replace", "policies that exist may be replaced; they come back at the end"),
        ("--npol-allow-gitops", "also change what Argo CD, Flux and the like own"),
        ("--npol-recover-stale", "restore what a dead run has left, then begin"),
        ("--npol-assume-enforced", "run stories with denies although enforcement is not proven"),
        ("--npol-no-canary", "make no pods in npol-system, and prove nothing by them"),
    ):
        group.addoption(flag, action="store_true", default=False, help=text)


def _add(group: Any, name: str, metavar: str, text: str) -> None:
    group.addoption(name, default=None, metavar=metavar, help=text)
