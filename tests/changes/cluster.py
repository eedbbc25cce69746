"""
A cluster without nodes: the lab's API server and the controllers that clean up, in a thread.

Tests read and edit its objects behind the API's back, so what they find does not pass
through what they test.
"""

from __future__ import annotations

import asyncio
import base64
import copy
import json
import socket
import threading
from dataclasses import dataclass

from npol.kube.connection import Mode, connect
from npol.kube.retry import RetryBudget
from npol_lab.api.certificates import issue
from npol_lab.api.connections import abort_all
from npol_lab.api.server import Api
from npol_lab.api.users import Tokens
from npol_lab.controllers.controller import Controller, key_of
from npol_lab.controllers.deployments import Deployments
from npol_lab.controllers.garbage import GarbageCollector
from npol_lab.controllers.namespaces import Namespaces, RootCertificates, ServiceAccounts
from npol_lab.controllers.replicasets import ReplicaSets
from npol_lab.registry import Registry
from npol_lab.registry.errors import StatusError
from npol_lab.store import Store

TOKEN = "administrator"
STATE = "npol-system"
CLUSTER_POLICIES = "clusternetworkpolicies.policy.networking.k8s.io"
GLOBAL_POLICIES = "globalnetworkpolicies.projectcalico.org"


@dataclass(frozen=True)
class Asked:
    """One request as the server saw it; with the journals at that moment, for a creation."""

    verb: str
    resource: str
    namespace: str
    name: str
    dry_run: bool
    chunks: tuple

    @property
    def writes(self):
        return self.verb in ("create", "update", "patch", "delete") and not self.dry_run


class Ready(Controller):
    """Pods of ReplicaSets run at once, as there is no node; those that ask for one never do."""

    watches = ("pods",)

    def touches(self, event):
        if event.object["metadata"].get("ownerReferences"):
            yield key_of("pods", event.object)

    def reconcile(self, key):
        pod = self.one(*key)
        asks = pod and pod["spec"].get("nodeSelector")
        if pod and not asks and not pod["status"].get("conditions"):
            since = pod["metadata"]["creationTimestamp"]
            ready = {"type": "Ready", "status": "True", "lastTransitionTime": since}
            status = {"phase": "Running", "conditions": [ready]}
            self.registry.update("pods", {**pod, "status": status}, subresource="status")


