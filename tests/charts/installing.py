"""Charts in a lab: created as `helm template | kubectl apply` would, and looked at."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

from kubernetes import config

from tests.charts.corpus import NAMESPACE, collection, objects_of

WORKLOADS = ("deployments", "statefulsets", "daemonsets")
FIRST = ("Namespace", "CustomResourceDefinition")


class Chart:
    def __init__(self, kubeconfig: Any, name: str) -> None:
        client = config.new_client_from_config(config_file=str(kubeconfig))
        self._client = client
        self.objects = objects_of(name)
        self.namespaces = sorted({self._namespace(o) for o in self.objects})
        self.refused: dict[str, str] = {}

    @staticmethod
    def _namespace(obj: Any) -> str:
        namespace: str = obj["metadata"].get("namespace", NAMESPACE)
        return namespace

    def send(self, method: str, path: str, body: Any = None) -> Any:
        settings: Any = self._client.configuration.auth_settings().values()
        headers: dict[str, Any] = {s["key"]: s["value"] for s in settings if s["in"] == "header"}
        got = self._client.rest_client.pool_manager.request(
            method,
            self._client.configuration.host + path,
            body=None if body is None else json.dumps(body).encode(),
            headers={**headers, "Content-Type": "application/json"},
            retries=False,
        )
        answer: Any = json.loads(got.data)
        return {**answer, "http": got.status}

    def install(self) -> None:
        for name in self.namespaces:
            self.send("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
        definitions = [o for o in self.objects if o["kind"] == FIRST[1]]
        for obj in sorted(self.objects, key=lambda o: o["kind"] not in FIRST):
            where = collection(obj, definitions)
            answer: Any = (
                self.send("POST", where, obj) if where else {"http": 0, "message": "no kind"}
            )
            if answer["http"] not in (201, 409):
                self.refused[f"{obj['kind']}/{obj['metadata']['name']}"] = answer["message"]

    def remove(self) -> None:
        for obj in reversed(self.objects):
            where = collection(obj, [])
            if where and "/namespaces/" in where:
                self.send("DELETE", f"{where}/{obj['metadata']['name']}")

    def pods(self) -> list[Any]:
        return [
            pod
            for namespace in self.namespaces
            for pod in self.send("GET", f"/api/v1/namespaces/{namespace}/pods")["items"]
        ]

    def unready(self) -> list[str]:
        """Workloads that lack pods, and pods that are neither ready nor done."""
        return [*self._lacking(), *(p["metadata"]["name"] for p in self.pods() if not _fine(p))]

    def _lacking(self) -> Iterator[str]:
        for namespace in self.namespaces:
            for plural in WORKLOADS:
                path = f"/apis/apps/v1/namespaces/{namespace}/{plural}"
                for found in self.send("GET", path)["items"]:
                    status, name = found.get("status", {}), found["metadata"]["name"]
                    wanted = found["spec"].get("replicas", status.get("desiredNumberScheduled", -1))
                    if status.get("readyReplicas", status.get("numberReady", 0)) != wanted:
                        yield f"{plural}/{name}"

    def seconds_until_ready(self, within: float) -> float:
        begun = time.monotonic()
        while self.unready() and time.monotonic() - begun < within:
            time.sleep(0.05)
        return time.monotonic() - begun


def _fine(pod: Any) -> bool:
    conditions = {c["type"]: c["status"] for c in pod["status"].get("conditions") or []}
    return pod["status"]["phase"] == "Succeeded" or conditions.get("Ready") == "True"
