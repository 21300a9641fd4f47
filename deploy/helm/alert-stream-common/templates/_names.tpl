{{/*
Names and labels. Objects carry fixed names, those of DMTN-210, as Kafka's users, Terraform's Workload Identity bindings and the operators know them
by name: there is one system per namespace, and a release's name is in labels only.
*/}}

{{/* Labels of an object: {root: $, component: "ingester", name: optional}. */}}
{{- define "alert-stream-common.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" }}
{{ include "alert-stream-common.selectorLabels" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
app.kubernetes.io/part-of: alert-stream
{{- with (include "alert-stream-common.global" (dict "root" .root "key" "commonLabels") | fromYaml) }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* What never changes from version to version, as a selector cannot: {root: $, component: "ingester"}. */}}
{{- define "alert-stream-common.selectorLabels" -}}
app.kubernetes.io/name: {{ .root.Chart.Name }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
{{- with .component }}
app.kubernetes.io/component: {{ . }}
{{- end }}
{{- end }}

{{/* A value that all charts share, as YAML; empty where it is not set: {root: $, key: "topics"}. */}}
{{- define "alert-stream-common.global" -}}
{{- with .root.Values.global -}}
{{- with get . $.key -}}
{{- toYaml . -}}
{{- end -}}
{{- end -}}
{{- end }}

{{/* A text that all charts share, else the chart's own: {root: $, key: "clusterName", local: .Values.clusterName}. */}}
{{- define "alert-stream-common.shared" -}}
{{- $global := .root.Values.global | default dict -}}
{{- get $global .key | default .local -}}
{{- end }}

{{/* URL of the schema registry: that of all charts, the chart's own, or the registry of this namespace. {root: $, local: the chart's own}. */}}
{{- define "alert-stream-common.schemaRegistryURL" -}}
{{- $local := .local | default (printf "http://alert-schema-registry.%s.svc:8081" .root.Release.Namespace) -}}
{{- include "alert-stream-common.shared" (dict "root" .root "key" "schemaRegistryURL" "local" $local) -}}
{{- end }}

{{/* Name of a topic, by its part in the system: {root: $, topic: "static"|"simulated"|"deadLetters", local: the chart's own}. */}}
{{- define "alert-stream-common.topic" -}}
{{- $topics := (.root.Values.global | default dict).topics | default dict -}}
{{- get $topics .topic | default .local -}}
{{- end }}
