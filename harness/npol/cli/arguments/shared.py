"""Options that several commands share."""

from __future__ import annotations

from typing import Annotated

import typer

from npol.cli.arguments.completion import contexts

Context = Annotated[
    str | None,
    typer.Option(
        "--context",
        help="Kubeconfig context of the cluster to look at; the current one is never used.",
        autocompletion=contexts,
    ),
]
ContextOrLab = Annotated[
    str | None,
    typer.Option(
        "--context",
        help="Kubeconfig context to run in; default: start a lab. The current one is never used.",
        autocompletion=contexts,
    ),
]
Kubeconfig = Annotated[
    str | None, typer.Option("--kubeconfig", help="Path; default: $KUBECONFIG, ~/.kube/config.")
]
Engine = Annotated[
    str | None,
    typer.Option(
        "--engine",
        help="Network plugin (CNI) whose semantics to apply; default: detected in the cluster, or "
        "by its own kinds of policy.",
    ),
]
Peers = Annotated[str | None, typer.Option("--peers", help="File that overlays the story's peers.")]
Observed = Annotated[
    list[str] | None,
    typer.Option(
        "--observed",
        metavar="FLOWS",
        help="Traffic that was seen: Hubble's records or Whisker's flows, a file or - (repeat).",
    ),
]
Root = Annotated[
    str | None, typer.Option("--root", help="Manifests must lie below it; default: the git top.")
]
StoryFiles = Annotated[
    list[str],
    typer.Argument(metavar="STORY...", help="Story files; of directories all *.npol.yaml below."),
]
StoryFile = Annotated[str, typer.Argument(metavar="STORY", help="A story file.")]
Keep = Annotated[
    bool,
    typer.Option("--keep", help="Leave the debug pods for an hour; the last lines say how to ask."),
]
Kustomization = Annotated[
    str | None, typer.Option("--kustomize", metavar="DIR", help="A kustomization.")
]
Chart = Annotated[str | None, typer.Option("--helm", metavar="CHART", help="A chart's folder.")]
Values = Annotated[
    list[str] | None,
    typer.Option("--values", "-f", metavar="FILE", help="With --helm: a file of values (repeat)."),
]
