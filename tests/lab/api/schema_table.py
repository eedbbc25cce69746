"""
Writes `harness/npol/api_rules/types.txt` from the API's Go types, which say it all: names,
types, what is left out when empty, how lists merge, and the numbers of the protobuf fields.

    go mod download k8s.io/api@v0.33.13 k8s.io/apimachinery@v0.33.13 \\
        k8s.io/apiextensions-apiserver@v0.33.13 k8s.io/kube-aggregator@v0.33.13
    python tests/lab/api/schema_table.py > harness/npol/api_rules/types.txt
"""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

VERSION = "v0.33.13"
META = "k8s.io/apimachinery/pkg/apis/meta/v1"
PACKAGES = {
    "k8s.io/api/core/v1": "Core",
    META: "Meta",
    "k8s.io/api/admissionregistration/v1": "Admissionregistration",
    "k8s.io/api/apps/v1": "Apps",
    "k8s.io/api/autoscaling/v2": "Autoscaling",
    "k8s.io/api/autoscaling/v1": "AutoscalingV1",
    "k8s.io/api/authentication/v1": "Authentication",
    "k8s.io/api/authorization/v1": "Authorization",
    "k8s.io/api/batch/v1": "Batch",
    "k8s.io/api/certificates/v1": "Certificates",
    "k8s.io/api/coordination/v1": "Coordination",
    "k8s.io/api/discovery/v1": "Discovery",
    "k8s.io/api/events/v1": "Events",
    "k8s.io/api/flowcontrol/v1": "Flowcontrol",
    "k8s.io/api/networking/v1": "Networking",
    "k8s.io/api/node/v1": "Node",
    "k8s.io/api/policy/v1": "Policy",
    "k8s.io/api/rbac/v1": "Rbac",
    "k8s.io/api/scheduling/v1": "Scheduling",
    "k8s.io/api/storage/v1": "Storage",
    "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1": "Apiextensions",
    "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1": "Apiregistration",
}
"""The prefix tells types apart that are called alike in several packages."""
ROOTS = (
    "Binding ClusterRole ClusterRoleBinding ConfigMap ControllerRevision CronJob "
    "CustomResourceDefinition DaemonSet DeleteOptions Deployment EndpointSlice Endpoints Event "
    "Eviction HorizontalPodAutoscaler Ingress IngressClass Job Lease LimitRange "
    "LocalSubjectAccessReview Namespace NetworkPolicy Node PersistentVolume "
    "PersistentVolumeClaim Pod PodDisruptionBudget PriorityClass ReplicaSet ResourceQuota Role "
    "RoleBinding Scale Secret SelfSubjectAccessReview SelfSubjectReview SelfSubjectRulesReview "
    "Service ServiceAccount StatefulSet StorageClass SubjectAccessReview TokenRequest TokenReview "
    "APIService CSIDriver CSINode CSIStorageCapacity CertificateSigningRequest ComponentStatus "
    "FlowSchema IPAddress MutatingWebhookConfiguration PodTemplate PriorityLevelConfiguration "
    "ReplicationController RuntimeClass ServiceCIDR ValidatingAdmissionPolicy "
    "ValidatingAdmissionPolicyBinding ValidatingWebhookConfiguration VolumeAttachment "
    "Events:Event AutoscalingV1:HorizontalPodAutoscaler"
)
SCALARS = {
    "string": "str",
    "bool": "bool",
    "int32": "int32",
    "int64": "int64",
    "float32": "number",
    "float64": "number",
    "[]byte": "bytes",
    "intstr.IntOrString": "intstr",
    "resource.Quantity": "quantity",
    "runtime.RawExtension": "any",
    "types.UID": "str",
    "Time": "time",
    "MicroTime": "microtime",
    "Duration": "str",
    "FieldsV1": "any",
    "JSON": "any",
    "JSONSchemaPropsOrArray": "any",
    "JSONSchemaPropsOrBool": "any",
    "JSONSchemaPropsOrStringArray": "any",
}
KEYS = {"ServiceSpec.ports": ("port", "protocol")}
"""What the markers of a field split over several comments say."""
FIELD = re.compile(r"^\t(\w+\s+)?([\w.*\[\]]+)\s+`json:\"([^\"]*)\"(.*)`")


@dataclass
class Field:
    type: str
    json: str
    tags: str
    markers: dict[str, list[str]]

    @property
    def name(self) -> str:
        return self.json.split(",")[0]

    @property
    def number(self) -> str:
        found = re.search(r'protobuf:"\w+,(\d+)', self.tags)
        return found[1] if found else ""


@dataclass
class Package:
    path: str
    imports: dict[str, str] = field(default_factory=dict)
    aliases: dict[str, str] = field(default_factory=dict)
    structs: dict[str, list[Field]] = field(default_factory=dict)
    atomic: set[str] = field(default_factory=set)


