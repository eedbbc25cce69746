"""The cluster, as it is now, that `plan`, `explain`, `check` and `init` look at."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from concurrent.futures import ThreadPoolExecutor

from npol import target_cluster
from npol.cli.inputs import Inputs
from npol.cli.streams import say
from npol.cni.detect import detect, gather
from npol.cni.other_policy_kinds import UnreadKind, foreign_policies, unread_words, with_unread
from npol.errors import InputError
from npol.kube.api_errors import Forbidden
from npol.kube.connection import Connection, connect
from npol.kube.inventory import READERS, read, read_templates
from npol.kube.objects import NAMESPACES, NETWORK_POLICIES
from npol.policy.objects.dialects import dialect_of
from npol.policy.state.from_inventory import cluster_state
from npol.report.escape import safe


def of_cluster(
    kubeconfig: str | None,
    context: str | None,
    namespaces: Iterable[str] = (),
    *,
    pods_to_come: bool = False,
) -> Inputs:
    """
    A cluster as it is now, with its policies of every kind; unless namespaces are named, all that
    may be read.

    `pods_to_come`: with the pods that CronJobs, Jobs and workloads of no replicas may make.

    Raises:
        InputError: no context was named.
        Refused: it may not be read.
    """
    connection = connected(kubeconfig, context)
    wanted = list(namespaces) or _readable(connection)
    found, facts = read(connection, wanted), gather(connection)
    others = foreign_policies(connection, wanted, facts.groups)
    templates = read_templates(connection, wanted) if pods_to_come else ()
    _say_unread(others.unread)
    world = with_unread(cluster_state(found, also=(*others.policies, *templates)), others.unread)
    return Inputs(world=world, dialect=dialect_of(detect(facts).name))


def _say_unread(unread: Collection[UnreadKind]) -> None:
    if unread:
        say(safe(f"npol: {unread_words(unread)}"), err=True)


def _readable(connection: Connection) -> list[str]:
    """The namespaces whose policies may be read; what is left out is said."""
    names = [n["metadata"]["name"] for n in connection.list(NAMESPACES)]
    with ThreadPoolExecutor(max_workers=READERS) as pool:
        may = list(pool.map(lambda name: _may_read(connection, name), names))
    left_out = [name for name, yes in zip(names, may, strict=True) if not yes]
    if left_out:
        text = f"npol: left out, for they may not be read: namespaces {', '.join(left_out)}"
        say(safe(text), err=True)
    return [name for name in names if name not in left_out]


def _may_read(connection: Connection, namespace: str) -> bool:
    try:
        connection.list(NETWORK_POLICIES, namespace)
    except Forbidden:
        return False
    return True


def connected(kubeconfig: str | None, context: str | None) -> Connection:
    """
    A connection that only reads.

    Raises:
        InputError: no context was named.
    """
    chosen = target_cluster.named(kubeconfig, context)
    if chosen is None:
        raise InputError("name a cluster or manifests", hint="--context NAME, or paths")
    return connect(kubeconfig=chosen.kubeconfig, context=chosen.context)
