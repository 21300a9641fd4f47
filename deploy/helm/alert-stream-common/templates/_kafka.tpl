{{/*
Connections to Kafka: mutual TLS with the Secrets of Strimzi's KafkaUsers, or SCRAM with an existing Secret. The Secrets are mounted as files, because
the program reads them again for each connection: a renewed certificate needs no restart (DMTN-210, 3.5.2.1).
*/}}

{{/* `global.kafka.existing` with defaults, as YAML. Empty if the chart alert-stream-broker creates the Kafka cluster. */}}
{{- define "alert-stream-common.kafka.existing" -}}
{{- $existing := ((.root.Values.global | default dict).kafka | default dict).existing | default dict -}}
{{- if $existing.cluster -}}
{{- $sasl := $existing.sasl | default dict -}}
{{- toYaml (dict "cluster" $existing.cluster "namespace" ($existing.namespace | default .root.Release.Namespace) "port" ($existing.port | default 9092) "tls" ($existing.tls | default false) "caSecret" ($existing.caSecret | default "") "secret" ($sasl.existingSecret | default "") "usernameKey" ($sasl.usernameKey | default "username") "passwordKey" ($sasl.passwordKey | default "password")) -}}
{{- end -}}
{{- end }}

{{/* Name of the Kafka cluster: {root: $, local: the chart's own value}. */}}
{{- define "alert-stream-common.kafka.cluster" -}}
{{- $existing := include "alert-stream-common.kafka.existing" . | fromYaml -}}
{{- $existing.cluster | default (include "alert-stream-common.shared" (dict "root" .root "key" "clusterName" "local" .local)) -}}
{{- end }}

{{/* host:port of the listener for pods: {root: $, kafka: {cluster, port}}. */}}
{{- define "alert-stream-common.kafka.bootstrap" -}}
{{- $existing := include "alert-stream-common.kafka.existing" . | fromYaml -}}
{{- printf "%s-kafka-bootstrap.%s.svc:%d" .kafka.cluster ($existing.namespace | default .root.Release.Namespace) (int ($existing.port | default .kafka.port)) -}}
{{- end }}

{{/* Flags, as list items: {root: $, kafka: {cluster, port}}. */}}
{{- define "alert-stream-common.kafka.args" -}}
{{- $existing := include "alert-stream-common.kafka.existing" . | fromYaml -}}
- --broker={{ include "alert-stream-common.kafka.bootstrap" . }}
{{- if $existing.secret }}
- --kafka-auth-mechanism=scram
- --kafka-password-file=/etc/alert-stream/kafka-user/password
{{- if $existing.tls }}
- --kafka-tls
{{- if $existing.caSecret }}
- --tls-server-ca-crt-location=/etc/alert-stream/kafka-ca/ca.crt
{{- end }}
{{- end }}
{{- else }}
- --kafka-auth-mechanism=mtls
- --tls-client-crt-location=/etc/alert-stream/kafka-user/user.crt
- --tls-client-key-location=/etc/alert-stream/kafka-user/user.key
- --tls-server-ca-crt-location=/etc/alert-stream/kafka-ca/ca.crt
{{- end }}
{{- end }}

