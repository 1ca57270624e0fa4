{{- $operator := dict "root" . "name" "tinyflow-operator" }}
{{- $gateway := dict "root" . "name" "tinyflow-gateway" }}
{{- $namespace := .Values.watchNamespace }}
{{/* Where flows are: everywhere, or in one namespace. */}}
apiVersion: rbac.authorization.k8s.io/v1
{{- if $namespace }}
kind: Role
metadata:
  {{- include "tinyflow.metadata" (merge (dict "in" $namespace) $operator) | nindent 2 }}
{{- else }}
kind: ClusterRole
metadata:
  {{- include "tinyflow.clusterMetadata" $operator | nindent 2 }}
{{- end }}
rules:
  {{- if not $namespace }}
  - apiGroups: [apiextensions.k8s.io]
    resources: [customresourcedefinitions]
    resourceNames:
      {{- range list "tinymodules" "tinynodes" "tinyflows" "tinyprojects" "tinysignals" }}
      - {{ . }}.tinyflow.dev
      {{- end }}
    verbs: [get]
  {{- end }}
  - apiGroups: [tinyflow.dev]
    resources: [tinymodules, tinynodes, tinyflows, tinyprojects, tinysignals]
    verbs: [list, watch]
  - apiGroups: [tinyflow.dev]
    resources: [tinymodules/status, tinynodes/status, tinyflows/status, tinyprojects/status, tinysignals/status]
    verbs: [patch]
  - apiGroups: [tinyflow.dev]
    resources: [tinysignals]
    verbs: [delete]
  # Owner references that block are refused without it where that is enforced.
  - apiGroups: [tinyflow.dev]
    resources: [tinymodules/finalizers]
    verbs: [update]
  - apiGroups: [apps]
    resources: [deployments]
    verbs: [get, list, watch, create, patch]
  - apiGroups: [""]
    resources: [services]
    verbs: [get, list, watch, create, patch]
  - apiGroups: [""]
    resources: [pods]
    verbs: [list, watch]
  - apiGroups: [""]
    resources: [configmaps]
    verbs: [get, list, create, patch, delete]
  - apiGroups: [""]
    resources: [events]
    verbs: [create, patch]
  # Certificates of modules: written by name, never read, listed or watched.
  - apiGroups: [""]
    resources: [secrets]
    verbs: [create, patch]
  # Accounts without rights, which tokens for the gateway are asked for.
  - apiGroups: [""]
    resources: [serviceaccounts]
    verbs: [create]
  - apiGroups: [""]
    resources: [serviceaccounts]
    resourceNames: [tinyflow-viewer, tinyflow-editor]
    verbs: [get, patch]
---
apiVersion: rbac.authorization.k8s.io/v1
{{- if $namespace }}
kind: RoleBinding
metadata:
  {{- include "tinyflow.metadata" (merge (dict "in" $namespace) $operator) | nindent 2 }}
{{- else }}
kind: ClusterRoleBinding
metadata:
  {{- include "tinyflow.clusterMetadata" $operator | nindent 2 }}
{{- end }}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: {{ ternary "Role" "ClusterRole" (not (not $namespace)) }}
  name: tinyflow-operator
subjects:
  - {kind: ServiceAccount, name: tinyflow-operator, namespace: {{ .Release.Namespace }}}
---
# What is the operator's own: who leads, its authority, and what it tells of its gateway.
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata:
  {{- include "tinyflow.metadata" (merge (dict "as" "tinyflow-operator-own") $operator) | nindent 2 }}
rules:
  - apiGroups: [coordination.k8s.io]
    resources: [leases]
    verbs: [create]
  - apiGroups: [coordination.k8s.io]
    resources: [leases]
    resourceNames: [tinyflow-operator]
    verbs: [get, update]
  - apiGroups: [""]
    resources: [secrets]
    verbs: [create]
  - apiGroups: [""]
    resources: [secrets]
    resourceNames: [tinyflow-ca]
    verbs: [get]
  - apiGroups: [""]
    resources: [secrets]
    resourceNames: [tinyflow-gateway-tls]
    verbs: [patch]
  - apiGroups: [""]
    resources: [configmaps]
    verbs: [create]
  - apiGroups: [""]
    resources: [configmaps]
    resourceNames: [tinyflow-gateway]
    verbs: [patch]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata:
  {{- include "tinyflow.metadata" (merge (dict "as" "tinyflow-operator-own") $operator) | nindent 2 }}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: Role
  name: tinyflow-operator-own
subjects:
  - {kind: ServiceAccount, name: tinyflow-operator, namespace: {{ .Release.Namespace }}}
{{- if .Values.gateway.enabled }}
---
# The gateway looks where modules are.
apiVersion: rbac.authorization.k8s.io/v1
{{- if $namespace }}
kind: Role
metadata:
  {{- include "tinyflow.metadata" (merge (dict "in" $namespace) $gateway) | nindent 2 }}
{{- else }}
kind: ClusterRole
metadata:
  {{- include "tinyflow.clusterMetadata" $gateway | nindent 2 }}
{{- end }}
rules:
  - apiGroups: [tinyflow.dev]
    resources: [tinymodules]
    verbs: [list, watch]
  {{- if not $namespace }}
  # Whose token it is. In one namespace only, an administrator has to grant it: see the notes of the installation.
  - apiGroups: [authentication.k8s.io]
    resources: [tokenreviews]
    verbs: [create]
  {{- end }}
---
apiVersion: rbac.authorization.k8s.io/v1
{{- if $namespace }}
kind: RoleBinding
metadata:
  {{- include "tinyflow.metadata" (merge (dict "in" $namespace) $gateway) | nindent 2 }}
{{- else }}
kind: ClusterRoleBinding
metadata:
  {{- include "tinyflow.clusterMetadata" $gateway | nindent 2 }}
{{- end }}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: {{ ternary "Role" "ClusterRole" (not (not $namespace)) }}
  name: tinyflow-gateway
subjects:
  - {kind: ServiceAccount, name: tinyflow-gateway, namespace: {{ .Release.Namespace }}}
---
# Who has it reaches the gateway through the API server; what they may do there, the token that they bring says.
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata:
  {{- include "tinyflow.metadata" (merge (dict "as" "tinyflow-gateway-user") $gateway) | nindent 2 }}
rules:
  - apiGroups: [""]
    resources: [pods]
    verbs: [get, list]
  - apiGroups: [""]
    resources: [pods/portforward]
    verbs: [get, create]
  - apiGroups: [""]
    resources: [services]
    resourceNames: [tinyflow-gateway]
    verbs: [get]
  - apiGroups: [""]
    resources: [configmaps]
    resourceNames: [tinyflow-gateway]
    verbs: [get]
{{- with .Values.gateway.users }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata:
  {{- include "tinyflow.metadata" (merge (dict "as" "tinyflow-gateway-user") $gateway) | nindent 2 }}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: Role
  name: tinyflow-gateway-user
subjects:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
