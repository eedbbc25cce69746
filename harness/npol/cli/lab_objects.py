"""What `npol lab` is to hold from the beginning: what a chart or a kustomization renders to."""

from __future__ import annotations

from collections.abc import Sequence

from npol.cli.arguments.lab import LabArguments
from npol.cli.rendered import rendered, to_be_rendered
from npol.cli.streams import say
from npol.cli.typed_namespaces import typed_namespaces
from npol.errors import InputError, Mistakes
from npol.kube.connection import Mode, connect
from npol.model.change import Manifest
from npol.report.escape import safe
from npol.run.fill_cluster import fill


def lab_objects(arguments: LabArguments) -> Sequence[Manifest]:
    """
    What the options name, rendered.

    Raises:
        InputError: they contradict each other, or one is no namespace's name.
        Mistakes: it cannot be rendered, or read.
    """
    source = to_be_rendered(arguments)
    if len(typed_namespaces([arguments.namespace])) > 1:
        raise InputError("rendered objects that name no namespace go into one", hint="-n NAME")
    if source is None:
        return ()
    found = rendered(source, None, arguments.namespace)
    if found.unreadable:
        raise Mistakes(found.unreadable)
    return found.manifests


def fill_lab(kubeconfig: str, context: str, manifests: Sequence[Manifest], namespace: str) -> None:
    """Make them; what the lab does not take is said, line by line."""
    connection = connect(kubeconfig=kubeconfig, context=context, mode=Mode.APPLY)
    found = fill(connection, manifests, namespace)
    for line in found.left_out:
        say(safe(line))
    say(f"{found.made} objects are in the lab")
