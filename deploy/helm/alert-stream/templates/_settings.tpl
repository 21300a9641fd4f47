{{/*
What the components are told, seen from above: the shared value where there is one, else the component's own. Empty for a component that is turned off,
so that only what is really installed side by side is compared. As YAML.
*/}}
{{- define "alert-stream.settings" -}}
{{- $on := .Values.components -}}
{{- $broker := index .Values "alert-stream-broker" -}}
{{- $registry := index .Values "alert-stream-schema-registry" -}}
{{- $simulator := index .Values "alert-stream-simulator" -}}
{{- $database := index .Values "alert-database" -}}
{{- $global := .Values.global | default dict -}}
{{- $topics := $global.topics | default dict -}}
{{- if $on.broker }}
broker:
  cluster: {{ $global.clusterName | default $broker.cluster.name }}
  replicas: {{ $broker.kafka.replicas }}
  deadLetters: {{ ternary ($topics.deadLetters | default $broker.deadLetters.topic) "" $broker.deadLetters.enabled | quote }}
  deadLetterBytes: {{ $broker.deadLetters.maxMessageBytes | int64 }}
  superusers: {{ $broker.superusers | toJson }}
  users: {{ $broker.users | toJson }}
{{- end }}
{{- if $on.schemaRegistry }}
registry:
  name: {{ $registry.name }}
  port: {{ $registry.port }}
  cluster: {{ $global.clusterName | default $registry.clusterName }}
  listener: {{ $registry.listener }}
  replicas: {{ $registry.topic.replicas }}
  subject: {{ ternary $registry.schemaSync.subject "" $registry.schemaSync.enabled | quote }}
{{- end }}
{{- if $on.simulator }}
simulator:
  cluster: {{ $global.clusterName | default $simulator.clusterName }}
  port: {{ $simulator.clusterPort }}
  user: {{ $simulator.kafkaUserName }}
  static: {{ $topics.static | default $simulator.staticTopicName }}
  staticReplicas: {{ $simulator.staticTopicReplicas }}
  replay: {{ $topics.simulated | default $simulator.replayTopicName }}
  replayReplicas: {{ $simulator.replayTopicReplicas }}
  deadLetters: {{ $topics.deadLetters | default $simulator.deadLetterTopicName | quote }}
  messageBytes: {{ $simulator.maxMessageBytes | int64 }}
  registryURL: {{ $global.schemaRegistryURL | default $simulator.schemaRegistryURL | quote }}
  subject: {{ $simulator.schemaSubject }}
{{- end }}
{{- if $on.database }}
database:
  cluster: {{ $global.clusterName | default $database.ingester.kafka.cluster }}
  port: {{ $database.ingester.kafka.port }}
  users: {{ ternary (list $database.ingester.kafka.user $database.redrive.user) (list $database.ingester.kafka.user) $database.redrive.enabled | toJson }}
  topics: {{ $database.ingester.kafka.topics | default (list ($topics.simulated | default $database.ingester.kafka.topic)) | toJson }}
  deadLetters: {{ $topics.deadLetters | default $database.deadLetterTopic | quote }}
  registryURL: {{ $global.schemaRegistryURL | default $database.ingester.schemaRegistryURL | quote }}
{{- end }}
{{- end }}

{{/* The registry that the archive asks. */}}
{{- define "alert-stream.registryURL" -}}
{{- $settings := include "alert-stream.settings" . | fromYaml -}}
{{- $settings.database.registryURL | default (printf "http://alert-schema-registry.%s.svc:8081" .Release.Namespace) -}}
{{- end }}
