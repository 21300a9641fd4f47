{{- define "alert-stream-simulator.cluster" -}}
{{- include "alert-stream-common.shared" (dict "root" . "key" "clusterName" "local" .Values.clusterName) -}}
{{- end }}

{{- define "alert-stream-simulator.staticTopic" -}}
{{- include "alert-stream-common.topic" (dict "root" . "topic" "static" "local" .Values.staticTopicName) -}}
{{- end }}

{{- define "alert-stream-simulator.replayTopic" -}}
{{- include "alert-stream-common.topic" (dict "root" . "topic" "simulated" "local" .Values.replayTopicName) -}}
{{- end }}

{{- define "alert-stream-simulator.deadLetterTopic" -}}
{{- include "alert-stream-common.topic" (dict "root" . "topic" "deadLetters" "local" .Values.deadLetterTopicName) -}}
{{- end }}

{{/* Fails unless the topics are distinct: otherwise the Job would delete the replayed alerts, or the player would read its own output. */}}
{{- define "alert-stream-simulator.distinctTopics" -}}
{{- $topics := list (include "alert-stream-simulator.staticTopic" .) (include "alert-stream-simulator.replayTopic" .) (include "alert-stream-simulator.deadLetterTopic" .) -}}
{{- if lt (len (uniq $topics)) 3 -}}
{{- fail (printf "staticTopicName, replayTopicName and deadLetterTopicName must be different: %s" (join ", " $topics)) -}}
{{- end -}}
{{- end }}

{{- define "alert-stream-simulator.schemaRegistryURL" -}}
{{- include "alert-stream-common.schemaRegistryURL" (dict "root" . "local" .Values.schemaRegistryURL) -}}
{{- end }}

{{/* Connection to Kafka, as YAML. */}}
{{- define "alert-stream-simulator.kafka" -}}
{{- toYaml (dict "cluster" (include "alert-stream-simulator.cluster" .) "port" .Values.clusterPort "user" .Values.kafkaUserName) -}}
{{- end }}

{{- define "alert-stream-simulator.kafkaArgs" -}}
{{- include "alert-stream-common.kafka.args" (dict "root" . "kafka" (include "alert-stream-simulator.kafka" . | fromYaml)) -}}
{{- end }}
