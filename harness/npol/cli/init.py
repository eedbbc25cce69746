"""`npol init`: where do I start?"""

from __future__ import annotations

import os
from collections.abc import Iterable

import typer

from npol.cli import inputs
from npol.cli.arguments.init import InitArguments
from npol.errors import ExitCode, InputError
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


def init(arguments: InitArguments) -> int:
    if bool(arguments.manifests) == arguments.from_cluster:
        raise InputError("one of --from-manifests DIR and --from-cluster is needed")
    if arguments.manifests:
        objects = inputs.manifests([arguments.manifests], arguments.root)
        seen = inputs.Inputs(world=with_dns(build(objects)))
    else:
        objects = ()
        seen = inputs.of_cluster(arguments.kubeconfig, arguments.context, arguments.namespace or ())
    found = suggest(seen.world, seen.dialect)
    policies = _files(m for m in objects if m.kind == POLICY)
    others = _files(m for m in objects if m.kind != POLICY)
    data = story_data(
        found,
        name=arguments.name,
        given=[f for f in others if f not in policies],
        policies=policies,
    )
    typer.echo(MODELINE + HEAD + dump(data), nl=False)
    for left in found.left_out:
        typer.echo(f"# left out: {left}")
    for file in policies:
        if file in others:
            typer.echo(
                f"# left out: what stands beside policies in {file}; give it a file of its own"
            )
    return int(ExitCode.UNKNOWN if found.left_out else ExitCode.AS_EXPECTED)


def _files(objects: Iterable[Manifest]) -> list[str]:
    return sorted({os.path.relpath(m.at.file) for m in objects})
