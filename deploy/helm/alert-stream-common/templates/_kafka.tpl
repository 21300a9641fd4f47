{{/*
The way into Kafka: mutual TLS with the Secrets that Strimzi makes. They are volumes, no variables: the program reads the files again for each
connection, so a rotated certificate reaches it without a restart (DMTN-210, 3.5.2.1 and 5.1).
*/}}

{{/* A Kafka cluster that others operate, as YAML: `global.kafka.existing`. Empty for the cluster of the chart alert-stream-broker. */}}
{{- define "alert-stream-common.kafka.existing" -}}
{{- $existing := ((.root.Values.global | default dict).kafka | default dict).existing | default dict -}}
{{- if $existing.cluster -}}
{{- $sasl := $existing.sasl | default dict -}}
{{- $namespace := $existing.namespace | default .root.Release.Namespace -}}
{{- if and (not $sasl.existingSecret) (ne $namespace .root.Release.Namespace) -}}
{{- fail (printf "global.kafka.existing: Strimzi makes the Secrets of mutual TLS in the namespace %s. Install this release there, or set sasl.existingSecret" $namespace) -}}
{{- end -}}
{{- toYaml (dict "cluster" $existing.cluster "namespace" $namespace "port" ($existing.port | default 9092) "tls" ($existing.tls | default false) "caSecret" ($existing.caSecret | default "") "secret" ($sasl.existingSecret | default "") "usernameKey" ($sasl.usernameKey | default "username") "passwordKey" ($sasl.passwordKey | default "password")) -}}
{{- end -}}
{{- end }}

{{/* host:port of the internal listener: {root: $, cluster: name of the Kafka, port: 9092}. */}}
{{- define "alert-stream-common.kafka.bootstrap" -}}
{{- $existing := include "alert-stream-common.kafka.existing" . | fromYaml -}}
{{- if $existing.cluster -}}
{{- printf "%s-kafka-bootstrap.%s.svc:%v" $existing.cluster $existing.namespace (int $existing.port) -}}
{{- else -}}
{{- printf "%s-kafka-bootstrap.%s.svc:%v" .cluster .root.Release.Namespace .port -}}
{{- end -}}
{{- end }}

{{/* Flags, one list item each: {root: $, cluster, port}. */}}
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

{{/* The SCRAM user name comes from a Secret: {root: $}. */}}
{{- define "alert-stream-common.kafka.env" -}}
{{- $existing := include "alert-stream-common.kafka.existing" . | fromYaml -}}
{{- with $existing.secret -}}
- name: ALERT_STREAM_KAFKA_USERNAME
  valueFrom:
    secretKeyRef:
      name: {{ . }}
      key: {{ $existing.usernameKey }}
{{- end }}
{{- end }}

{{/* {root: $}. */}}
{{- define "alert-stream-common.kafka.volumeMounts" -}}
{{- $existing := include "alert-stream-common.kafka.existing" . | fromYaml -}}
- name: kafka-user
  mountPath: /etc/alert-stream/kafka-user
  readOnly: true
{{- if or (not $existing.secret) $existing.caSecret }}
- name: kafka-ca
  mountPath: /etc/alert-stream/kafka-ca
  readOnly: true
{{- end }}
{{- end }}

{{/* {root: $, cluster, user: name of the KafkaUser}. Only the files that the program reads. */}}
{{- define "alert-stream-common.kafka.volumes" -}}
{{- $existing := include "alert-stream-common.kafka.existing" . | fromYaml -}}
- name: kafka-user
  secret:
    secretName: {{ $existing.secret | default .user }}
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
{{- if or (not $existing.secret) $existing.caSecret }}
- name: kafka-ca
  secret:
    secretName: {{ $existing.caSecret | default (printf "%s-cluster-ca-cert" ($existing.cluster | default .cluster)) }}
    defaultMode: 0440
    items:
      - key: ca.crt
        path: ca.crt
{{- end }}
{{- end }}

{{/* The one place that the program may write to. */}}
{{- define "alert-stream-common.tmp.volumeMount" -}}
- name: tmp
  mountPath: /tmp
{{- end }}

{{- define "alert-stream-common.tmp.volume" -}}
- name: tmp
  emptyDir: {}
{{- end }}
