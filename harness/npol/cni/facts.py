"""What a cluster shows of its network plugin: gathered once, then judged without I/O."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from npol.kube.api_client import Verbs
from npol.kube.api_errors import ApiError, Forbidden
from npol.kube.objects import CONFIG_MAPS, DAEMON_SETS, NODES, Object, Ref, Resource
from npol.model.engine import LAB

CONFIGS = ("amazon-vpc-cni", "cilium-config", LAB)
"""ConfigMaps in kube-system that say how an engine is set up."""

PLACES = (
    "kube-system",
    "calico-system",
    "kube-flannel",
    "openshift-ovn-kubernetes",
    "ovn-kubernetes",
)
"""Where agents live, for users who may not list DaemonSets everywhere."""

CUSTOM = (
    (Resource("operator.tigera.io", "v1", "installations", "Installation", False), "default"),
    (
        Resource("crd.projectcalico.org", "v1", "clusterinformations", "ClusterInformation", False),
        "default",
    ),
    (
        Resource("crd.projectcalico.org", "v1", "felixconfigurations", "FelixConfiguration", False),
        "default",
    ),
)
"""Custom objects that know a version or a setting."""

CILIUM_NODES = Resource("cilium.io", "v2", "ciliumnodes", "CiliumNode", False)


@dataclass(frozen=True, slots=True, kw_only=True)
class CniFacts:
    """Raw objects, and what could not be read."""

    version: str
    """The API server's gitVersion."""
    groups: frozenset[str] = frozenset()
    """API groups that are served."""
    daemon_sets: tuple[Object, ...] = ()
    config_maps: tuple[Object, ...] = ()
    custom: tuple[Object, ...] = ()
    nodes: tuple[Object, ...] = ()
    unread: tuple[str, ...] = ()
    """What we were not allowed to read."""

    def config(self, name: str) -> Mapping[str, str] | None:
        """The data of a ConfigMap of kube-system; None where there is none."""
        found = (c for c in self.config_maps if c["metadata"]["name"] == name)
        return next((c.get("data") or {} for c in found), None)

    def object(self, kind: str) -> Object:
        """The first custom object of a kind; {} where there is none."""
        return next((c for c in self.custom if c.get("kind") == kind), {})


_Read = Callable[[], Sequence[Object]]


@dataclass(slots=True)
class _FactsReader:
    """Reads what it may, and notes what it may not."""

    verbs: Verbs
    unread: list[str] = field(default_factory=list)

    def try_to(self, what: str, read: _Read) -> Sequence[Object] | None:
        try:
            return read()
        except Forbidden as error:
            if error.status == 401:
                raise
            self.unread.append(what)
        except ApiError as error:
            if error.status != 404:
                raise
        return None

    def try_all(self, looks: Sequence[tuple[str, _Read]]) -> list[Object]:
        """Side by side."""
        with ThreadPoolExecutor(max_workers=max(1, len(looks))) as pool:
            found = pool.map(lambda look: self.try_to(*look), looks)
            return [obj for objects in found for obj in objects or ()]

    def one_at(self, ref: Ref) -> _Read:
        def read() -> Sequence[Object]:
            found = self.verbs.get(ref)
            return [found] if found else []

        return read


@dataclass(frozen=True, slots=True)
class ServerFacts:
    """What the API server says of itself."""

    version: str
    """Its gitVersion."""
    groups: frozenset[str]
    """API groups that are served."""


def ask_server(verbs: Verbs) -> ServerFacts:
    """
    Raises:
        Unreachable, ApiError: the API server does not answer, or not as one.
    """
    with ThreadPoolExecutor(max_workers=1) as pool:
        groups = pool.submit(served_groups, verbs)
        version = verbs.raw("GET", "/version").get("gitVersion", "")
        return ServerFacts(str(version), groups.result())


def served_groups(verbs: Verbs) -> frozenset[str]:
    return frozenset(g["name"] for g in verbs.raw("GET", "/apis").get("groups") or ())


def gather(verbs: Verbs, server: ServerFacts | None = None) -> CniFacts:
    """
    Read all that detection looks at; missing rights are facts, too.

    `server`: what it has just said of itself; None: it is asked.

    Raises:
        Unreachable, ApiError: the API server does not answer, or not as one.
    """
    server = server or ask_server(verbs)
    readers = [_FactsReader(verbs) for _ in range(4)]
    daemons, configs, customs, others = readers
    with ThreadPoolExecutor(max_workers=len(readers)) as pool:
        daemon_sets = pool.submit(_daemon_sets, daemons)
        config_maps = pool.submit(_configs, configs)
        custom = pool.submit(_custom, customs, server.groups)
        nodes = pool.submit(others.try_to, "nodes", lambda: verbs.list(NODES))
        return CniFacts(
            version=server.version,
            groups=server.groups,
            daemon_sets=tuple(daemon_sets.result()),
            config_maps=tuple(config_maps.result()),
            custom=tuple(custom.result()),
            nodes=tuple(nodes.result() or ()),
            unread=tuple(what for reader in readers for what in reader.unread),
        )


def _daemon_sets(reader: _FactsReader) -> Sequence[Object]:
    everywhere = reader.try_to(
        "daemonsets in all namespaces", lambda: reader.verbs.list(DAEMON_SETS)
    )
    if everywhere is not None:
        return everywhere
    found: list[Object] = []
    for place in PLACES:

        def there(namespace: str = place) -> Sequence[Object]:
            return reader.verbs.list(DAEMON_SETS, namespace)

        found += reader.try_to(f"daemonsets in {place}", there) or ()
    return found


def _configs(reader: _FactsReader) -> Sequence[Object]:
    refs = [Ref(CONFIG_MAPS, "kube-system", name) for name in CONFIGS]
    return reader.try_all(
        [(f"configmap kube-system/{ref.name}", reader.one_at(ref)) for ref in refs]
    )


def _custom(reader: _FactsReader, groups: frozenset[str]) -> Sequence[Object]:
    looks = [
        (f"{resource.qualified} {name}", reader.one_at(Ref(resource, "", name)))
        for resource, name in CUSTOM
        if resource.group in groups
    ]
    if CILIUM_NODES.group in groups:
        looks.append(("ciliumnodes", lambda: reader.verbs.list(CILIUM_NODES)))
    return reader.try_all(looks)
