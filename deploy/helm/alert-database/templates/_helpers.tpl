{{/* Name of the Kafka cluster. */}}
{{- define "alert-database.cluster" -}}
{{- include "alert-stream-common.kafka.cluster" (dict "root" . "local" .Values.ingester.kafka.cluster) -}}
{{- end }}

{{/* Components with a Deployment, as a YAML list. */}}
{{- define "alert-database.services" -}}
{{- toYaml (concat (list "ingester" "server") (ternary (list "indexer") list .Values.indexer.enabled)) -}}
{{- end }}

{{/* The connection of a component to Kafka, as YAML: {root: $, user: name of its KafkaUser}. */}}
{{- define "alert-database.kafka" -}}
{{- toYaml (dict "cluster" (include "alert-database.cluster" .root) "port" .root.Values.ingester.kafka.port "user" .user) -}}
{{- end }}

{{/* Topics to archive, as a YAML list. `topics` replaces `topic` and `global.topics.simulated`. */}}
{{- define "alert-database.topics" -}}
{{- $kafka := .Values.ingester.kafka -}}
{{- $topics := $kafka.topics | default (list (include "alert-stream-common.topic" (dict "root" . "topic" "simulated" "local" $kafka.topic))) -}}
{{- $letters := include "alert-database.deadLetterTopic" . -}}
{{- if has $letters $topics -}}
{{- fail (printf "ingester.kafka.topics: %s is the dead-letter topic. If it were archived, its records would become dead letters again and again" $letters) -}}
{{- end -}}
{{- toYaml (uniq $topics) -}}
{{- end }}

{{- define "alert-database.deadLetterTopic" -}}
{{- include "alert-stream-common.topic" (dict "root" . "topic" "deadLetters" "local" .Values.deadLetterTopic) -}}
{{- end }}

{{- define "alert-database.schemaRegistryURL" -}}
{{- include "alert-stream-common.schemaRegistryURL" (dict "root" . "local" .Values.ingester.schemaRegistryURL) -}}
{{- end }}

{{/* Path of the server before /v1; empty for /. */}}
{{- define "alert-database.pathPrefix" -}}
{{- .Values.ingress.path | trimSuffix "/" -}}
{{- end }}
