{{/* Names are not the release's: the operator finds its Lease, its CA and its gateway by them. One install a namespace. */}}

{{/* Ours win: a label of somebody else's never takes a pod from its Deployment. */}}
{{- define "tinyflow.labels" -}}
{{- $ours := include "tinyflow.selected" . | fromYaml }}
{{- $ours = merge $ours (dict
  "app.kubernetes.io/version" .root.Chart.AppVersion
  "app.kubernetes.io/part-of" "tinyflow"
  "app.kubernetes.io/managed-by" .root.Release.Service
  "helm.sh/chart" (printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_")
) }}
{{- merge $ours (.labels | default dict) .root.Values.commonLabels | toYaml }}
{{- end }}

{{- define "tinyflow.selected" -}}
app.kubernetes.io/name: {{ .name }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
{{- end }}

{{- define "tinyflow.metadata" -}}
name: {{ .as | default .name }}
namespace: {{ .in | default .root.Release.Namespace }}
labels:
  {{- include "tinyflow.labels" . | nindent 2 }}
{{- end }}

{{- define "tinyflow.clusterMetadata" -}}
name: {{ .as | default .name }}
labels:
  {{- include "tinyflow.labels" . | nindent 2 }}
{{- end }}

{{- define "tinyflow.image" -}}
{{- if .image.digest -}}
{{ .image.repository }}@{{ .image.digest }}
{{- else -}}
{{ .image.repository }}:{{ .image.tag | default .root.Chart.AppVersion }}
{{- end -}}
{{- end }}

{{/* As the Pod Security Standard "restricted" asks. */}}
{{- define "tinyflow.podSecurity" -}}
runAsNonRoot: true
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{- define "tinyflow.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end }}

{{/* What the pods of operator and gateway have in common. */}}
{{- define "tinyflow.pod" -}}
{{- $values := .root.Values -}}
serviceAccountName: {{ .name }}
automountServiceAccountToken: true
terminationGracePeriodSeconds: {{ $values.terminationGracePeriodSeconds }}
securityContext:
  {{- include "tinyflow.podSecurity" . | nindent 2 }}
{{- with $values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with $values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
affinity:
{{- if $values.affinity }}
  {{- toYaml $values.affinity | nindent 2 }}
{{- else }}
  podAntiAffinity:
    preferredDuringSchedulingIgnoredDuringExecution:
      - weight: 100
        podAffinityTerm:
          topologyKey: kubernetes.io/hostname
          labelSelector:
            matchLabels:
              {{- include "tinyflow.selected" . | nindent 14 }}
{{- end }}
{{- if $values.topologySpread }}
topologySpreadConstraints:
  - maxSkew: 1
    topologyKey: topology.kubernetes.io/zone
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        {{- include "tinyflow.selected" . | nindent 8 }}
{{- end }}
{{- end }}

{{- define "tinyflow.podMetadata" -}}
{{- $ours := set (include "tinyflow.selected" . | fromYaml) "app.kubernetes.io/part-of" "tinyflow" -}}
labels:
  {{- merge $ours .root.Values.podLabels .root.Values.commonLabels | toYaml | nindent 2 }}
{{- end }}
