"""
Requests whose answers a lab and a real API server must agree on.

Each is `(id, method, path, body)` or with a content type as fifth; `NS` in a path is a
namespace made for the purpose. They build on each other, in their order.
"""

from __future__ import annotations

from typing import Any

MERGE = "application/merge-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
JSON_PATCH = "application/json-patch+json"
APPLY = "application/apply-patch+yaml"

CORE = "/api/v1/namespaces/NS"
APPS = "/apis/apps/v1/namespaces/NS"
NET = "/apis/networking.k8s.io/v1/namespaces/NS"
STRICT = "?fieldValidation=Strict"

Request = tuple[Any, ...]


def _meta(name: str, **more: Any) -> Any:
    return {"metadata": {"name": name, **more}}


def _policy(name: str, **spec: Any) -> Any:
    head = {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy"}
    return {**head, **_meta(name), "spec": spec}


def _pod(called: str, *, pod: Any = None, labels: Any = None, **container: Any) -> Any:
    main = {"name": "main", "image": "nginx:1.27", **container}
    spec = {"containers": [main], **(pod or {})}
    head = {"apiVersion": "v1", "kind": "Pod", **_meta(called, labels=labels or {})}
    return {**head, "spec": spec}


def _service(name: str, *ports: Any, **spec: Any) -> Any:
    head = {"apiVersion": "v1", "kind": "Service", **_meta(name)}
    return {**head, "spec": {"ports": list(ports), **spec}}


def _deployment(name: str, *, container: Any = None, template: Any = None, **spec: Any) -> Any:
    labels = {"app": name}
    inner = {
        "metadata": {"labels": labels},
        "spec": {"containers": [container or {"name": "main", "image": "nginx"}]},
    }
    head = {"apiVersion": "apps/v1", "kind": "Deployment", **_meta(name)}
    body = {"selector": {"matchLabels": labels}, "template": {**inner, **(template or {})}}
    return {**head, "spec": {**body, **spec}}


def _posts(path: str, bodies: dict[str, Any]) -> list[Request]:
    return [(key, "POST", path, body) for key, body in bodies.items()]


POLICIES = _posts(
    f"{NET}/networkpolicies{STRICT}",
    {
        "policy-deny-all": _policy("deny-all", podSelector={}, policyTypes=["Ingress", "Egress"]),
        "policy-no-types": _policy("no-types", podSelector={}),
        "policy-egress-section": _policy("egress-section", podSelector={}, egress=[{}]),
        "policy-empty-egress": _policy("empty-egress", podSelector={}, egress=[]),
        "policy-no-selector": _policy("no-selector", ingress=[{}]),
        "policy-full": _policy(
            "full",
            podSelector={"matchExpressions": [{"key": "a", "operator": "In", "values": ["b"]}]},
            ingress=[
                {
                    "from": [
                        {"podSelector": {}, "namespaceSelector": {"matchLabels": {"x": "y"}}},
                        {"ipBlock": {"cidr": "10.0.0.0/8", "except": ["10.1.0.0/16"]}},
                    ],
                    "ports": [
                        {"port": 80},
                        {"port": "http", "protocol": "UDP"},
                        {"port": 1000, "endPort": 2000},
                        {"protocol": "SCTP"},
                        {},
                    ],
                }
            ],
            egress=[{"to": [], "ports": []}],
        ),
        "policy-bad-ports": _policy(
            "bad-ports",
            podSelector={},
            ingress=[
                {
                    "ports": [
                        {"port": 0},
                        {"port": 70000},
                        {"port": "UPPER_case-name-too-long"},
                        {"port": "80"},
                        {"port": 90, "endPort": 80},
                        {"port": 90, "endPort": 80000},
                        {"port": "http", "endPort": 80},
                        {"endPort": 80},
                        {"port": 80, "protocol": "ICMP"},
                    ]
                }
            ],
        ),
        "policy-bad-peers": _policy(
            "bad-peers",
            podSelector={},
            ingress=[
                {
                    "from": [
                        {},
                        {"podSelector": {}, "ipBlock": {"cidr": "10.0.0.0/8"}},
                        {"ipBlock": {"cidr": "10.0.0.0"}},
                        {"ipBlock": {"cidr": ""}},
                        {"ipBlock": {"cidr": "10.0.0.0/8", "except": ["11.0.0.0/8", "x"]}},
                        {"ipBlock": {"cidr": "10.0.0.0/8", "except": ["10.0.0.0/8"]}},
                        {"ipBlock": {"cidr": "10.0.0.5/8"}},
                        {"ipBlock": {"cidr": "::/0", "except": ["10.0.0.0/8"]}},
                    ]
                }
            ],
        ),
        "policy-bad-selectors": _policy(
            "bad-selectors",
            podSelector={
                "matchLabels": {"bad key!": "v", "ok": "bad value!", "a/b/c": "v", "/x": "v"},
                "matchExpressions": [
                    {"key": "a", "operator": "In"},
                    {"key": "a", "operator": "Exists", "values": ["x"]},
                    {"key": "a", "operator": "Is", "values": ["x"]},
                    {"key": "", "operator": "NotIn", "values": ["x y"]},
                ],
            },
        ),
        "policy-bad-types": _policy("bad-types", podSelector={}, policyTypes=["Ingres"]),
        "policy-many-types": _policy(
            "many-types", podSelector={}, policyTypes=["Ingress", "Egress", "Ingress"]
        ),
        "policy-bad-name": _policy("Bad_Name", podSelector={}),
        "policy-unknown-fields": _policy(
            "unknown", podselector={}, ingress=[{"form": [], "ports": [{"prot": 1}]}]
        ),
        "policy-wrong-type": _policy("wrong", podSelector={}, ingress={}),
        "policy-wrong-port-type": _policy(
            "wrong", podSelector={}, ingress=[{"ports": [{"port": True}]}]
        ),
        "policy-wrong-label-type": _policy("wrong", podSelector={"matchLabels": {"a": 1}}),
        "policy-wrong-end-port": _policy(
            "wrong", podSelector={}, ingress=[{"ports": [{"port": 1, "endPort": "2"}]}]
        ),
        "policy-null-fields": _policy("nulls", podSelector=None, ingress=None, policyTypes=None),
        "policy-again": _policy("deny-all", podSelector={}),
        "policy-with-version": {**_policy("v"), "metadata": {"name": "v", "resourceVersion": "1"}},
        "policy-with-status": {**_policy("status-given"), "status": {"x": 1}},
        "policy-other-namespace": {
            **_policy("ns"),
            "metadata": {"name": "ns", "namespace": "other"},
        },
        "policy-other-version": {**_policy("v"), "apiVersion": "networking.k8s.io/v1beta1"},
        "policy-no-name": {**_policy("v"), "metadata": {}},
    },
)
SERVICES = _posts(
    f"{CORE}/services{STRICT}",
    {
        "service-plain": _service("plain", {"port": 80}),
        "service-named-target": _service(
            "named", {"port": 80, "targetPort": "http", "name": "web"}, selector={"a": "b"}
        ),
        "service-headless": _service("headless", clusterIP="None", selector={"a": "b"}),
        "service-headless-no-selector": _service("headless-bare", {"port": 1}, clusterIP="None"),
        "service-external-name": _service("external", type="ExternalName", externalName="a.b.c"),
        "service-node-port": _service("node-port", {"port": 80}, type="NodePort"),
        "service-node-port-fixed": _service(
            "node-port-fixed", {"port": 80, "nodePort": 30123}, type="NodePort"
        ),
        "service-node-port-taken": _service(
            "taken", {"port": 80, "nodePort": 30123}, type="NodePort"
        ),
        "service-node-port-outside": _service(
            "outside", {"port": 80, "nodePort": 80}, type="NodePort"
        ),
        "service-load-balancer": _service("balancer", {"port": 80}, type="LoadBalancer"),
        "service-affinity": _service("affinity", {"port": 80}, sessionAffinity="ClientIP"),
        "service-fixed-ip": _service("fixed", {"port": 80}, clusterIP="10.96.77.7"),
        "service-taken-ip": _service("taken-ip", {"port": 80}, clusterIP="10.96.77.7"),
        "service-outside-ip": _service("outside-ip", {"port": 80}, clusterIP="10.1.1.1"),
        "service-bad-ip": _service("bad-ip", {"port": 80}, clusterIP="nonsense"),
        "service-no-ports": _service("no-ports"),
        "service-two-unnamed": _service("two", {"port": 80}, {"port": 81}),
        "service-same-port": _service("same", {"port": 80, "name": "a"}, {"port": 80, "name": "a"}),
        "service-same-port-two-protocols": _service(
            "dns", {"port": 53, "name": "a", "protocol": "UDP"}, {"port": 53, "name": "b"}
        ),
        "service-bad-ports": _service(
            "bad-ports", {"port": 0, "name": "a"}, {"port": 80, "name": "B", "protocol": "X"}
        ),
        "service-bad-target": _service("bad-target", {"port": 80, "targetPort": "Bad Name"}),
        "service-bad-type": _service("bad-type", {"port": 80}, type="Nonsense"),
        "service-bad-name": _service("1bad", {"port": 80}),
        "service-cluster-with-node-port": _service("c", {"port": 80, "nodePort": 30001}),
        "service-headless-node-port": _service(
            "h", {"port": 80}, type="NodePort", clusterIP="None"
        ),
        "service-external-without-name": _service("e", type="ExternalName"),
        "service-dual": _service("dual", {"port": 80}, ipFamilyPolicy="PreferDualStack"),
    },
)
PODS = _posts(
    f"{CORE}/pods{STRICT}",
    {
        "pod-plain": _pod("plain"),
        "pod-latest": _pod("latest", image="nginx", pod={"automountServiceAccountToken": False}),
        "pod-digest": _pod("digest", image="nginx@sha256:" + "a" * 64),
        "pod-registry-port": _pod("registry", image="localhost:5000/nginx"),
        "pod-probes": _pod(
            "probes",
            ports=[{"containerPort": 80, "name": "http"}, {"containerPort": 53, "protocol": "UDP"}],
            readinessProbe={"httpGet": {"port": "http"}, "periodSeconds": 1},
            livenessProbe={"tcpSocket": {"port": 80}},
            startupProbe={"exec": {"command": ["true"]}, "initialDelaySeconds": 0},
        ),
        "pod-resources": _pod(
            "resources",
            resources={"limits": {"cpu": "0.5", "memory": "1024Mi"}, "requests": {"cpu": "100m"}},
        ),
        "pod-guaranteed": _pod("guaranteed", resources={"limits": {"cpu": 1, "memory": "1.5Gi"}}),
        "pod-env": _pod(
            "env",
            env=[
                {"name": "A", "value": ""},
                {"name": "B", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
                {"name": "C", "valueFrom": {"configMapKeyRef": {"name": "x", "key": "y"}}},
            ],
            envFrom=[{"configMapRef": {"name": "x", "optional": True}}],
        ),
        "pod-volumes": _pod(
            "volumes",
            pod={
                "volumes": [
                    {"name": "empty"},
                    {"name": "scratch", "emptyDir": {"medium": "Memory", "sizeLimit": "1024Ki"}},
                    {"name": "config", "configMap": {"name": "x"}},
                    {"name": "secret", "secret": {"secretName": "x"}},
                    {
                        "name": "info",
                        "downwardAPI": {
                            "items": [{"path": "a", "fieldRef": {"fieldPath": "metadata.name"}}]
                        },
                    },
                ]
            },
            volumeMounts=[{"name": "config", "mountPath": "/etc/x"}],
        ),
        "pod-init": _pod(
            "init",
            pod={
                "initContainers": [
                    {"name": "first", "image": "busybox:1"},
                    {"name": "side", "image": "busybox:1", "restartPolicy": "Always"},
                ],
                "restartPolicy": "Never",
            },
        ),
        "pod-host-network": _pod("host", ports=[{"containerPort": 80}], pod={"hostNetwork": True}),
        "pod-security": _pod(
            "security",
            securityContext={
                "allowPrivilegeEscalation": False,
                "capabilities": {"drop": ["ALL"]},
                "readOnlyRootFilesystem": True,
            },
            pod={
                "securityContext": {
                    "runAsNonRoot": True,
                    "runAsUser": 1000,
                    "seccompProfile": {"type": "RuntimeDefault"},
                },
                "terminationGracePeriodSeconds": 0,
                "readinessGates": [{"conditionType": "npol.dev/never"}],
                "activeDeadlineSeconds": 60,
            },
        ),
        "pod-tolerations": _pod(
            "tolerations",
            pod={
                "tolerations": [
                    {"operator": "Exists"},
                    {"key": "a", "value": "b", "effect": "NoSchedule"},
                ]
            },
        ),
        "pod-scheduled": _pod(
            "scheduled",
            pod={
                "nodeSelector": {"a": "b"},
                "affinity": {
                    "nodeAffinity": {
                        "requiredDuringSchedulingIgnoredDuringExecution": {
                            "nodeSelectorTerms": [
                                {"matchExpressions": [{"key": "a", "operator": "Exists"}]}
                            ]
                        }
                    }
                },
                "dnsPolicy": "None",
                "dnsConfig": {"nameservers": ["10.0.0.1"]},
                "hostname": "h",
                "subdomain": "s",
                "enableServiceLinks": False,
            },
        ),
        "pod-lifecycle": _pod(
            "lifecycle",
            lifecycle={"preStop": {"httpGet": {"port": 80}}},
            command=["sh", "-c"],
            args=["sleep 1"],
            tty=True,
            stdin=True,
            workingDir="/tmp",
        ),
        "pod-no-containers": _pod("none", pod={"containers": []}),
        "pod-no-image": _pod("no-image", image=""),
        "pod-bad-container-name": _pod("bad-container", name="Bad_Name"),
        "pod-duplicate-names": _pod(
            "twins",
            pod={"containers": [{"name": "a", "image": "x"}, {"name": "a", "image": "y"}]},
        ),
        "pod-bad-ports": _pod(
            "bad-ports",
            ports=[
                {"containerPort": 0},
                {"containerPort": 70000, "protocol": "X"},
                {"containerPort": 1, "name": "http"},
                {"containerPort": 2, "name": "http"},
                {"containerPort": 3, "name": "a--b"},
            ],
        ),
        "pod-bad-mount": _pod("bad-mount", volumeMounts=[{"name": "nope", "mountPath": "/x"}]),
        "pod-bad-probe": _pod(
            "bad-probe",
            livenessProbe={"httpGet": {"port": 80}, "successThreshold": 2},
            readinessProbe={},
            startupProbe={"httpGet": {"port": 80}, "tcpSocket": {"port": 80}},
        ),
        "pod-bad-policies": _pod(
            "bad-policies",
            imagePullPolicy="Sometimes",
            pod={"restartPolicy": "Maybe", "dnsPolicy": "Other"},
        ),
        "pod-bad-resources": _pod(
            "bad-resources",
            resources={"limits": {"cpu": "1"}, "requests": {"cpu": "2", "speed": "1"}},
        ),
        "pod-bad-quantity": _pod("bad-quantity", resources={"limits": {"cpu": "many"}}),
        "pod-bad-labels": _pod("bad-labels", labels={"a b": "c d"}),
        "pod-bad-env": _pod(
            "bad-env",
            env=[
                {"name": ""},
                {"name": "a=b"},
                {
                    "name": "X",
                    "value": "1",
                    "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}},
                },
                {"name": "Y", "valueFrom": {}},
            ],
        ),
        "pod-bad-account": _pod("bad-account", pod={"serviceAccountName": "nobody"}),
        "pod-bad-tolerations": _pod(
            "bad-tolerations",
            pod={
                "tolerations": [
                    {"value": "x"},
                    {"key": "a", "operator": "Exists", "value": "x"},
                    {"key": "a", "effect": "NoSchedule", "tolerationSeconds": 3},
                    {"key": "a", "effect": "Never"},
                ]
            },
        ),
        "pod-unknown-field": _pod("unknown", pod={"containerz": [], "nodename": "x"}),
        "pod-generate-name": {**_pod("x"), "metadata": {"generateName": "gen-"}},
        "pod-bad-generate-name": {**_pod("x"), "metadata": {"generateName": "Gen_"}},
        "pod-no-priority-class": _pod("priority", pod={"priorityClassName": "nope"}),
        "pod-priority-class": _pod("critical", pod={"priorityClassName": "system-node-critical"}),
    },
)
WORKLOADS = [
    *_posts(
        f"{APPS}/deployments{STRICT}",
        {
            "deployment-plain": _deployment("plain"),
            "deployment-recreate": _deployment("recreate", strategy={"type": "Recreate"}),
            "deployment-numbers": _deployment(
                "numbers",
                replicas=0,
                strategy={"rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}},
            ),
            "deployment-limits": _deployment(
                "limits",
                container={
                    "name": "main",
                    "image": "a:1",
                    "resources": {"limits": {"cpu": "1000m"}},
                    "ports": [{"containerPort": 80}],
                },
            ),
            "deployment-no-selector": {
                **_deployment("x"),
                "spec": {"template": _deployment("x")["spec"]["template"]},
            },
            "deployment-empty-selector": _deployment("empty", selector={}),
            "deployment-other-labels": _deployment("other", selector={"matchLabels": {"a": "b"}}),
            "deployment-negative": _deployment("negative", replicas=-1),
            "deployment-bad-strategy": _deployment("strategy", strategy={"type": "Blue"}),
            "deployment-zero-strategy": _deployment(
                "zero", strategy={"rollingUpdate": {"maxSurge": 0, "maxUnavailable": 0}}
            ),
            "deployment-recreate-rolling": _deployment(
                "both", strategy={"type": "Recreate", "rollingUpdate": {"maxSurge": 1}}
            ),
            "deployment-never": _deployment(
                "never",
                template={
                    "metadata": {"labels": {"app": "never"}},
                    "spec": {
                        "restartPolicy": "Never",
                        "containers": [{"name": "a", "image": "b"}],
                    },
                },
            ),
            "deployment-no-containers": _deployment(
                "bare", template={"metadata": {"labels": {"app": "bare"}}, "spec": {}}
            ),
            "deployment-wrong-type": _deployment("wrong", replicas="two"),
        },
    ),
    *_posts(
        f"{APPS}/replicasets{STRICT}",
        {
            "replicaset-plain": {**_deployment("rs"), "kind": "ReplicaSet"},
            "replicaset-other-labels": {
                **_deployment("rs2", selector={"matchLabels": {"a": "b"}}),
                "kind": "ReplicaSet",
            },
        },
    ),
    *_posts(
        f"{APPS}/daemonsets{STRICT}",
        {"daemonset-plain": {**_deployment("ds"), "kind": "DaemonSet"}},
    ),
    *_posts(
        f"{APPS}/statefulsets{STRICT}",
        {"statefulset-plain": {**_deployment("sts"), "kind": "StatefulSet"}},
    ),
    *_posts(
        f"/apis/batch/v1/namespaces/NS/jobs{STRICT}",
        {
            "job-plain": {
                **_meta("job"),
                "spec": {
                    "template": {
                        "spec": {
                            "restartPolicy": "Never",
                            "containers": [{"name": "a", "image": "b"}],
                        }
                    }
                },
            },
            "job-labels": {
                **_meta("job3"),
                "spec": {
                    "template": {
                        "metadata": {"labels": {"a": "b"}},
                        "spec": {
                            "restartPolicy": "OnFailure",
                            "containers": [{"name": "a", "image": "b"}],
                        },
                    }
                },
            },
            "job-always": {
                **_meta("job2"),
                "spec": {"template": {"spec": {"containers": [{"name": "a", "image": "b"}]}}},
            },
        },
    ),
]
OTHERS = [
    *_posts(
        f"{CORE}/configmaps{STRICT}",
        {
            "configmap-plain": {**_meta("plain"), "data": {"a": "1"}},
            "configmap-empty": _meta("empty"),
            "configmap-bad-key": {**_meta("bad"), "data": {"a b": "1", "..": "x"}},
            "configmap-number": {**_meta("number"), "data": {"a": 1}},
            "configmap-immutable": {**_meta("fixed"), "data": {"a": "1"}, "immutable": True},
            "configmap-both": {**_meta("both"), "data": {"a": "1"}, "binaryData": {"a": "MQ=="}},
            "configmap-bad-base64": {**_meta("b64"), "binaryData": {"a": "!!!"}},
            "configmap-bad-annotation": _meta("ann", annotations={"a b": "c"}),
            "configmap-bad-owner": _meta("own", ownerReferences=[{"kind": "Pod"}]),
            "configmap-bad-finalizer": _meta("fin", finalizers=["x y"]),
        },
    ),
    *_posts(
        f"{CORE}/secrets{STRICT}",
        {
            "secret-plain": {**_meta("plain"), "stringData": {"a": "1"}, "data": {"b": "Mg=="}},
            "secret-bad": {**_meta("bad"), "data": {"b": "nope!"}},
        },
    ),
    *_posts(f"{CORE}/serviceaccounts{STRICT}", {"account-plain": _meta("robot")}),
    *_posts(
        f"{NET}/ingresses{STRICT}",
        {
            "ingress-plain": {
                **_meta("plain"),
                "spec": {
                    "ingressClassName": "nginx",
                    "rules": [
                        {
                            "host": "a.example",
                            "http": {
                                "paths": [
                                    {
                                        "path": "/",
                                        "pathType": "Prefix",
                                        "backend": {
                                            "service": {"name": "x", "port": {"number": 80}}
                                        },
                                    }
                                ]
                            },
                        }
                    ],
                },
            },
            "ingress-empty": {**_meta("empty"), "spec": {}},
            "ingress-bad": {
                **_meta("bad"),
                "spec": {
                    "rules": [
                        {"host": "1.2.3.4"},
                        {"host": "*.x*", "http": {"paths": []}},
                        {
                            "http": {
                                "paths": [
                                    {"path": "/", "backend": {}},
                                    {"path": "x", "pathType": "Exact", "backend": {}},
                                    {
                                        "path": "/a//b/..",
                                        "pathType": "Prefix",
                                        "backend": {"service": {"name": "X", "port": {}}},
                                    },
                                    {
                                        "path": "/",
                                        "pathType": "Other",
                                        "backend": {
                                            "service": {
                                                "name": "x",
                                                "port": {"name": "a", "number": 1},
                                            }
                                        },
                                    },
                                ]
                            }
                        },
                    ]
                },
            },
        },
    ),
    *_posts(
        f"/apis/coordination.k8s.io/v1/namespaces/NS/leases{STRICT}",
        {
            "lease-plain": {
                **_meta("plain"),
                "spec": {
                    "holderIdentity": "me",
                    "leaseDurationSeconds": 30,
                    "acquireTime": "2026-01-01T00:00:00.000000Z",
                    "renewTime": "2026-01-01T00:00:00.123456Z",
                },
            },
            "lease-bad": {**_meta("bad"), "spec": {"leaseDurationSeconds": 0}},
            "lease-bad-time": {**_meta("bad"), "spec": {"renewTime": "yesterday"}},
        },
    ),
    *_posts(
        f"/apis/discovery.k8s.io/v1/namespaces/NS/endpointslices{STRICT}",
        {
            "slice-plain": {
                **_meta("plain"),
                "addressType": "IPv4",
                "endpoints": [{"addresses": ["10.0.0.1"], "conditions": {"ready": True}}],
                "ports": [{"port": 80}],
            },
            "slice-bad": {**_meta("bad"), "addressType": "X", "endpoints": [{"addresses": []}]},
        },
    ),
    *_posts(
        "/apis/rbac.authorization.k8s.io/v1/namespaces/NS/roles",
        {
            "role-plain": {
                **_meta("plain"),
                "rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}],
            },
            "role-bad": {**_meta("bad"), "rules": [{"apiGroups": [""]}]},
        },
    ),
    *_posts(
        "/apis/rbac.authorization.k8s.io/v1/namespaces/NS/rolebindings",
        {
            "binding-plain": {
                **_meta("plain"),
                "roleRef": {"kind": "Role", "name": "plain"},
                "subjects": [
                    {"kind": "User", "name": "u"},
                    {"kind": "ServiceAccount", "name": "s"},
                ],
            },
        },
    ),
]
MISSING: list[Request] = [
    ("get-missing", "GET", f"{CORE}/pods/nope", None),
    ("get-missing-group", "GET", f"{NET}/networkpolicies/nope", None),
    ("put-missing", "PUT", f"{NET}/networkpolicies/nope", _policy("nope", podSelector={})),
    ("delete-missing", "DELETE", f"{NET}/networkpolicies/nope", None),
    ("patch-missing", "PATCH", f"{NET}/networkpolicies/nope", {}, MERGE),
    ("unknown-resource", "GET", f"{CORE}/nonsense", None),
    ("unknown-group", "GET", "/apis/nonsense.example/v1/things", None),
    ("create-in-missing-namespace", "POST", "/api/v1/namespaces/nope/configmaps", _meta("x")),
    ("create-nothing", "POST", f"{CORE}/configmaps", b""),
    ("create-nonsense", "POST", f"{CORE}/configmaps", b"{nonsense"),
    ("post-to-object", "POST", f"{CORE}/configmaps/plain", _meta("plain")),
    ("bad-label-selector", "GET", f"{CORE}/pods?labelSelector=a%20b", None),
    ("bad-field-selector", "GET", f"{CORE}/pods?fieldSelector=spec.x%3Dy", None),
    ("bad-field-selector-plain", "GET", f"{CORE}/configmaps?fieldSelector=data.a%3Dy", None),
    ("bad-dry-run", "POST", f"{CORE}/configmaps?dryRun=Some", _meta("x")),
    ("bad-validation", "POST", f"{CORE}/configmaps?fieldValidation=Maybe", _meta("x")),
    (
        "duplicate-field",
        "POST",
        f"{CORE}/configmaps{STRICT}",
        b'{"metadata":{"name":"d"},"data":{"a":"1","a":"2"},"data":{}}',
    ),
    ("yaml-body", "POST", f"{CORE}/configmaps", b"metadata: {name: yaml}\n", "application/yaml"),
    ("text-body", "POST", f"{CORE}/configmaps", b"x", "text/plain"),
]
UPDATES: list[Request] = [
    (
        "put-without-version",
        "PUT",
        f"{NET}/networkpolicies/deny-all",
        _policy("deny-all", podSelector={"matchLabels": {"a": "b"}}),
    ),
    (
        "put-old-version",
        "PUT",
        f"{NET}/networkpolicies/deny-all",
        {
            **_policy("deny-all", podSelector={}),
            "metadata": {"name": "deny-all", "resourceVersion": "1"},
        },
    ),
    (
        "put-other-uid",
        "PUT",
        f"{NET}/networkpolicies/deny-all",
        {**_policy("deny-all", podSelector={}), "metadata": {"name": "deny-all", "uid": "x"}},
    ),
    ("put-other-name", "PUT", f"{NET}/networkpolicies/deny-all", _policy("x", podSelector={})),
    (
        "put-lease-without-version",
        "PUT",
        "/apis/coordination.k8s.io/v1/namespaces/NS/leases/plain",
        _meta("plain"),
    ),
    (
        "merge-policy",
        "PATCH",
        f"{NET}/networkpolicies/deny-all",
        {"metadata": {"labels": {"x": "y"}}, "spec": {"ingress": [{}]}},
        MERGE,
    ),
    (
        "merge-nothing",
        "PATCH",
        f"{NET}/networkpolicies/deny-all",
        {"metadata": {"labels": {"x": "y"}}},
        MERGE,
    ),
    (
        "merge-unknown",
        "PATCH",
        f"{NET}/networkpolicies/deny-all{STRICT}",
        {"spec": {"podselector": {}}},
        MERGE,
    ),
    (
        "merge-old-version",
        "PATCH",
        f"{NET}/networkpolicies/deny-all",
        {"metadata": {"resourceVersion": "1"}},
        MERGE,
    ),
    (
        "strategic-unknown",
        "PATCH",
        f"{NET}/networkpolicies/deny-all{STRICT}",
        {"spec": {"podselector": {"matchLabels": {"a": "b"}}}},
        STRATEGIC,
    ),
    (
        "json-patch",
        "PATCH",
        f"{NET}/networkpolicies/deny-all",
        [{"op": "add", "path": "/metadata/labels/z", "value": "1"}],
        JSON_PATCH,
    ),
    (
        "json-patch-test-fails",
        "PATCH",
        f"{NET}/networkpolicies/deny-all",
        [{"op": "test", "path": "/metadata/labels/z", "value": "2"}],
        JSON_PATCH,
    ),
    (
        "json-patch-missing",
        "PATCH",
        f"{NET}/networkpolicies/deny-all",
        [{"op": "remove", "path": "/metadata/labels/q"}],
        JSON_PATCH,
    ),
    ("json-patch-object", "PATCH", f"{NET}/networkpolicies/deny-all", {}, JSON_PATCH),
    ("patch-bad-type", "PATCH", f"{NET}/networkpolicies/deny-all", {}, "application/json"),
    (
        "strategic-add-container",
        "PATCH",
        f"{APPS}/deployments/plain",
        {"spec": {"template": {"spec": {"containers": [{"name": "side", "image": "b:1"}]}}}},
        STRATEGIC,
    ),
    (
        "strategic-change-image",
        "PATCH",
        f"{APPS}/deployments/plain",
        {"spec": {"template": {"spec": {"containers": [{"name": "side", "image": "b:2"}]}}}},
        STRATEGIC,
    ),
    (
        "strategic-order",
        "PATCH",
        f"{APPS}/deployments/plain",
        {
            "spec": {
                "template": {
                    "spec": {
                        "$setElementOrder/containers": [{"name": "side"}, {"name": "main"}],
                    }
                }
            }
        },
        STRATEGIC,
    ),
    (
        "strategic-delete-container",
        "PATCH",
        f"{APPS}/deployments/plain",
        {"spec": {"template": {"spec": {"containers": [{"name": "side", "$patch": "delete"}]}}}},
        STRATEGIC,
    ),
    (
        "strategic-retain-keys",
        "PATCH",
        f"{APPS}/deployments/plain",
        {"spec": {"strategy": {"$retainKeys": ["type"], "type": "Recreate"}}},
        STRATEGIC,
    ),
    (
        "deployment-selector-changed",
        "PATCH",
        f"{APPS}/deployments/plain",
        {"spec": {"selector": {"matchLabels": {"b": "c"}}}},
        MERGE,
    ),
    (
        "deployment-status",
        "PATCH",
        f"{APPS}/deployments/plain/status",
        {"status": {"replicas": 3}, "spec": {"replicas": 9}},
        MERGE,
    ),
    (
        "deployment-status-ignored",
        "PATCH",
        f"{APPS}/deployments/plain",
        {"status": {"replicas": 7}},
        MERGE,
    ),
    ("scale-get", "GET", f"{APPS}/deployments/plain/scale", None),
    ("scale-patch", "PATCH", f"{APPS}/deployments/plain/scale", {"spec": {"replicas": 4}}, MERGE),
    (
        "scale-negative",
        "PATCH",
        f"{APPS}/deployments/plain/scale",
        {"spec": {"replicas": -4}},
        MERGE,
    ),
    (
        "pod-label",
        "PATCH",
        f"{CORE}/pods/plain",
        {"metadata": {"labels": {"a": "b"}, "annotations": {"c": "d"}}},
        MERGE,
    ),
    (
        "pod-image",
        "PATCH",
        f"{CORE}/pods/plain",
        {"spec": {"containers": [{"name": "main", "image": "nginx:2"}]}},
        STRATEGIC,
    ),
    (
        "pod-add-container",
        "PATCH",
        f"{CORE}/pods/plain",
        {"spec": {"containers": [{"name": "more", "image": "nginx:2"}]}},
        STRATEGIC,
    ),
    (
        "pod-status",
        "PATCH",
        f"{CORE}/pods/plain/status",
        {"status": {"phase": "Running", "podIP": "10.0.0.1", "podIPs": [{"ip": "10.0.0.1"}]}},
        MERGE,
    ),
    (
        "service-ip-changed",
        "PATCH",
        f"{CORE}/services/fixed",
        {"spec": {"clusterIP": "10.96.77.8"}},
        MERGE,
    ),
    (
        "service-to-node-port",
        "PATCH",
        f"{CORE}/services/fixed",
        {"spec": {"type": "NodePort"}},
        MERGE,
    ),
    (
        "service-to-cluster-ip",
        "PATCH",
        f"{CORE}/services/fixed",
        {"spec": {"type": "ClusterIP"}},
        MERGE,
    ),
    (
        "service-put",
        "PUT",
        f"{CORE}/services/fixed",
        {**_service("fixed", {"port": 81}), "metadata": {"name": "fixed"}},
    ),
    (
        "service-to-external",
        "PATCH",
        f"{CORE}/services/fixed",
        {"spec": {"type": "ExternalName", "externalName": "a.b"}},
        MERGE,
    ),
    (
        "configmap-immutable-change",
        "PATCH",
        f"{CORE}/configmaps/fixed",
        {"data": {"a": "2"}},
        MERGE,
    ),
    (
        "binding-role-changed",
        "PATCH",
        "/apis/rbac.authorization.k8s.io/v1/namespaces/NS/rolebindings/plain",
        {"roleRef": {"name": "other"}},
        MERGE,
    ),
]
_ALICE = f"{NET}/networkpolicies/shared?fieldManager=alice"
_BOB = f"{NET}/networkpolicies/shared?fieldManager=bob"
_APPLIED = f"{APPS}/deployments/applied?fieldManager="
_CONFIG = _deployment(
    "applied",
    container={
        "name": "main",
        "image": "a:1",
        "ports": [{"containerPort": 80}],
        "env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}],
    },
)
APPLIES: list[Request] = [
    ("apply-without-manager", "PATCH", f"{NET}/networkpolicies/x", _policy("x"), APPLY),
    ("apply-create", "PATCH", _ALICE, _policy("shared", podSelector={}, ingress=[{}]), APPLY),
    ("apply-again", "PATCH", _ALICE, _policy("shared", podSelector={}, ingress=[{}]), APPLY),
    ("apply-same-by-other", "PATCH", _BOB, _policy("shared", podSelector={}, ingress=[{}]), APPLY),
    (
        "apply-conflict",
        "PATCH",
        _BOB,
        _policy("shared", podSelector={"matchLabels": {"a": "b"}}, ingress=[]),
        APPLY,
    ),
    (
        "apply-force",
        "PATCH",
        f"{_BOB}&force=true",
        _policy("shared", podSelector={"matchLabels": {"a": "b"}}, ingress=[{}]),
        APPLY,
    ),
    ("apply-give-up", "PATCH", _BOB, _policy("shared", ingress=[{}]), APPLY),
    ("apply-unknown", "PATCH", _ALICE, _policy("shared", podselector={}), APPLY),
    ("apply-unknowns", "PATCH", _ALICE, _policy("shared", podselector={}, x=[{}]), APPLY),
    ("apply-wrong-types", "PATCH", _ALICE, _policy("shared", podSelector=[], ingress={}), APPLY),
    ("apply-other-name", "PATCH", _ALICE, _policy("other"), APPLY),
    ("apply-other-kind", "PATCH", _ALICE, {**_policy("shared"), "kind": "Pod"}, APPLY),
    ("apply-force-on-merge", "PATCH", f"{_ALICE}&force=true", {}, MERGE),
    ("apply-invalid", "PATCH", _ALICE, _policy("shared", policyTypes=["X"]), APPLY),
    ("apply-deployment", "PATCH", f"{_APPLIED}alice", _CONFIG, APPLY),
    (
        "apply-replicas-by-other",
        "PATCH",
        f"{_APPLIED}bob",
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            **_meta("applied"),
            "spec": {"replicas": 3},
        },
        APPLY,
    ),
    (
        "apply-env-changed",
        "PATCH",
        f"{_APPLIED}alice",
        _deployment(
            "applied",
            container={
                "name": "main",
                "image": "a:2",
                "env": [{"name": "C", "value": "3"}, {"name": "A", "value": "1"}],
            },
        ),
        APPLY,
    ),
    (
        "apply-duplicate-key",
        "PATCH",
        f"{_APPLIED}alice",
        _deployment(
            "applied",
            container={"name": "m", "image": "a", "env": [{"name": "A"}, {"name": "A"}]},
        ),
        APPLY,
    ),
    (
        "update-after-apply",
        "PATCH",
        f"{APPS}/deployments/applied?fieldManager=carol",
        {
            "spec": {
                "replicas": 5,
                "template": {"spec": {"containers": [{"name": "main", "image": "a:9"}]}},
            }
        },
        STRATEGIC,
    ),
    (
        "apply-conflicts",
        "PATCH",
        f"{_APPLIED}alice",
        {**_CONFIG, "spec": {**_CONFIG["spec"], "replicas": 1}},
        APPLY,
    ),
    ("get-applied", "GET", f"{APPS}/deployments/applied", None),
]
DELETES: list[Request] = [
    (
        "delete-wrong-uid",
        "DELETE",
        f"{NET}/networkpolicies/deny-all",
        {"preconditions": {"uid": "nope"}},
    ),
    (
        "delete-wrong-version",
        "DELETE",
        f"{NET}/networkpolicies/deny-all",
        {"preconditions": {"resourceVersion": "1"}},
    ),
    ("delete-bad-policy", "DELETE", f"{NET}/networkpolicies/deny-all", {"propagationPolicy": "X"}),
    ("delete-dry-run", "DELETE", f"{NET}/networkpolicies/deny-all?dryRun=All", None),
    ("delete-policy", "DELETE", f"{NET}/networkpolicies/deny-all", None),
    ("delete-pod", "DELETE", f"{CORE}/pods/plain", None),
    ("delete-service", "DELETE", f"{CORE}/services/plain", None),
    ("delete-deployment", "DELETE", f"{APPS}/deployments/recreate", None),
    (
        "delete-foreground",
        "DELETE",
        f"{APPS}/deployments/numbers",
        {"propagationPolicy": "Foreground"},
    ),
    ("delete-orphan", "DELETE", f"{APPS}/deployments/limits", {"propagationPolicy": "Orphan"}),
    (
        "finalizer-on-deleted",
        "PATCH",
        f"{APPS}/deployments/limits",
        {"metadata": {"finalizers": ["orphan", "x.y/z"]}},
        MERGE,
    ),
    ("delete-default-namespace", "DELETE", "/api/v1/namespaces/default", None),
    ("delete-configmap", "DELETE", f"{CORE}/configmaps/plain", None),
]
PSA = {
    "apiVersion": "v1",
    "kind": "Namespace",
    "metadata": {
        "name": "NS-psa",
        "labels": {
            "pod-security.kubernetes.io/enforce": "baseline",
            "pod-security.kubernetes.io/warn": "restricted",
        },
    },
}
_BAD = {
    "hostNetwork": True,
    "volumes": [
        {"name": "v", "hostPath": {"path": "/"}},
        {"name": "n", "nfs": {"server": "a", "path": "/"}},
    ],
    "securityContext": {"runAsUser": 0, "seccompProfile": {"type": "Unconfined"}},
}
SECURITY: list[Request] = [
    ("psa-namespace", "POST", "/api/v1/namespaces", PSA),
    (
        "psa-account",
        "POST",
        "/api/v1/namespaces/NS-psa/serviceaccounts",
        _meta("default"),
    ),
    (
        "psa-baseline",
        "POST",
        "/api/v1/namespaces/NS-psa/pods",
        _pod(
            "bad",
            pod=_BAD,
            ports=[{"containerPort": 80, "hostPort": 80}],
            securityContext={"privileged": True, "capabilities": {"add": ["NET_RAW", "SYS_ADMIN"]}},
        ),
    ),
    ("psa-fine", "POST", "/api/v1/namespaces/NS-psa/pods", _pod("fine")),
    (
        "psa-restrict",
        "PATCH",
        "/api/v1/namespaces/NS-psa",
        {"metadata": {"labels": {"pod-security.kubernetes.io/enforce": "restricted"}}},
        MERGE,
    ),
    ("psa-restricted-plain", "POST", "/api/v1/namespaces/NS-psa/pods", _pod("plain")),
    (
        "psa-restricted",
        "POST",
        "/api/v1/namespaces/NS-psa/pods",
        _pod(
            "bad",
            pod={**_BAD, "hostNetwork": False, "initContainers": [{"name": "i", "image": "x"}]},
            securityContext={"runAsNonRoot": False, "capabilities": {"add": ["NET_RAW"]}},
        ),
    ),
    ("psa-deployment", "POST", "/apis/apps/v1/namespaces/NS-psa/deployments", _deployment("d")),
]
CUSTOM: list[Request] = [
    (
        "crd",
        "POST",
        "/apis/apiextensions.k8s.io/v1/customresourcedefinitions",
        {
            "metadata": {"name": "widgets.example.com"},
            "spec": {
                "group": "example.com",
                "scope": "Namespaced",
                "names": {"plural": "widgets", "kind": "Widget", "shortNames": ["wd"]},
                "versions": [
                    {
                        "name": "v1",
                        "served": True,
                        "storage": True,
                        "subresources": {"status": {}},
                        "schema": {
                            "openAPIV3Schema": {
                                "type": "object",
                                "properties": {
                                    "spec": {
                                        "type": "object",
                                        "properties": {
                                            "size": {"type": "integer"},
                                            "tags": {"type": "array", "items": {"type": "string"}},
                                        },
                                    },
                                    "status": {
                                        "type": "object",
                                        "x-kubernetes-preserve-unknown-fields": True,
                                    },
                                },
                            }
                        },
                    }
                ],
            },
        },
    ),
]
GROUPS: dict[str, list[Request]] = {
    "policies": POLICIES,
    "services": SERVICES,
    "pods": PODS,
    "workloads": WORKLOADS,
    "others": OTHERS,
    "missing": MISSING,
    "updates": UPDATES,
    "applies": APPLIES,
    "deletes": DELETES,
    "security": SECURITY,
}
