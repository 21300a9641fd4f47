{{/*
The way into Kafka: mutual TLS with the Secrets that Strimzi makes. They are volumes, no variables: the program reads the files again for each
connection, so a rotated certificate reaches it without a restart (DMTN-210, 3.5.2.1 and 5.1).
*/}}

{{/* host:port of the internal listener: {root: $, cluster: name of the Kafka, port: 9092}. */}}
{{- define "alert-stream-common.kafka.bootstrap" -}}
{{- printf "%s-kafka-bootstrap.%s.svc:%v" .cluster .root.Release.Namespace .port -}}
{{- end }}

{{/* Flags, one list item each: {root: $, cluster, port}. */}}
{{- define "alert-stream-common.kafka.args" -}}
- --broker={{ include "alert-stream-common.kafka.bootstrap" . }}
- --kafka-auth-mechanism=mtls
- --tls-client-crt-location=/etc/alert-stream/kafka-user/user.crt
- --tls-client-key-location=/etc/alert-stream/kafka-user/user.key
- --tls-server-ca-crt-location=/etc/alert-stream/kafka-ca/ca.crt
{{- end }}

{{- define "alert-stream-common.kafka.volumeMounts" -}}
- name: kafka-user
  mountPath: /etc/alert-stream/kafka-user
  readOnly: true
- name: kafka-ca
  mountPath: /etc/alert-stream/kafka-ca
  readOnly: true
{{- end }}

{{/* {cluster, user: name of the KafkaUser}. Only what the program reads: the Secrets hold passwords and key stores besides. */}}
{{- define "alert-stream-common.kafka.volumes" -}}
- name: kafka-user
  secret:
    secretName: {{ .user }}
    defaultMode: 0440
    items:
      - key: user.crt
        path: user.crt
      - key: user.key
        path: user.key
- name: kafka-ca
  secret:
    secretName: {{ .cluster }}-cluster-ca-cert
    defaultMode: 0440
    items:
      - key: ca.crt
        path: ca.crt
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