{{/* Credentials: {root: $, kafka: {cluster, user}}, as YAML with the keys env, mounts and volumes. */}}
{{- define "alert-stream-common.kafka.credentials" -}}
{{- $existing := include "alert-stream-common.kafka.existing" . | fromYaml -}}
{{- if and $existing.cluster (not $existing.secret) (ne $existing.namespace .root.Release.Namespace) -}}
{{- fail (printf "global.kafka.existing: Strimzi creates the Secrets for mutual TLS in the namespace %s. Install this release there, or set sasl.existingSecret" $existing.namespace) -}}
{{- end -}}
{{- $ca := $existing.caSecret | default (ternary "" (printf "%s-cluster-ca-cert" .kafka.cluster) (ne ($existing.secret | default "") "")) -}}
{{- with $existing.secret }}
env:
  - name: ALERT_STREAM_KAFKA_USERNAME
    valueFrom:
      secretKeyRef:
        name: {{ . }}
        key: {{ $existing.usernameKey }}
{{- end }}
mounts:
  - name: kafka-user
    mountPath: /etc/alert-stream/kafka-user
    readOnly: true
{{- if $ca }}
  - name: kafka-ca
    mountPath: /etc/alert-stream/kafka-ca
    readOnly: true
{{- end }}
volumes:
  - name: kafka-user
    secret:
      secretName: {{ $existing.secret | default .kafka.user }}
      defaultMode: 0440
      items:
        {{- if $existing.secret }}
        - key: {{ $existing.passwordKey }}
          path: password
        {{- else }}
        - key: user.crt
          path: user.crt
        - key: user.key
          path: user.key
        {{- end }}
{{- with $ca }}
  - name: kafka-ca
    secret:
      secretName: {{ . }}
      defaultMode: 0440
      items:
        - key: ca.crt
          path: ca.crt
{{- end }}
{{- end }}

{{/*
KafkaUser: {root: $, name, component, cluster, authentication: optional, acls: optional list, quotas: optional, namespace: optional}. An item of acls is
{topic | group: name, prefix: optional bool, operations}. Superusers need no acls.
*/}}
{{- define "alert-stream-common.kafkaUser" -}}
apiVersion: kafka.strimzi.io/v1
kind: KafkaUser
metadata:
  {{- include "alert-stream-common.metadata" (merge (dict "labels" (dict "strimzi.io/cluster" .cluster)) .) | nindent 2 }}
spec:
  authentication:
    {{- toYaml (.authentication | default (dict "type" "tls")) | nindent 4 }}
  {{- with .acls }}
  authorization:
    type: simple
    acls:
      {{- range . }}
      - resource:
          type: {{ ternary "topic" "group" (hasKey . "topic") }}
          name: {{ .topic | default .group | quote }}
          patternType: {{ ternary "prefix" "literal" (.prefix | default false) }}
        operations: {{ sortAlpha .operations | toJson }}
        host: "*"
      {{- end }}
  {{- end }}
  {{- with .quotas }}
  quotas:
    {{- range $key, $value := . }}
    {{ $key }}: {{ ternary $value (int64 $value) (eq $key "controllerMutationRate") }}
    {{- end }}
  {{- end }}
{{- end }}

{{/* Kubernetes name of a KafkaTopic: object names allow fewer characters than topic names. */}}
{{- define "alert-stream-common.topicObjectName" -}}
{{- . | lower | replace "_" "-" | trimAll "-." -}}
{{- end }}

{{/* KafkaTopic: {root: $, topic, component, cluster, partitions, replicas, config: dict, keep: bool, namespace: optional}. Deleting it deletes the data. */}}
{{- define "alert-stream-common.kafkaTopic" -}}
{{- $name := include "alert-stream-common.topicObjectName" .topic -}}
{{- $annotations := ternary (include "alert-stream-common.keep" . | fromYaml) dict (.keep | default false) -}}
apiVersion: kafka.strimzi.io/v1
kind: KafkaTopic
metadata:
  {{- include "alert-stream-common.metadata" (merge (dict "name" $name "annotations" $annotations "labels" (dict "strimzi.io/cluster" .cluster)) .) | nindent 2 }}
spec:
  topicName: {{ .topic | quote }}
  partitions: {{ int64 .partitions }}
  replicas: {{ int64 .replicas }}
  config:
    {{- range $key, $value := .config }}
    {{ $key }}: {{ include "alert-stream-common.plain" $value | quote }}
    {{- end }}
{{- end }}

{{/* A scalar without an exponent: Helm reads large numbers as floats, and Kafka cannot read 6.442450944e+11. */}}
{{- define "alert-stream-common.plain" -}}
{{- if and (kindIs "float64" .) (eq (float64 (int64 .)) .) }}{{ int64 . }}{{ else }}{{ . }}{{ end -}}
{{- end }}
