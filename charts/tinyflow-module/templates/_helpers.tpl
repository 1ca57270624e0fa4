{{- define "tinyflow-module.name" -}}
{{ .Values.name | default .Release.Name }}
{{- end }}

{{- define "tinyflow-module.metadata" -}}
{{- $ours := dict
  "app.kubernetes.io/name" (.name | default (include "tinyflow-module.name" .root))
  "app.kubernetes.io/instance" .root.Release.Name
  "app.kubernetes.io/part-of" "tinyflow"
  "app.kubernetes.io/managed-by" .root.Release.Service
  "helm.sh/chart" (printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_")
-}}
namespace: {{ .root.Release.Namespace }}
labels:
  {{- merge $ours .root.Values.commonLabels | toYaml | nindent 2 }}
{{- end }}

{{- define "tinyflow-module.image" -}}
{{- with .Values.image -}}
{{- if .digest -}}
{{ .repository }}@{{ .digest }}
{{- else -}}
{{ .repository }}:{{ .tag | required "image: which tag, or which digest? A module is code, and has to say which." }}
{{- end -}}
{{- end -}}
{{- end }}
