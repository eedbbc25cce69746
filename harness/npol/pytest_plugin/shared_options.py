"""
`--kubeconfig` and `--kube-context` beside others that have options of these names.

Whoever adds an option that is there already gets a traceback. So npol adds its own after all
conftests; where the name is taken by then, what is typed counts for both.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import pytest

from npol.pytest_plugin.options import CLUSTER, group_of, own_name

NOBODY = object()


def respelled(arguments: Iterable[str]) -> list[str]:
    """A command line with npol's second names: `--kubeconfig FILE` is one argument then."""
    found = list(arguments)
    for option in CLUSTER:
        found = list(_respelled(found, option))
    return found


def _respelled(arguments: list[str], option: str) -> Iterator[str]:
    rest = iter(arguments)
    for argument in rest:
        if argument == option and (value := next(rest, None)) is not None:
            yield f"{own_name(option)}={value}"
        elif argument.startswith(f"{option}="):
            yield f"{own_name(option)}={argument.partition('=')[2]}"
        else:
            yield argument


def read_paths(config: pytest.Config, parser: pytest.Parser, arguments: list[str]) -> None:
    """
    Tell paths from values before conftests are looked for beside them.

    pytest does not know `--kubeconfig FILE` yet, and takes FILE for a path with tests.
    """
    if (wanted := respelled(arguments)) != arguments:
        config.known_args_namespace.file_or_dir = parser.parse_known_args(wanted).file_or_dir


def add_common_names(config: pytest.Config, parser: pytest.Parser, arguments: list[str]) -> None:
    """Add the options whose names are free; repeat under the second name what belongs to two."""
    again = respelled(arguments)
    for option, (metavar, text) in CLUSTER.items():
        own = own_name(option)
        if config.getoption(option, default=NOBODY) is NOBODY:
            dest = own.removeprefix("--").replace("-", "_")
            group = group_of(parser)
            group.addoption(option, dest=dest, default=None, metavar=metavar, help=text)
        else:
            before = {a for a in arguments if a.startswith(f"{own}=")}
            arguments += [a for a in again if a.startswith(f"{own}=") and a not in before]
