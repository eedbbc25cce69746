"""What can be said to `npol check`."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Annotated

import typer

from npol.cli.arguments.shared import (
    Chart,
    Context,
    Engine,
    Kubeconfig,
    Kustomization,
    Root,
    Values,
)


class CheckFormat(enum.StrEnum):
    """How findings are written."""

    TEXT = "text"
    SARIF = "sarif"
    GITHUB = "github"


class FailOn(enum.StrEnum):
    """The least severity that counts."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckArguments:
    """See `npol check --help`."""

    paths: Annotated[
        list[str] | None, typer.Argument(metavar="PATHS...", help="Stories, manifests.")
    ] = None
    shape: Annotated[CheckFormat, typer.Option("--format", help="How findings are written.")] = (
        CheckFormat.TEXT
    )
    chart: Chart = None
    values: Values = None
    kustomization: Kustomization = None
    fail_on: Annotated[
        FailOn, typer.Option("--fail-on", help="The least severity that makes the exit code 1.")
    ] = FailOn.ERROR
    fix: Annotated[
        bool, typer.Option("--fix", help="Write the fixes that are certain into the files.")
    ] = False
    schema: Annotated[
        bool, typer.Option("--schema", help="Print the JSON Schema of story files and end.")
    ] = False
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
