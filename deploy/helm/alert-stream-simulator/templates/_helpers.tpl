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

{{/* Fails where two of the three topics are one: the Job would delete what is played, or the player read what it writes. */}}
{{- define "alert-stream-simulator.distinctTopics" -}}
{{- $topics := list (include "alert-stream-simulator.staticTopic" .) (include "alert-stream-simulator.replayTopic" .) (include "alert-stream-simulator.deadLetterTopic" .) -}}
{{- if lt (len (uniq $topics)) 3 -}}
{{- fail (printf "staticTopicName, replayTopicName, deadLetterTopicName: these are three topics, and two of them have the same name: %s" (join ", " $topics)) -}}
{{- end -}}
{{- end }}

{{- define "alert-stream-simulator.schemaRegistryURL" -}}
{{- include "alert-stream-common.schemaRegistryURL" (dict "root" . "local" .Values.schemaRegistryURL) -}}
{{- end }}

{{- define "alert-stream-simulator.kafkaArgs" -}}
{{- include "alert-stream-common.kafka.args" (dict "root" . "cluster" (include "alert-stream-simulator.cluster" .) "port" (int64 .Values.clusterPort)) -}}
{{- end }}

{{- define "alert-stream-simulator.kafkaVolumes" -}}
{{- include "alert-stream-common.kafka.volumes" (dict "root" $ "cluster" (include "alert-stream-simulator.cluster" .) "user" .Values.kafkaUserName) }}
{{ include "alert-stream-common.tmp.volume" . }}
{{- end }}

{{- define "alert-stream-simulator.image" -}}
image: {{ include "alert-stream-common.image" (dict "root" . "image" .Values.image) | quote }}
imagePullPolicy: {{ include "alert-stream-common.imagePullPolicy" (dict "root" . "image" .Values.image) }}
{{- end }}

{{/* Environment of a container: {path: "replay", part: values of it}. */}}
{{- define "alert-stream-simulator.env" -}}
{{- if or .part.nodeOptions .part.extraEnv -}}
env:
  {{- with .part.nodeOptions }}
  - name: NODE_OPTIONS
    value: {{ quote . }}
  {{- end }}
  {{- with .part.extraEnv }}
  {{- include "alert-stream-common.extraEnv" (dict "path" (printf "%s.extraEnv" $.path) "taken" (list "NODE_OPTIONS") "extra" .) | trim | nindent 2 }}
  {{- end }}
{{- end }}
{{- end }}
