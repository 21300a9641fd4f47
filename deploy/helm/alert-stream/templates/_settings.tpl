{{/* Effective settings of the enabled components, as YAML: global values take precedence over those of a component. */}}
{{- define "alert-stream.settings" -}}
{{- $on := .Values.components -}}
{{- $broker := index .Values "alert-stream-broker" -}}
{{- $registry := index .Values "alert-stream-schema-registry" -}}
{{- $simulator := index .Values "alert-stream-simulator" -}}
{{- $database := index .Values "alert-database" -}}
{{- $global := .Values.global -}}
{{- $topics := $global.topics -}}
{{- if $on.broker }}
broker:
  cluster: {{ $global.kafka.existing.cluster | default $global.clusterName | default $broker.cluster.name }}
  replicas: {{ $broker.kafka.replicas }}
  deadLetters: {{ ternary ($topics.deadLetters | default $broker.deadLetters.topic) "" $broker.deadLetters.enabled | quote }}
  deadLetterBytes: {{ $broker.deadLetters.maxMessageBytes | int64 }}
  topics: {{ $broker.topics | toJson }}
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
  users: [{{ $simulator.kafkaUserName }}]
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
  cluster: {{ $global.kafka.existing.cluster | default $global.clusterName | default $database.ingester.kafka.cluster }}
  port: {{ $database.ingester.kafka.port }}
  users:
    - {{ $database.ingester.kafka.user }}
    {{- if $database.indexer.enabled }}
    - {{ $database.indexer.kafka.user }}
    {{- end }}
    {{- range $component := list "redrive" "verify" }}
    {{- if (get $database $component).enabled }}
    - {{ (get $database $component).user }}
    {{- end }}
    {{- end }}
  topics: {{ $database.ingester.kafka.topics | default (list ($topics.simulated | default $database.ingester.kafka.topic)) | toJson }}
  deadLetters: {{ $topics.deadLetters | default $database.deadLetterTopic | quote }}
  registryURL: {{ $global.schemaRegistryURL | default $database.ingester.schemaRegistryURL | quote }}
{{- end }}
{{- end }}
