{{/*
Configuration of the brokers: what this system needs, then the user's own keys, which go before. Numbers are written without an exponent: a number of
a values file is a float for Helm, and the broker would not start with 6.442450944e+11.
*/}}
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
  {{- if kindIs "float64" $value -}}
    {{- $whole := int64 $value -}}
    {{- $value = ternary $whole (toString $value) (eq (float64 $whole) $value) -}}
  {{- end -}}
  {{- $_ := set $config $key $value -}}
{{- end -}}
{{- include "alert-stream-broker.checkCopies" (dict "root" . "config" $config) -}}
{{- toYaml $config -}}
{{- end }}

{{/*
More copies than brokers: no such topic can be made. As many in-sync ones as copies: one broker that restarts stops all who write, which is borne where
there is one copy only. More of them: nobody can ever write.
*/}}
{{- define "alert-stream-broker.checkCopies" -}}
{{- $brokers := int .root.Values.kafka.replicas -}}
{{- range $key := list "default.replication.factor" "offsets.topic.replication.factor" "transaction.state.log.replication.factor" -}}
  {{- if gt (int (get $.config $key)) $brokers -}}
    {{- fail (printf "kafka.config: %s is %v, more than the brokers (kafka.replicas: %d)" $key (get $.config $key) $brokers) -}}
  {{- end -}}
{{- end -}}
{{- range $least, $copies := dict "min.insync.replicas" "default.replication.factor" "transaction.state.log.min.isr" "transaction.state.log.replication.factor" -}}
  {{- if gt (int (get $.config $least)) (int (get $.config $copies)) -}}
    {{- fail (printf "kafka.config: %s is %v and %s %v: nothing could ever be written. Make it less" $least (get $.config $least) $copies (get $.config $copies)) -}}
  {{- end -}}
  {{- if and (gt (int (get $.config $copies)) 1) (ge (int (get $.config $least)) (int (get $.config $copies))) -}}
    {{- fail (printf "kafka.config: %s is %v and %s %v: with every restart of a broker nothing could be written. Make it less" $least (get $.config $least) $copies (get $.config $copies)) -}}
  {{- end -}}
{{- end -}}
{{- end }}
