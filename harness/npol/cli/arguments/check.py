"""What can be said to `npol check`."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Annotated

import typer

from npol.cli.arguments.shared import Context, Engine, Kubeconfig, Root


class CheckFormat(enum.StrEnum):
    """How findings are written."""

    TEXT = "text"
    SARIF = "sarif"
    GITHUB = "github"


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckArguments:
    """See `npol check --help`."""

    paths: Annotated[list[str], typer.Argument(metavar="PATHS...", help="Stories, manifests.")]
    shape: Annotated[CheckFormat, typer.Option("--format", help="How findings are written.")] = (
        CheckFormat.TEXT
    )
    covered: Annotated[
        bool, typer.Option("--coverage", help="Which rules, peers, ports no flow exercises.")
    ] = False
    mutated: Annotated[
        bool, typer.Option("--mutate", help="Would the stories notice a changed policy?")
    ] = False
    lab: Annotated[
        bool, typer.Option("--lab", help="With --mutate: by packets in a lab, not by prediction.")
    ] = False
    most: Annotated[
        int, typer.Option("--most", min=1, help="With --lab: how many mutants of a story to try.")
    ] = 20
    engine: Engine = None
    context: Context = None
    kubeconfig: Kubeconfig = None
    root: Root = None
