"""
How many functions and types one flow passes as data, from its YAML to the report.

    PYTHONPATH=harness python tools/flow_path.py              this tree
    PYTHONPATH=TREE python tools/flow_path.py harness         an older one, whose package is that
    ... --list                                                and which they are

A story of one flow is run in the lab while every function of the package is watched as it
returns. It sees the flow where an argument or the result carries it: where the flow's name, or
that of one of its peers, is reached through the fields and items of values. It hands the flow on
where both do. A type counts that lies on such a way. Classes that are no values (connections,
runs), raw Kubernetes objects and the model of the whole cluster are not looked into. The count is
a fine one, down to the functions of the YAML reader: it is there to be compared with another's.
"""

from __future__ import annotations

import argparse
import dataclasses
import importlib
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

MARK = "zq7"
DEPTH = 12
MOST_LOOKS = 100
"""Calls of one function that are looked at: a flow that comes later comes to others first."""
CLUSTER = ("ClusterState", "Inventory", "World")
APPS = """
apiVersion: v1
kind: Namespace
metadata: {name: flow-path}
---
apiVersion: v1
kind: Pod
metadata: {name: server, namespace: flow-path, labels: {app: server}}
spec:
  terminationGracePeriodSeconds: 0
  containers:
    - name: web
      image: registry.k8s.io/e2e-test-images/agnhost:2.53
      args: [netexec, --http-port=8080]
      ports: [{containerPort: 8080}]
---
apiVersion: v1
kind: Service
metadata: {name: server, namespace: flow-path}
spec: {selector: {app: server}, ports: [{port: 80, targetPort: 8080}]}
"""
POLICY = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: deny, namespace: flow-path}
spec: {podSelector: {matchLabels: {app: server}}, policyTypes: [Ingress]}
"""
STORY = f"""
version: 1
name: one flow
given: [apps.yaml]
defaults: {{timeout: 1s}}
peers:
  client-{MARK}: {{namespace: flow-path, labels: {{app: client}}}}
  server-{MARK}: {{namespace: flow-path, service: server}}
steps:
  - name: closed
    apply: [deny.yaml]
    flows: [{{from: client-{MARK}, to: server-{MARK}, port: 80, expect: deny}}]
"""


class FlowPath:
    """Watches calls, and keeps those that carry the flow."""

    def __init__(self, package: str) -> None:
        self.package = package
        self.functions: set[str] = set()
        self.handing_on: set[str] = set()
        """Those whose argument carries it, and whose result as well."""
        self.types: set[str] = set()
        self._looks: dict[CodeType, int] = {}

    def __call__(self, frame: FrameType, event: str, value: Any) -> None:
        code, module = frame.f_code, frame.f_globals.get("__name__", "")
        if event != "return" or not self._counts(module):
            return
        looks = self._looks[code] = self._looks.get(code, 0) + 1
        if code.co_name.startswith(("<", "__")) or looks > MOST_LOOKS:
            return
        count = code.co_argcount + code.co_kwonlyargcount
        passed = [frame.f_locals.get(name) for name in code.co_varnames[:count]]
        carried = [self._carries(each) for each in passed]
        gives = self._carries(value)
        if gives or any(carried):
            self.functions.add(f"{module}.{code.co_qualname}")
        if gives and any(carried):
            self.handing_on.add(f"{module}.{code.co_qualname}")

    def _counts(self, module: str) -> bool:
        return module.startswith(f"{self.package}.") and not module.startswith("harness.lab.")

    def _carries(self, value: Any, depth: int = DEPTH) -> bool:
        """Whether the flow is reached from a value; the types on the way are kept."""
        if isinstance(value, str):
            return MARK in value
        if depth == 0 or type(value).__name__ in CLUSTER:
            return False
        carried = [self._carries(part, depth - 1) for part in parts(value)]
        if not any(carried):
            return False
        kind = type(value)
        if self._counts(kind.__module__):
            self.types.add(f"{kind.__module__}.{kind.__qualname__}")
        return True


def parts(value: Any) -> Iterator[Any]:
    """What a value holds; nothing where it is no value."""
    if isinstance(value, Mapping):
        if "metadata" not in value:
            yield from (*value.keys(), *value.values())
    elif isinstance(value, tuple | list | set | frozenset):
        yield from value
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        names = [field.name for field in dataclasses.fields(value)]
        yield from (getattr(value, name) for name in names if hasattr(value, name))


def watched(package: str) -> FlowPath:
    """The way of the flow in one run of `npol run`, report file included."""
    path = FlowPath(package)
    with tempfile.TemporaryDirectory() as folder:
        story = Path(folder) / "one.npol.yaml"
        story.write_text(STORY)
        (Path(folder) / "apps.yaml").write_text(APPS)
        (Path(folder) / "deny.yaml").write_text(POLICY)
        main = importlib.import_module(f"{package}.cli").main
        sys.argv = ["npol", "run", str(story), "--report", f"{folder}/report.json"]
        threading.setprofile(path)
        sys.setprofile(path)
        try:
            main()
        except SystemExit as ended:
            if ended.code:
                raise
        finally:
            sys.setprofile(None)
            threading.setprofile(None)
    return path


def run() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("package", nargs="?", default="npol")
    parser.add_argument(
        "--list", action="store_true", help="name the functions (*: it hands on) and types"
    )
    asked = parser.parse_args()
    path = watched(asked.package)
    if asked.list:
        for name in sorted(path.functions):
            print(f"{name}{' *' if name in path.handing_on else ''}")
        print("\n".join(("", *sorted(path.types))))
    print(f"{len(path.functions)} functions see it, {len(path.handing_on)} hand it on")
    print(f"{len(path.types)} types carry it")


if __name__ == "__main__":
    run()
