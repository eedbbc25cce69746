"""`npol init`: where do I start?"""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Annotated

import typer

from npol.cli import inputs
from npol.cli.options import Context, Kubeconfig, Root
from npol.errors import InputError
from npol.model.story import Manifest
from npol.policy.state.apply_changes import build
from npol.policy.state.dns import with_dns
from npol.policy.suggest.suggest import story_data, suggest
from npol.yaml_positions import dump

POLICY = "NetworkPolicy"
MODELINE = "# yaml-language-server: $schema=npol.schema.json\n"
HEAD = (
    "# A first story: the flows that the policies talk about, with predicted verdicts. Edit it.\n"
)


def init(
    manifests: Annotated[
        str | None, typer.Option("--from-manifests", metavar="DIR", help="Apps and policies.")
    ] = None,
    from_cluster: Annotated[
        bool, typer.Option("--from-cluster", help="What is applied in --context now.")
    ] = False,
    namespace: Annotated[
        list[str] | None, typer.Option("--namespace", "-n", help="Only these namespaces.")
    ] = None,
    name: Annotated[str, typer.Option("--name", help="The story's name.")] = "policies",
    context: Context = None,
    kubeconfig: Kubeconfig = None,
    root: Root = None,
) -> int:
    if bool(manifests) == from_cluster:
        raise InputError("one of --from-manifests DIR and --from-cluster is needed")
    if manifests:
        objects = inputs.manifests([manifests], root)
        seen = inputs.Inputs(world=with_dns(build(objects)))
    else:
        objects = ()
        seen = inputs.of_cluster(kubeconfig, context, namespace or ())
    found = suggest(seen.world, seen.dialect)
    policies = _files(m for m in objects if m.kind == POLICY)
    others = _files(m for m in objects if m.kind != POLICY)
    data = story_data(
        found, name=name, given=[f for f in others if f not in policies], policies=policies
    )
    typer.echo(MODELINE + HEAD + dump(data), nl=False)
    for left in found.left_out:
        typer.echo(f"# left out: {left}")
    for file in policies:
        if file in others:
            typer.echo(
                f"# left out: what stands beside policies in {file}; give it a file of its own"
            )
    return 0


def _files(objects: Iterable[Manifest]) -> list[str]:
    return sorted({os.path.relpath(m.at.file) for m in objects})
