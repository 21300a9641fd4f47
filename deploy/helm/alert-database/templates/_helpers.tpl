{{/* Name of Strimzi's Kafka. */}}
{{- define "alert-database.cluster" -}}
{{- $existing := include "alert-stream-common.kafka.existing" (dict "root" .) | fromYaml -}}
{{- if $existing.cluster -}}
{{- $existing.cluster -}}
{{- else -}}
{{- include "alert-stream-common.shared" (dict "root" . "key" "clusterName" "local" .Values.ingester.kafka.cluster) -}}
{{- end -}}
{{- end }}

{{/* Topics that are archived, as a YAML list. A list of the chart's own is meant as it is; a single topic follows global.topics. */}}
{{- define "alert-database.topics" -}}
{{- $kafka := .Values.ingester.kafka -}}
{{- $topics := $kafka.topics | default (list (include "alert-stream-common.topic" (dict "root" . "topic" "simulated" "local" $kafka.topic))) -}}
{{- $letters := include "alert-database.deadLetterTopic" . -}}
{{- if has $letters $topics -}}
{{- fail (printf "ingester.kafka.topics: %s is the topic of dead letters; archiving it would send its own dead letters round for ever" $letters) -}}
{{- end -}}
{{- toYaml (uniq $topics) -}}
{{- end }}

{{- define "alert-database.deadLetterTopic" -}}
{{- include "alert-stream-common.topic" (dict "root" . "topic" "deadLetters" "local" .Values.deadLetterTopic) -}}
{{- end }}

{{- define "alert-database.schemaRegistryURL" -}}
{{- include "alert-stream-common.schemaRegistryURL" (dict "root" . "local" .Values.ingester.schemaRegistryURL) -}}
{{- end }}

{{/* The server's path before /v1, empty for /. */}}
{{- define "alert-database.pathPrefix" -}}
{{- .Values.ingress.path | trimSuffix "/" -}}
{{- end }}

{{/* Google service account that a Kubernetes one acts as; empty where there is none: {path: "ingester.gcp", gcp: values}. */}}
{{- define "alert-database.googleServiceAccount" -}}
{{- with .gcp -}}
{{- if and .serviceAccountName .projectID -}}
{{- printf "%s@%s.iam.gserviceaccount.com" .serviceAccountName .projectID -}}
{{- else if or .serviceAccountName .projectID -}}
{{- fail (printf "%s: serviceAccountName and projectID go together: the annotation is serviceAccountName@projectID.iam.gserviceaccount.com" $.path) -}}
{{- end -}}
{{- end -}}
{{- end }}

{{/* Kept apart: zones and nodes, where there is a choice. {root: $, component}. */}}
{{- define "alert-database.spread" -}}
{{- range list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
- maxSkew: 1
  topologyKey: {{ . }}
  whenUnsatisfiable: ScheduleAnyway
  labelSelector:
    matchLabels:
      {{- include "alert-stream-common.selectorLabels" $ | nindent 6 }}
{{- end }}
{{- end }}
