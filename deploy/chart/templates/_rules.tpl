{{- /* Written by `make reference`, from the table of `npol doctor --rbac`. */}}
{{- define "npol.protected" -}}
^((?s:kube\-.*)|(?s:calico\-.*)|(?s:tigera\-operator)|(?s:cilium.*))$
{{- end }}
{{- define "npol.rules.smoke.cluster" -}}
- apiGroups:
  - ''
  resources:
  - namespaces
  verbs:
  - get
  - list
{{- end }}
{{- define "npol.rules.smoke.namespace" -}}
- apiGroups:
  - networking.k8s.io
  resources:
  - networkpolicies
  verbs:
  - list
- apiGroups:
  - ''
  resources:
  - pods
  - services
  verbs:
  - list
- apiGroups:
  - discovery.k8s.io
  resources:
  - endpointslices
  verbs:
  - list
- apiGroups:
  - apps
  resources:
  - deployments
  - replicasets
  - statefulsets
  - daemonsets
  verbs:
  - list
- apiGroups:
  - ''
  resources:
  - events
  verbs:
  - list
- apiGroups:
  - policy
  resources:
  - poddisruptionbudgets
  verbs:
  - list
- apiGroups:
  - ''
  resources:
  - pods
  verbs:
  - get
  - create
  - delete
- apiGroups:
  - ''
  resources:
  - pods/exec
  verbs:
  - get
  - create
- apiGroups:
  - coordination.k8s.io
  resources:
  - leases
  verbs:
  - create
- apiGroups:
  - coordination.k8s.io
  resources:
  - leases
  resourceNames:
  - npol
  verbs:
  - get
  - update
  - delete
{{- end }}
{{- define "npol.rules.smoke.protected" -}}
- apiGroups:
  - networking.k8s.io
  resources:
  - networkpolicies
  verbs:
  - list
- apiGroups:
  - ''
  resources:
  - pods
  - services
  verbs:
  - list
- apiGroups:
  - discovery.k8s.io
  resources:
  - endpointslices
  verbs:
  - list
- apiGroups:
  - apps
  resources:
  - deployments
  - replicasets
  - statefulsets
  - daemonsets
  verbs:
  - list
{{- end }}
{{- define "npol.rules.smoke.state" -}}
- apiGroups:
  - networking.k8s.io
  resources:
  - networkpolicies
  verbs:
  - list
- apiGroups:
  - ''
  resources:
  - pods
  - services
  verbs:
  - list
- apiGroups:
  - discovery.k8s.io
  resources:
  - endpointslices
  verbs:
  - list
- apiGroups:
  - apps
  resources:
  - deployments
  - replicasets
  - statefulsets
  - daemonsets
  verbs:
  - list
- apiGroups:
  - ''
  resources:
  - events
  verbs:
  - list
- apiGroups:
  - policy
  resources:
  - poddisruptionbudgets
  verbs:
  - list
- apiGroups:
  - ''
  resources:
  - pods
  verbs:
  - get
  - create
  - delete
- apiGroups:
  - ''
  resources:
  - pods/exec
  verbs:
  - get
  - create
- apiGroups:
  - coordination.k8s.io
  resources:
  - leases
  verbs:
  - create
- apiGroups:
  - coordination.k8s.io
  resources:
  - leases
  resourceNames:
  - npol
  verbs:
  - get
  - update
  - delete
- apiGroups:
  - ''
  resources:
  - configmaps
  verbs:
  - get
  - list
  - create
  - update
  - delete
{{- end }}
{{- define "npol.rules.apply.cluster" -}}
- apiGroups:
  - ''
  resources:
  - namespaces
  verbs:
  - get
  - list
{{- end }}
{{- define "npol.rules.apply.namespace" -}}
- apiGroups:
  - networking.k8s.io
  resources:
  - networkpolicies
  verbs:
  - list
- apiGroups:
  - ''
  resources:
  - pods
  - services
  verbs:
  - list
- apiGroups:
  - discovery.k8s.io
  resources:
  - endpointslices
  verbs:
  - list
- apiGroups:
  - apps
  resources:
  - deployments
  - replicasets
  - statefulsets
  - daemonsets
  verbs:
  - list
- apiGroups:
  - ''
  resources:
  - events
  verbs:
  - list
- apiGroups:
  - policy
  resources:
  - poddisruptionbudgets
  verbs:
  - list
- apiGroups:
  - ''
  resources:
  - pods
  verbs:
  - get
  - create
  - delete
- apiGroups:
  - ''
  resources:
  - pods/exec
  verbs:
  - get
  - create
- apiGroups:
  - coordination.k8s.io
  resources:
  - leases
  verbs:
  - create
- apiGroups:
  - coordination.k8s.io
  resources:
  - leases
  resourceNames:
  - npol
  verbs:
  - get
  - update
  - delete
- apiGroups:
  - networking.k8s.io
  resources:
  - networkpolicies
  verbs:
  - get
  - create
  - update
  - delete
{{- end }}
{{- define "npol.rules.apply.protected" -}}
- apiGroups:
  - networking.k8s.io
  resources:
  - networkpolicies
  verbs:
  - list
- apiGroups:
  - ''
  resources:
  - pods
  - services
  verbs:
  - list
- apiGroups:
  - discovery.k8s.io
  resources:
  - endpointslices
  verbs:
  - list
- apiGroups:
  - apps
  resources:
  - deployments
  - replicasets
  - statefulsets
  - daemonsets
  verbs:
  - list
{{- end }}
{{- define "npol.rules.apply.state" -}}
- apiGroups:
  - networking.k8s.io
  resources:
  - networkpolicies
  verbs:
  - list
- apiGroups:
  - ''
  resources:
  - pods
  - services
  verbs:
  - list
- apiGroups:
  - discovery.k8s.io
  resources:
  - endpointslices
  verbs:
  - list
- apiGroups:
  - apps
  resources:
  - deployments
  - replicasets
  - statefulsets
  - daemonsets
  verbs:
  - list
- apiGroups:
  - ''
  resources:
  - events
  verbs:
  - list
- apiGroups:
  - policy
  resources:
  - poddisruptionbudgets
  verbs:
  - list
- apiGroups:
  - ''
  resources:
  - pods
  verbs:
  - get
  - create
  - delete
- apiGroups:
  - ''
  resources:
  - pods/exec
  verbs:
  - get
  - create
- apiGroups:
  - coordination.k8s.io
  resources:
  - leases
  verbs:
  - create
- apiGroups:
  - coordination.k8s.io
  resources:
  - leases
  resourceNames:
  - npol
  verbs:
  - get
  - update
  - delete
- apiGroups:
  - networking.k8s.io
  resources:
  - networkpolicies
  verbs:
  - get
  - create
  - update
  - delete
- apiGroups:
  - ''
  resources:
  - configmaps
  verbs:
  - get
  - list
  - create
  - update
  - delete
{{- end }}
