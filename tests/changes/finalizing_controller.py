"""A controller that puts a finalizer on every policy, and frees it some time after its deletion."""

import functools
from contextlib import contextmanager

from npol_lab.registry.errors import StatusError

POLICIES = "networkpolicies.networking.k8s.io"
FINALIZER = "networking.k8s.aws/resources"


class FinalizingController:
    """Acts in the cluster's own loop; `delay` says for how many seconds it holds a policy."""

    def __init__(self, cluster, delay):
        self._cluster = cluster
        self._delay = delay

    def told(self, event, _):
        metadata = event.object["metadata"]
        if event.resource != POLICIES or str(event.type) == "DELETED":
            return
        held = FINALIZER in metadata.get("finalizers", ())
        where = metadata["namespace"], metadata["name"]
        loop = self._cluster._loop
        if not held and not metadata.get("deletionTimestamp"):
            loop.call_soon(self._set, *where, True)
        elif held and metadata.get("deletionTimestamp"):
            loop.call_later(self._delay(), self._set, *where, False)

    def adopt(self):
        """Put the finalizer on what is there already."""
        for policy in self._cluster.list(POLICIES):
            where = policy["metadata"]["namespace"], policy["metadata"]["name"]
            self._cluster._do(functools.partial(self._set, *where, True))

    def _set(self, namespace, name, held):
        found = self._cluster.store.get(POLICIES, namespace, name)
        if found is None or (not held and not found["metadata"].get("deletionTimestamp")):
            return
        rest = [f for f in found["metadata"].get("finalizers", ()) if f != FINALIZER]
        found["metadata"]["finalizers"] = [*rest, FINALIZER] if held else rest
        try:
            self._cluster.registry.update(POLICIES, found, manager="amazon-vpc-cni")
        except StatusError as error:
            if error.code != 409:
                raise


@contextmanager
def finalizing(cluster, delay):
    """While it lasts, the controller runs; at the end it lets go of everything."""
    controller = FinalizingController(cluster, delay)
    cluster.listeners.append(controller.told)
    try:
        controller.adopt()
        yield controller
    finally:
        cluster.listeners.remove(controller.told)
        release(cluster)


def release(cluster):
    """Take the finalizers off all policies that are there."""
    for policy in cluster.list(POLICIES):
        where = policy["metadata"]["namespace"], policy["metadata"]["name"]
        cluster.change(POLICIES, *where, lambda p: p["metadata"].pop("finalizers", None))
