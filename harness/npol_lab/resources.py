"""
The kinds that a lab knows: how they are called, where they are served, what can be
done with them. Kinds that a CustomResourceDefinition adds live in the registry.
"""

from __future__ import annotations

from dataclasses import dataclass

VERBS = (
    "create",
    "delete",
    "deletecollection",
    "get",
    "list",
    "patch",
    "update",
    "watch",
)
CREATE_ONLY = ("create",)
READ_ONLY = ("get", "list", "watch")


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """One row of the table. `name` is its key everywhere in the lab."""

    group: str = ""
    version: str = "v1"
    plural: str
    kind: str
    namespaced: bool = True
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    subresources: tuple[str, ...] = ()
    verbs: tuple[str, ...] = VERBS
    singular: str = ""
    list_kind: str = ""
    custom: bool = False
    deprecated: str = ""
    """What each answer about it warns of."""
    inert: bool = False
    """Kept as data: no controller and no admission of the lab acts on it."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "singular", self.singular or self.kind.lower())
        object.__setattr__(self, "list_kind", self.list_kind or f"{self.kind}List")

    @property
    def name(self) -> str:
        """`plural[.group]`, as in `networkpolicies.networking.k8s.io`."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version


_ALL = ("all",)
_STATUS = ("status",)
_SCALE = ("scale", "status")
_RBAC = "rbac.authorization.k8s.io"