class Cluster:
    """Starts with namespaces `kube-system`, `default`, `shop` and `bank`."""

    def __init__(self, directory):
        self.asked = []
        self.listeners = []
        """Called with each change of an object, and the journals in the cluster before it."""
        self.kubeconfig = directory / "kubeconfig"
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._certificates = issue()

    def __enter__(self):
        self._thread.start()
        self._in_loop(self._start())
        for name in ("kube-system", "default", "shop", "bank"):
            self.edit("create", "namespaces", {"metadata": {"name": name}})
        return self

    def __exit__(self, *_):
        self._in_loop(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def connect(self, mode=Mode.APPLY, **settings):
        settings.setdefault("patience", RetryBudget(first=5, lost=5, throttled=5))
        return connect(kubeconfig=str(self.kubeconfig), context="test", mode=mode, **settings)

    # -- behind the API's back

    def get(self, resource, namespace, name):
        return self._do(lambda: self.store.get(resource, namespace or None, name))

    def list(self, resource, namespace=None):
        return self._do(lambda: self.store.list(resource, namespace))

    def edit(self, verb, resource, *args, **kwargs):
        """A call of the registry: `create`, `update`, `delete`."""
        return self._do(lambda: getattr(self.registry, verb)(resource, *args, **kwargs))

    def change(self, resource, namespace, name, change):
        """Somebody else edits an object; None where it is gone."""

        def edit():
            obj = self.store.get(resource, namespace or None, name)
            if obj is None:
                return None
            change(obj)
            return self.registry.update(resource, obj, manager="kubectl-edit")

        return self._do(edit)

    def remove(self, resource, namespace, name):
        """Somebody else deletes an object, if it is there."""

        def remove():
            try:
                self.registry.delete(resource, namespace or None, name)
            except StatusError as error:
                if error.code != 404:
                    raise

        self._do(remove)

    def faults(self, *rules):
        self._do(lambda: self.api.admin.order_faults(list(rules)))

    def policies(self, namespace=None):
        """Namespace/name -> content, of all policies."""
        found = self.list("networkpolicies.networking.k8s.io", namespace)
        return {f"{p['metadata']['namespace']}/{p['metadata']['name']}": kept(p) for p in found}

    def state(self):
        """Everything that a run may not leave otherwise than it was."""
        return {
            "policies": self.policies(),
            "namespaces": {
                n["metadata"]["name"]: n["metadata"].get("labels")
                for n in self.list("namespaces")
                if n["metadata"]["name"] != STATE
            },
            "pods": {
                f"{p['metadata']['namespace']}/{p['metadata']['name']}": p["metadata"].get("labels")
                for p in self.list("pods")
                if not p["metadata"].get("generateName")
            },
            "replicas": {
                d["metadata"]["name"]: d["spec"]["replicas"] for d in self.list("deployments.apps")
            },
            "cluster policies": {
                f"{resource}/{p['metadata']['name']}": kept(p)
                for resource in (CLUSTER_POLICIES, GLOBAL_POLICIES)
                for p in self.list(resource)
            },
            "leases": [
                le["metadata"]["namespace"] for le in self.list("leases.coordination.k8s.io")
            ],
            "journals": [
                c["metadata"]["name"]
                for c in self.list("configmaps", STATE)
                if c["metadata"]["name"] != "kube-root-ca.crt"
            ],
        }

    # -- below

    async def _start(self):
        self.store = Store()
        self.registry = Registry(self.store)
        sock = socket.create_server(("127.0.0.1", 0))
        tokens = Tokens(TOKEN, self.store)
        self.api = Api(self.registry, None, tokens, self._certificates)
        self._audit()
        await self.api.start(sock)
        self._write_kubeconfig(sock.getsockname()[1])
        parts = [ServiceAccounts(self.registry), RootCertificates(self.registry, ca="test")]
        parts += [GarbageCollector(self.registry), Namespaces(self.registry)]
        parts += [Deployments(self.registry), ReplicaSets(self.registry), Ready(self.registry)]
        self._tasks = [asyncio.create_task(part.run()) for part in parts]

    async def _stop(self):
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        # clients keep theirs open, and TLS would wait for them
        abort_all(c.transport for c in self.api._runner.server.connections)
        await self.api.stop()

    def _audit(self):
        serve, tell = self.api._serve, self.store._tell

        async def audited(call, action):
            info = call.info
            dry = "dryRun" in call.request.query
            chunks = tuple(self.store.list("configmaps", STATE)) if info.verb == "create" else ()
            place, name = info.namespace or "", info.name or ""
            self.asked.append(Asked(info.verb, info.resource, place, name, dry, chunks))
            return await serve(call, action)

        def told(event):
            for listener in self.listeners:
                listener(event, self.store.list("configmaps", STATE))
            tell(event)

        self.api._serve = audited
        self.store._tell = told

    def _write_kubeconfig(self, port):
        authority = base64.b64encode(self._certificates.authority).decode()
        server = {"server": f"https://127.0.0.1:{port}", "certificate-authority-data": authority}
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "test", "cluster": server}],
            "users": [{"name": "test", "user": {"token": TOKEN}}],
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
        }
        self.kubeconfig.write_text(json.dumps(config))
        self.kubeconfig.chmod(0o600)

    def _do(self, call):
        async def done():
            return copy.deepcopy(call())

        return self._in_loop(done())

    def _in_loop(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(20)


def kept(obj):
    """What must not change of an object, read independently of the code under test."""
    metadata = obj["metadata"]
    parts = ("labels", "annotations", "ownerReferences", "finalizers")
    return {"spec": obj.get("spec"), **{part: metadata.get(part) or None for part in parts}}


def policy(name="deny-all", namespace="shop", **spec):
    """A NetworkPolicy manifest; denies all by default."""
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"podSelector": {}, "policyTypes": ["Ingress"], **spec},
    }


def pod(name="web", namespace="shop", **labels):
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace, "labels": labels or {"app": "web"}},
        "spec": {
            "containers": [{"name": "web", "image": "docker.io/library/nginx:1.27"}],
            "terminationGracePeriodSeconds": 0,
        },
    }
