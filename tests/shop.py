"""A small story of a test's own: one server behind a Service, one policy, one namespace."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from npol.errors import NpolError
from npol.kube.connection import Connection
from npol.kube.objects import CONFIG_MAPS, LEASES, NETWORK_POLICIES, PODS
from npol.model.result import StoryReport
from npol.model.story import Story
from npol.report.seen_and_why import seen_words, why_words
from npol.run import Options, StoryRun
from npol.story import load_story

APPS = """
apiVersion: v1
kind: Namespace
metadata: {{name: {namespace}}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {{name: web, namespace: {namespace}}}
spec:
  replicas: 1
  selector: {{matchLabels: {{app: web}}}}
  template:
    metadata: {{labels: {{app: web}}}}
    spec:
      terminationGracePeriodSeconds: 0
      containers:
        - name: web
          image: registry.k8s.io/e2e-test-images/agnhost:2.53
          args: [netexec, --http-port=8080]
          ports: [{{containerPort: 8080}}]
---
apiVersion: v1
kind: Service
metadata: {{name: web, namespace: {namespace}}}
spec: {{selector: {{app: web}}, ports: [{{port: 80, targetPort: 8080}}]}}
"""
DENY = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {{name: deny, namespace: {namespace}}}
spec: {{podSelector: {{matchLabels: {{app: web}}}}, policyTypes: [Ingress]}}
"""
STORY = """
version: 1
name: {name}
given: [apps.yaml]
defaults: {defaults}
peers:
  client: {{namespace: {namespace}, labels: {{app: client}}}}
  web: {{namespace: {namespace}, service: web}}
steps:
  - name: open
    flows: [{{from: client, to: web, port: 80, expect: allow}}]
"""
DENIES = """
  - name: closed
    apply: [deny.yaml]
    flows: [{from: client, to: web, port: 80, expect: deny}]
"""


def write(
    directory: Path, namespace: str, *, steps: str = DENIES, defaults: str = "{timeout: 1s}"
) -> str:
    """The story's files; the path of the story."""
    names = {"name": namespace, "namespace": namespace, "defaults": defaults}
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "apps.yaml").write_text(APPS.format(**names))
    (directory / "deny.yaml").write_text(DENY.format(**names))
    story = directory / "shop.npol.yaml"
    story.write_text(STORY.format(**names) + steps)
    return str(story)


def read(path: str, overlay: str | None = None) -> Story:
    return load_story(path, root=str(Path(path).parent), overlay=overlay)


@contextmanager
def opened(story: Story, options: Options) -> Iterator[StoryRun]:
    """A run that is given back, whatever happens."""
    run = StoryRun(story, options)
    run.open()
    try:
        yield run
    finally:
        run.close()


def told(story: Story, options: Options) -> StoryReport:
    """A whole run's report, also of one that could not begin."""
    run = StoryRun(story, options)
    try:
        run.open()
        for step in story.steps:
            run.reach(step.name)
    except NpolError:
        pass  # the report has it
    finally:
        run.close()
    return run.report()


def wrong(report: StoryReport) -> list[str]:
    """What is not as expected, one line each."""
    failed = [r for r in report.results if not r.passed]
    return [
        f"{r.step} :: {r.name}: {r.verdict.value}, {seen_words(r)}: {why_words(r)}" for r in failed
    ]


def left(connection: Connection, run_id: str) -> list[str]:
    """Everything on the cluster that speaks of a run."""
    kinds = (PODS, LEASES, CONFIG_MAPS, NETWORK_POLICIES)
    return [
        f"{kind.plural} {found['metadata']['namespace']}/{found['metadata']['name']}"
        for kind in kinds
        for found in connection.list(kind)
        if run_id in json.dumps(found)
    ]