_TABLE = (
    Resource(
        plural="namespaces",
        kind="Namespace",
        namespaced=False,
        short_names=("ns",),
        subresources=("finalize", "status"),
        verbs=tuple(v for v in VERBS if v != "deletecollection"),
    ),
    Resource(
        plural="nodes", kind="Node", namespaced=False, short_names=("no",), subresources=_STATUS
    ),
    Resource(
        plural="pods",
        kind="Pod",
        short_names=("po",),
        categories=_ALL,
        subresources=(
            "attach",
            "binding",
            "ephemeralcontainers",
            "eviction",
            "exec",
            "log",
            "portforward",
            "status",
        ),
    ),
    Resource(
        plural="services",
        kind="Service",
        short_names=("svc",),
        categories=_ALL,
        subresources=_STATUS,
    ),
    Resource(
        plural="endpoints",
        kind="Endpoints",
        short_names=("ep",),
        singular="endpoints",
        deprecated="v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice",
    ),
    Resource(plural="configmaps", kind="ConfigMap", short_names=("cm",)),
    Resource(plural="secrets", kind="Secret"),
    Resource(
        plural="serviceaccounts",
        kind="ServiceAccount",
        short_names=("sa",),
        subresources=("token",),
    ),
    Resource(plural="events", kind="Event", short_names=("ev",)),
    Resource(plural="limitranges", kind="LimitRange", short_names=("limits",), inert=True),
    Resource(
        plural="resourcequotas",
        kind="ResourceQuota",
        short_names=("quota",),
        subresources=_STATUS,
    ),
    Resource(
        plural="persistentvolumeclaims",
        kind="PersistentVolumeClaim",
        short_names=("pvc",),
        subresources=_STATUS,
    ),
    Resource(
        plural="persistentvolumes",
        kind="PersistentVolume",
        namespaced=False,
        short_names=("pv",),
        subresources=_STATUS,
    ),
    Resource(
        group="apps",
        plural="deployments",
        kind="Deployment",
        short_names=("deploy",),
        categories=_ALL,
        subresources=_SCALE,
    ),
    Resource(
        group="apps",
        plural="replicasets",
        kind="ReplicaSet",
        short_names=("rs",),
        categories=_ALL,
        subresources=_SCALE,
    ),
    Resource(
        group="apps",
        plural="statefulsets",
        kind="StatefulSet",
        short_names=("sts",),
        categories=_ALL,
        subresources=_SCALE,
    ),
    Resource(
        group="apps",
        plural="daemonsets",
        kind="DaemonSet",
        short_names=("ds",),
        categories=_ALL,
        subresources=_STATUS,
    ),
    Resource(group="apps", plural="controllerrevisions", kind="ControllerRevision"),
    Resource(group="batch", plural="jobs", kind="Job", categories=_ALL, subresources=_STATUS),
    Resource(
        group="batch",
        plural="cronjobs",
        kind="CronJob",
        inert=True,
        short_names=("cj",),
        categories=_ALL,
        subresources=_STATUS,
    ),
    Resource(
        group="autoscaling",
        version="v2",
        plural="horizontalpodautoscalers",
        kind="HorizontalPodAutoscaler",
        inert=True,
        short_names=("hpa",),
        categories=_ALL,
        subresources=_STATUS,
    ),
    Resource(
        group="policy",
        plural="poddisruptionbudgets",
        kind="PodDisruptionBudget",
        inert=True,
        short_names=("pdb",),
        subresources=_STATUS,
    ),
    Resource(
        group="networking.k8s.io",
        plural="networkpolicies",
        kind="NetworkPolicy",
        short_names=("netpol",),
    ),
    Resource(
        group="networking.k8s.io",
        plural="ingresses",
        kind="Ingress",
        short_names=("ing",),
        subresources=_STATUS,
    ),
    Resource(
        group="networking.k8s.io",
        plural="ingressclasses",
        kind="IngressClass",
        namespaced=False,
    ),
    Resource(group="discovery.k8s.io", plural="endpointslices", kind="EndpointSlice"),
    Resource(group="coordination.k8s.io", plural="leases", kind="Lease"),
    Resource(
        group="scheduling.k8s.io",
        plural="priorityclasses",
        kind="PriorityClass",
        namespaced=False,
        short_names=("pc",),
    ),
    Resource(
        group="storage.k8s.io",
        plural="storageclasses",
        kind="StorageClass",
        namespaced=False,
        short_names=("sc",),
    ),
    Resource(group=_RBAC, plural="roles", kind="Role"),
    Resource(group=_RBAC, plural="rolebindings", kind="RoleBinding"),
    Resource(group=_RBAC, plural="clusterroles", kind="ClusterRole", namespaced=False),
    Resource(
        group=_RBAC, plural="clusterrolebindings", kind="ClusterRoleBinding", namespaced=False
    ),
    Resource(
        group="apiextensions.k8s.io",
        plural="customresourcedefinitions",
        kind="CustomResourceDefinition",
        namespaced=False,
        short_names=("crd", "crds"),
        categories=("api-extensions",),
        subresources=_STATUS,
    ),
    Resource(
        group="admissionregistration.k8s.io",
        plural="validatingwebhookconfigurations",
        kind="ValidatingWebhookConfiguration",
        inert=True,
        namespaced=False,
        verbs=READ_ONLY,
    ),
    Resource(
        group="admissionregistration.k8s.io",
        plural="mutatingwebhookconfigurations",
        kind="MutatingWebhookConfiguration",
        inert=True,
        namespaced=False,
        verbs=READ_ONLY,
    ),
    Resource(
        group="authentication.k8s.io",
        plural="tokenreviews",
        kind="TokenReview",
        namespaced=False,
        verbs=CREATE_ONLY,
    ),
    Resource(
        group="authentication.k8s.io",
        plural="selfsubjectreviews",
        kind="SelfSubjectReview",
        namespaced=False,
        verbs=CREATE_ONLY,
    ),
    Resource(
        group="authorization.k8s.io",
        plural="subjectaccessreviews",
        kind="SubjectAccessReview",
        namespaced=False,
        verbs=CREATE_ONLY,
    ),
    Resource(
        group="authorization.k8s.io",
        plural="localsubjectaccessreviews",
        kind="LocalSubjectAccessReview",
        verbs=CREATE_ONLY,
    ),
    Resource(
        group="authorization.k8s.io",
        plural="selfsubjectaccessreviews",
        kind="SelfSubjectAccessReview",
        namespaced=False,
        verbs=CREATE_ONLY,
    ),
    Resource(
        group="authorization.k8s.io",
        plural="selfsubjectrulesreviews",
        kind="SelfSubjectRulesReview",
        namespaced=False,
        verbs=CREATE_ONLY,
    ),
)

RESOURCES: dict[str, Resource] = {r.name: r for r in _TABLE}
