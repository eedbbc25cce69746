"""What of the objects beside policies the platform asks, or asks the platform."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from npol.api_rules.resources import OWN_GROUPS
from npol.model.peer_selection import WORKLOADS
from npol.model.policy_kinds import other_policy_kind
from npol.policy.lint.findings import LintRule
from npol.policy.objects.entities import Pod
from npol.policy.parse.object_source import Source, items, mapping
from npol.policy.parse.parse_workloads import SCRAPE_PORT, pod, pods_of

WEBHOOKS = ("ValidatingWebhookConfiguration", "MutatingWebhookConfiguration")
SCRAPE = "prometheus.io/scrape"
HTTPS = 443
CONTROLLERS = ("HelmRelease", "HelmChart", "Application", "ApplicationSet", "Kustomization")
"""Kinds that only a controller in a cluster can render."""
OPERATORS = ("Subscription", "ClusterServiceVersion", "CustomResourceDefinition")
"""Kinds that come with an operator, which makes pods."""


@dataclass(frozen=True, slots=True)
class ServiceCall:
    """A Service that the API server calls."""

    caller: str
    """The object that says so: `ValidatingWebhookConfiguration policy`."""
    rule: LintRule
    namespace: str
    name: str
    port: int


@dataclass(frozen=True, slots=True)
class PlatformPod:
    """A pod that an object is, or that its template becomes."""

    source: Source
    pod: Pod
    detail: str | int
    """Its ServiceAccount, or the port on which it is scraped."""

    @property
    def name(self) -> str:
        return f"{self.source.kind} {self.source.name}"


@dataclass(frozen=True)
class PlatformObjects:
    """Objects beside the policies, looked through once for all of these."""

    objects: tuple[Source, ...] = ()

    @cached_property
    def incomplete(self) -> bool:
        """Whether controllers make pods of some of the objects, which no object here shows."""
        return any(source.kind in (*CONTROLLERS, *OPERATORS) for source in self.objects)

    def operated(self, namespaces: Container[str], values: Iterable[str]) -> bool:
        """Whether an operator may make pods with such labels, which its object has or is named."""
        named = set(map(_plain, values))
        return any(space in namespaces and names & named for space, names in self._custom)

    @cached_property
    def _custom(self) -> tuple[tuple[str, frozenset[str]], ...]:
        """Namespace and names of objects of kinds that are not built in: of operators."""
        return tuple(
            (source.namespace("default"), frozenset(map(_plain, _names_in(source))))
            for source in self.objects
            if source.group not in OWN_GROUPS and not other_policy_kind(source.group, source.kind)
        )

    @cached_property
    def calls(self) -> tuple[ServiceCall, ...]:
        """The Services that the API server calls."""
        return tuple(dict.fromkeys(call for source in self.objects for call in _calls(source)))

    @cached_property
    def asking(self) -> dict[str, list[PlatformPod]]:
        """Namespace -> pods whose ServiceAccount has a role bound to it."""
        bound = {account for source in self.objects for account in _bound_accounts(source)}
        found: dict[str, list[PlatformPod]] = {}
        for source in self.objects if bound else ():
            one, spec = _pod_of(source)
            account = str(spec.get("serviceAccountName") or "default")
            if one and (one.namespace, account) in bound and self._has_token(one, spec):
                found.setdefault(one.namespace, []).append(PlatformPod(source, one, account))
        return found

    def _has_token(self, one: Pod, spec: Mapping[str, Any]) -> bool:
        """Whether it can ask: the pod's own word on its token outranks its account's."""
        account = (one.namespace, one.service_account or "default")
        return spec.get("automountServiceAccountToken", account not in self._without_tokens) is True

    @cached_property
    def _without_tokens(self) -> frozenset[tuple[str, str]]:
        return frozenset(
            (source.namespace("default"), source.name)
            for source in self.objects
            if source.kind == "ServiceAccount"
            and source.body.get("automountServiceAccountToken") is False
        )

    @cached_property
    def scraped(self) -> dict[str, list[PlatformPod]]:
        """Namespace -> pods whose annotations ask to be scraped."""
        found: dict[str, list[PlatformPod]] = {}
        for source in self.objects:
            if port := _scraped_port(source):
                one, _ = _pod_of(source)
                if one:
                    found.setdefault(one.namespace, []).append(PlatformPod(source, one, port))
        return found


def _plain(name: str) -> str:
    return name.lower().replace("-", "")


def _names_in(source: Source) -> Iterator[str]:
    """Its name, its kind, and the labels that it has for what will be made of it."""
    yield from (source.name, source.kind)
    inner: list[Any] = [source.spec]
    while inner:
        value = inner.pop()
        inner += value.values() if isinstance(value, dict) else items(value)
        labels = value.get("labels") if isinstance(value, dict) else None
        yield from map(str, mapping(labels).values())


def _calls(source: Source) -> Iterator[ServiceCall]:
    caller = f"{source.kind} {source.name}"
    if source.kind in WEBHOOKS:
        for webhook in items(source.body.get("webhooks")):
            yield from _client(caller, mapping(mapping(webhook).get("clientConfig")))
    elif source.kind == "CustomResourceDefinition":
        webhook = mapping(mapping(source.spec.get("conversion")).get("webhook"))
        yield from _client(caller, mapping(webhook.get("clientConfig")))
    elif source.kind == "APIService":
        yield from _service(caller, LintRule.CUTS_AGGREGATED_API, source.spec.get("service"))


def _client(caller: str, config: Mapping[str, Any]) -> Iterator[ServiceCall]:
    yield from _service(caller, LintRule.CUTS_WEBHOOK, config.get("service"))


def _service(caller: str, rule: LintRule, service: Any) -> Iterator[ServiceCall]:
    named, port = mapping(service), mapping(service).get("port", HTTPS)
    if named.get("name") and isinstance(port, int):
        yield ServiceCall(caller, rule, str(named.get("namespace")), str(named["name"]), port)


def _bound_accounts(source: Source) -> Iterator[tuple[str, str]]:
    if source.kind not in ("RoleBinding", "ClusterRoleBinding"):
        return
    for subject in map(mapping, items(source.body.get("subjects"))):
        if subject.get("kind") == "ServiceAccount":
            namespace = str(subject.get("namespace") or source.namespace("default"))
            yield namespace, str(subject.get("name"))


def _pod_of(source: Source) -> tuple[Pod | None, Mapping[str, Any]]:
    """The pod that an object is, or that its template becomes, with its spec."""
    if source.kind == "Pod":
        return pod(source, "default"), source.spec
    if source.kind not in WORKLOADS:
        return None, {}
    spec = source.spec
    if source.kind == "CronJob":
        spec = mapping(mapping(spec.get("jobTemplate")).get("spec"))
    template = mapping(spec.get("template"))
    return next(pods_of(source, "default"), None), mapping(template.get("spec"))


def _scraped_port(source: Source) -> int:
    """0 for what does not ask to be scraped, or does not say on which port."""
    template = mapping(mapping(source.spec.get("template")).get("metadata"))
    found = mapping((source.metadata if source.kind == "Pod" else template).get("annotations"))
    port = str(found.get(SCRAPE_PORT, ""))
    wanted = str(found.get(SCRAPE, "")).lower() == "true" and port.isdecimal()
    return int(port) if wanted else 0
