"""Options that several commands share."""

from __future__ import annotations

from typing import Annotated

import typer

Context = Annotated[
    str | None,
    typer.Option("--context", help="Context of the kubeconfig. Without one: a lab is started."),
]
Kubeconfig = Annotated[
    str | None, typer.Option("--kubeconfig", help="Path; default: $KUBECONFIG, ~/.kube/config.")
]
Engine = Annotated[
    str | None,
    typer.Option(
        "--engine", help="Whose reading, where engines differ by design; default: the cluster's."
    ),
]
Peers = Annotated[str | None, typer.Option("--peers", help="File that overlays the story's peers.")]
Root = Annotated[
    str | None, typer.Option("--root", help="Manifests must lie below it; default: the git top.")
]
StoryFile = Annotated[str, typer.Argument(metavar="STORY", help="A story file.")]