def directory(path: str) -> Path:
    cache = subprocess.check_output(["go", "env", "GOMODCACHE"], text=True).strip()
    module = "/".join(path.split("/")[:2])
    return Path(cache, f"{module}@{VERSION}", path.removeprefix(module).lstrip("/"))


def read(path: str) -> Package:
    package = Package(path)
    markers: dict[str, list[str]] = {}
    struct = ""
    sources = sorted(directory(path).glob("types*.go"))
    for line in "\n".join(s.read_text() for s in sources).splitlines():
        imported = re.match(r'^(?:\t|import )(\w+)? ?"([\w./-]+)"$', line)
        if imported and not struct:
            package.imports[imported[1] or imported[2].split("/")[-1]] = imported[2]
        elif marker := re.match(r"^\s*// ?\+(\w+)=(\S+)", line):
            markers.setdefault(marker[1], []).append(marker[2])
        elif opened := re.match(r"^type (\w+) struct ?{(})?", line):
            struct = "" if opened[2] else opened[1]
            package.structs[opened[1]] = []
            if "atomic" in markers.get("structType", []):
                package.atomic.add(struct)
            markers = {}
        elif named := re.match(r"^type (\w+) ([\w.\[\]]+)$", line):
            package.aliases[named[1]] = named[2]
        elif line.startswith("}"):
            struct, markers = "", {}
        elif struct and (found := FIELD.match(line)):
            package.structs[struct].append(Field(found[2], found[3], found[4], markers))
            markers = {}
        elif not line.strip().startswith("//"):
            markers = {}
    return package


class Table:
    def __init__(self) -> None:
        self.packages = {path: read(path) for path in PACKAGES}
        self.lines: dict[str, str] = {}
        self.names: dict[str, str] = {}

    def run(self) -> list[str]:
        for root in ROOTS.split():
            prefix, _, name = root.rpartition(":")
            homes = (p for p in self.packages.values() if name in p.structs)
            self.struct(next(h for h in homes if prefix in ("", PACKAGES[h.path])), name)
        return [self.lines[name] for name in sorted(self.lines)]

    def find(self, package: Package, spelled: str) -> tuple[Package, str]:
        if "." not in spelled:
            return package, spelled
        alias, name = spelled.split(".")
        return self.packages[package.imports[alias]], name

    def struct(self, package: Package, name: str) -> str:
        """The name under which a struct stands in the table; it is added where it is missing."""
        taken = self.names.get(name)
        called = name if taken in (None, package.path) else PACKAGES[package.path] + name
        if called not in self.lines:
            self.names.setdefault(name, package.path)
            self.lines[called] = ""
            fields = sorted(self.fields(package, name, ""))
            mark = "*" if name in package.atomic else ""
            self.lines[called] = f"{mark}{called}: {' '.join(fields)}"
        return called

    def fields(self, package: Package, name: str, prefix: str) -> list[str]:
        rows = []
        for f in package.structs[name]:
            if f.type.endswith("TypeMeta"):
                rows += ["apiVersion=str", "kind=str"]
            elif ",inline" in f.json:
                home, inner = self.find(package, f.type)
                rows += self.fields(home, inner, f"{prefix}{f.number}.")
            elif f.name and f.name != "-":
                rows.append(self.field(package, name, f, prefix))
        return rows

    def field(self, package: Package, owner: str, f: Field, prefix: str) -> str:
        kind = self.type(package, f.type.lstrip("*"))
        flags = "?" if f.type.startswith("*") else "" if "omitempty" in f.json else "!"
        keys = f.markers.get("listMapKey") or list(KEYS.get(f"{owner}.{f.name}", ()))
        merge = re.search(r'patchMergeKey:"(\w+)"', f.tags)
        if merge and merge[1] in keys:
            keys.remove(merge[1])
            keys.insert(0, merge[1])
        elif merge:
            keys = [merge[1]]
        if kind.startswith("[") and keys:
            kind += "@" + ",".join(keys)
        elif kind.startswith("[") and (
            'patchStrategy:"merge"' in f.tags or "set" in f.markers.get("listType", [])
        ):
            kind += "@="
        if "retainKeys" in f.tags:
            flags += "~"
        if "atomic" in f.markers.get("mapType", []) or f.name in ("nodeSelector", "selector"):
            kind = ("*" if kind.startswith("{") else "") + kind
        number = f"#{prefix}{f.number}" if f.number else ""
        return f"{f.name}{number}{flags}={kind}"

    def type(self, package: Package, spelled: str) -> str:
        if spelled in SCALARS:
            return SCALARS[spelled]
        if spelled.startswith("[]"):
            return f"[{self.type(package, spelled[2:].lstrip('*'))}]"
        mapped = re.match(r"map\[[\w.]+\](.*)", spelled)
        if mapped:
            return "{" + self.type(package, mapped[1]) + "}"
        home, name = self.find(package, spelled)
        if name in SCALARS:
            return SCALARS[name]
        if name in home.aliases:
            return self.type(home, home.aliases[name])
        return self.struct(home, name)


if __name__ == "__main__":
    print("\n".join(Table().run()))
