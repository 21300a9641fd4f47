{{- define "alert-stream-broker.cluster" -}}
{{- include "alert-stream-common.kafka.cluster" (dict "root" . "local" .Values.cluster.name) -}}
{{- end }}

{{/* "true" if others operate the Kafka cluster. Then this chart only creates topics and users, in the namespace that the cluster's operators watch. */}}
{{- define "alert-stream-broker.existing" -}}
{{- if (include "alert-stream-common.kafka.existing" (dict "root" .) | fromYaml).cluster }}true{{ end -}}
{{- end }}

{{- define "alert-stream-broker.namespace" -}}
{{- (include "alert-stream-common.kafka.existing" (dict "root" .) | fromYaml).namespace | default .Release.Namespace -}}
{{- end }}

{{/*
Labels of Kafka and its node pools: {root: $, component, pool: bool}. The operator copies them to the pods, so a version among them would restart all
brokers at each upgrade of the chart.
*/}}
{{- define "alert-stream-broker.lastingLabels" -}}
{{- $labels := omit (include "alert-stream-common.labels" . | fromYaml) "helm.sh/chart" "app.kubernetes.io/version" -}}
{{- if .pool }}{{ $_ := set $labels "strimzi.io/cluster" (include "alert-stream-broker.cluster" .root) }}{{ end -}}
{{- toYaml $labels -}}
{{- end }}

{{/* Source of the external listener's certificate: "certificate" (cert-manager), "secret" (existing), "strimzi" (the cluster CA) or "none" (no TLS). */}}
{{- define "alert-stream-broker.tlsSource" -}}
{{- if not .Values.externalListener.tls -}}none
{{- else if not (and .Values.tls.enabled .Values.externalListener.enabled) -}}strimzi
{{- else if .Values.tls.existingSecret -}}secret
{{- else if include "alert-stream-broker.hosts" . | fromJsonArray -}}certificate
{{- else -}}strimzi
{{- end -}}
{{- end }}

{{- define "alert-stream-broker.tlsSecret" -}}
{{- .Values.tls.existingSecret | default (printf "%s-external-tls" (include "alert-stream-broker.cluster" .)) -}}
{{- end }}

{{/* Host names of the external listener, as a JSON array. */}}
{{- define "alert-stream-broker.hosts" -}}
{{- $hosts := list -}}
{{- range prepend (.Values.externalListener.brokers | default list) .Values.externalListener.bootstrap }}{{ with .host }}{{ $hosts = append $hosts . }}{{ end }}{{ end -}}
{{- $hosts | toJson -}}
{{- end }}

{{/* Node ids of the brokers, as a JSON array: the operator assigns the first free ids of the range. */}}
{{- define "alert-stream-broker.ids" -}}
{{- $first := regexFind "^[0-9]+" .Values.kafka.nodePool.nodeIds | int -}}
{{- untilStep $first (add $first (int .Values.kafka.replicas) | int) 1 | toJson -}}
{{- end }}

{{/* Fails unless `name` can be the name of a Kubernetes object, with the path of the value: {what, name}. */}}
{{- define "alert-stream-broker.checkName" -}}
{{- if or (not (regexMatch "^[a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*$" .name)) (gt (len .name) 253) -}}
{{- fail (printf "%s %q: it becomes the name of a Kubernetes object. Use a-z, 0-9, - and ., with a letter or digit at both ends" .what .name) -}}
{{- end -}}
{{- end }}
