{{/* Broker configuration: defaults of this system, then `kafka.config`, which takes precedence. */}}
{{- define "alert-stream-broker.config" -}}
{{- $kafka := .Values.kafka -}}
{{- $copies := min 3 (int $kafka.replicas) -}}
{{- $inSync := ternary 2 1 (ge $copies 3) -}}
{{- $config := dict
  "default.replication.factor" $copies
  "min.insync.replicas" $inSync
  "offsets.topic.replication.factor" $copies
  "transaction.state.log.replication.factor" $copies
  "transaction.state.log.min.isr" $inSync
  "auto.create.topics.enable" false
  "message.max.bytes" "16777216"
  "replica.fetch.max.bytes" (max 20971520 (int64 .Values.deadLetters.maxMessageBytes) | toString)
-}}
{{- range $key, $value := $kafka.config -}}
  {{- /* Helm reads numbers as floats, and the broker cannot read 6.442450944e+11. */}}
  {{- if kindIs "float64" $value }}{{ $value = ternary (int64 $value) (toString $value) (eq (float64 (int64 $value)) $value) }}{{ end -}}
  {{- $_ := set $config $key $value -}}
{{- end -}}
{{- include "alert-stream-broker.checkReplication" (dict "brokers" (int $kafka.replicas) "config" $config) -}}
{{- toYaml $config -}}
{{- end }}

{{/* A replication factor above the number of brokers cannot be met. With as many in-sync replicas as replicas, each restart of a broker stops all writes. */}}
{{- define "alert-stream-broker.checkReplication" -}}
{{- range $key := list "default.replication.factor" "offsets.topic.replication.factor" "transaction.state.log.replication.factor" -}}
  {{- if gt (int (get $.config $key)) $.brokers -}}
    {{- fail (printf "kafka.config: %s is %v, but there are only %d brokers (kafka.replicas)" $key (get $.config $key) $.brokers) -}}
  {{- end -}}
{{- end -}}
{{- range $least, $copies := dict "min.insync.replicas" "default.replication.factor" "transaction.state.log.min.isr" "transaction.state.log.replication.factor" -}}
  {{- $isr := int (get $.config $least) -}}
  {{- $factor := int (get $.config $copies) -}}
  {{- if or (gt $isr $factor) (and (gt $factor 1) (eq $isr $factor)) -}}
    {{- fail (printf "kafka.config: %s is %d and %s is %d, so %s. Lower the first one" $least $isr $copies $factor (ternary "nothing could be written" "nothing could be written while a broker restarts" (gt $isr $factor))) -}}
  {{- end -}}
{{- end -}}
{{- end }}
