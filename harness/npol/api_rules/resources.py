"""
The kinds that a lab knows: how they are called, where they are served, what can be
done with them. Kinds that a CustomResourceDefinition adds live in the registry.
"""

from __future__ import annotations

from collections.abc import Iterator
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


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiResource:
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
    stored: str = ""
    """The version in which the objects are kept, where that is another than this."""
    kept_as: str = ""
    """The name of the kind whose objects these are, where another group shows the same ones."""
    type: str = ""
    """The struct in `types.txt`, where that is not called like the kind."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "singular", self.singular or self.kind.lower())
        object.__setattr__(self, "list_kind", self.list_kind or f"{self.kind}List")

    @property
    def name(self) -> str:
        """`plural[.group]`, as in `networkpolicies.networking.k8s.io`."""
        if self.kept_as:
            return self.kept_as
        return f"{self.plural}.{self.group}" if self.group else self.plural

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version


_TABLE = """
v1
ComponentStatus componentstatuses cluster short=cs verbs=get,list
ConfigMap configmaps short=cm
Endpoints endpoints short=ep singular=endpoints deprecated
Event events short=ev
LimitRange limitranges short=limits inert
Namespace namespaces cluster short=ns sub=finalize,status \
    verbs=create,delete,get,list,patch,update,watch
Node nodes cluster short=no sub=status
PersistentVolume persistentvolumes cluster short=pv sub=status
PersistentVolumeClaim persistentvolumeclaims short=pvc sub=status
Pod pods short=po category=all \
    sub=attach,binding,ephemeralcontainers,eviction,exec,log,portforward,status
PodTemplate podtemplates
ReplicationController replicationcontrollers short=rc category=all sub=scale,status inert
ResourceQuota resourcequotas short=quota sub=status
Secret secrets
Service services short=svc category=all sub=status
ServiceAccount serviceaccounts short=sa sub=token
admissionregistration.k8s.io/v1
MutatingWebhookConfiguration mutatingwebhookconfigurations cluster category=api-extensions inert
ValidatingAdmissionPolicy validatingadmissionpolicies cluster category=api-extensions \
    sub=status inert
ValidatingAdmissionPolicyBinding validatingadmissionpolicybindings cluster \
    category=api-extensions inert
ValidatingWebhookConfiguration validatingwebhookconfigurations cluster \
    category=api-extensions inert
apiextensions.k8s.io/v1
CustomResourceDefinition customresourcedefinitions cluster short=crd,crds \
    category=api-extensions sub=status
apiregistration.k8s.io/v1
APIService apiservices cluster category=api-extensions sub=status inert
apps/v1
ControllerRevision controllerrevisions
DaemonSet daemonsets short=ds category=all sub=status
Deployment deployments short=deploy category=all sub=scale,status
ReplicaSet replicasets short=rs category=all sub=scale,status
StatefulSet statefulsets short=sts category=all sub=scale,status
authentication.k8s.io/v1
SelfSubjectReview selfsubjectreviews cluster verbs=create
TokenReview tokenreviews cluster verbs=create
authorization.k8s.io/v1
LocalSubjectAccessReview localsubjectaccessreviews verbs=create
SelfSubjectAccessReview selfsubjectaccessreviews cluster verbs=create
SelfSubjectRulesReview selfsubjectrulesreviews cluster verbs=create
SubjectAccessReview subjectaccessreviews cluster verbs=create
autoscaling/v1
HorizontalPodAutoscaler horizontalpodautoscalers short=hpa category=all sub=status inert \
    type=AutoscalingV1HorizontalPodAutoscaler stored=v2
autoscaling/v2
HorizontalPodAutoscaler horizontalpodautoscalers short=hpa category=all sub=status inert
batch/v1
CronJob cronjobs short=cj category=all sub=status inert
Job jobs category=all sub=status
certificates.k8s.io/v1
CertificateSigningRequest certificatesigningrequests cluster short=csr sub=status inert
coordination.k8s.io/v1
Lease leases
discovery.k8s.io/v1
EndpointSlice endpointslices
events.k8s.io/v1
Event events short=ev type=EventsEvent inert
flowcontrol.apiserver.k8s.io/v1
FlowSchema flowschemas cluster sub=status inert
PriorityLevelConfiguration prioritylevelconfigurations cluster sub=status inert
networking.k8s.io/v1
IPAddress ipaddresses cluster short=ip inert
Ingress ingresses short=ing sub=status
IngressClass ingressclasses cluster
NetworkPolicy networkpolicies short=netpol
ServiceCIDR servicecidrs cluster sub=status inert
node.k8s.io/v1
RuntimeClass runtimeclasses cluster
policy/v1
PodDisruptionBudget poddisruptionbudgets short=pdb sub=status inert
rbac.authorization.k8s.io/v1
ClusterRole clusterroles cluster
ClusterRoleBinding clusterrolebindings cluster
Role roles
RoleBinding rolebindings
scheduling.k8s.io/v1
PriorityClass priorityclasses cluster short=pc
storage.k8s.io/v1
CSIDriver csidrivers cluster
CSINode csinodes cluster
CSIStorageCapacity csistoragecapacities
StorageClass storageclasses cluster short=sc
VolumeAttachment volumeattachments cluster sub=status inert
"""
"""
A line for each built-in kind of 1.33, below its group and version.

Left out: `bindings`, and the ways to nodes, pods and Services through the API server's proxy.
"""
DEPRECATED = {
    "Endpoints": "v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice"
}


def _rows(table: str) -> Iterator[ApiResource]:
    group = version = ""
    for line in table.replace("\\\n", "").strip().splitlines():
        kind, *rest = line.split()
        if rest:
            yield _row(group, version, kind, *rest)
        else:
            group, _, version = kind.rpartition("/")


def _row(group: str, version: str, kind: str, plural: str, *words: str) -> ApiResource:
    given = dict(word.partition("=")[::2] for word in words)

    def listed(key: str) -> tuple[str, ...]:
        return tuple(filter(None, given.get(key, "").split(",")))

    return ApiResource(
        group=group,
        version=version,
        plural=plural,
        kind=kind,
        namespaced="cluster" not in given,
        short_names=listed("short"),
        categories=listed("category"),
        subresources=listed("sub"),
        verbs=listed("verbs") if "verbs" in given else VERBS,
        singular=given.get("singular", ""),
        deprecated=DEPRECATED[kind] if "deprecated" in given else "",
        inert="inert" in given,
        stored=given.get("stored", ""),
        type=given.get("type", ""),
    )


BUILT_IN = tuple(_rows(_TABLE))
OWN_GROUPS = frozenset(resource.group for resource in BUILT_IN)
"""The API groups of Kubernetes itself."""
RESOURCES: dict[str, ApiResource] = {r.name: r for r in BUILT_IN if not r.stored}
