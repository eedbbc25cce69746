"""`npol init`: where do I start?"""

from __future__ import annotations

import os
from typing import Annotated

import typer

from harness.cli import worlds
from harness.cli.options import Context, Kubeconfig, Root
from harness.documents import dump
from harness.errors import InputError
from harness.policy.suggest import story_data, suggest

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
        seen = worlds.of_paths([manifests], root)
    else:
        seen = worlds.of_cluster(kubeconfig, context, namespace or ())
    found = suggest(seen.world, seen.dialect)
    policies = sorted({p.origin.at.file for p in seen.world.policies if p.origin.at})
    given = [manifests] if manifests else []
    data = story_data(
        found,
        name=name,
        given=[os.path.relpath(g) for g in given],
        policies=[os.path.relpath(p) for p in policies],
    )
    typer.echo(MODELINE + HEAD + dump(data), nl=False)
    for left in found.left_out:
        typer.echo(f"# left out: {left}")
    return 0
