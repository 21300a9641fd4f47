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
{{- with $kafka.sslClientAuth }}{{ $_ := set $config "ssl.client.auth" . }}{{ end -}}
{{- if eq (include "alert-stream-broker.zookeeper" .) "true" -}}
  {{- with $kafka.logMessageFormatVersion }}{{ $_ := set $config "log.message.format.version" (toString .) }}{{ end -}}
  {{- with $kafka.interBrokerProtocolVersion }}{{ $_ := set $config "inter.broker.protocol.version" (toString .) }}{{ end -}}
{{- end -}}
{{- range $key, $value := $kafka.config -}}
  {{- include "alert-stream-broker.checkConfigKey" $key -}}
  {{- if kindIs "float64" $value -}}
    {{- $whole := int64 $value -}}
    {{- $value = ternary $whole (toString $value) (eq (float64 $whole) $value) -}}
  {{- end -}}
  {{- $_ := set $config $key $value -}}
{{- end -}}
{{- include "alert-stream-broker.checkCopies" (dict "root" . "config" $config) -}}
{{- toYaml $config -}}
{{- end }}

{{/* Strimzi sets these itself, and would drop the user's with no more than a line in its log. */}}
{{- define "alert-stream-broker.checkConfigKey" -}}
{{- $allowed := list "zookeeper.connection.timeout.ms" "sasl.server.max.receive.size" "ssl.cipher.suites" "ssl.protocol" "ssl.enabled.protocols" "ssl.secure.random.implementation" "broker.session.timeout.ms" "broker.heartbeat.interval.ms" "controller.socket.timeout.ms" "controller.quorum.election.backoff.max.ms" "controller.quorum.election.timeout.ms" "controller.quorum.fetch.timeout.ms" -}}
{{- $perListener := regexMatch "^listener[.]name[.][a-z0-9]+-[0-9]+[.](connections[.]max[.]reauth[.]ms|max[.]connections.*|max[.]connection[.]creation[.]rate)$" . -}}
{{- if regexMatch "^(log[.]message[.]format[.]version|inter[.]broker[.]protocol[.]version)$" . -}}
  {{- fail (printf "kafka.config: %s has a value of its own, kafka.%s" . (ternary "logMessageFormatVersion" "interBrokerProtocolVersion" (hasPrefix "log" .))) -}}
{{- end -}}
{{- if not (or (has . $allowed) $perListener) -}}
  {{- range $prefix := list "listeners" "listener." "advertised." "broker." "host.name" "port" "inter.broker.listener.name" "sasl." "ssl." "security." "password." "log.dir" "zookeeper.connect" "zookeeper.set.acl" "zookeeper.ssl" "zookeeper.clientCnxnSocket" "authorizer." "super.user" "node.id" "process.roles" "controller." "metadata.log.dir" "prometheus.metrics.reporter." "cordoned.log.dirs" -}}
    {{- if hasPrefix $prefix $ -}}
      {{- fail (printf "kafka.config: %s is set by the operator, which ignores it here. Remove it; listeners, users and disks have values of their own" $) -}}
    {{- end -}}
  {{- end -}}
{{- end -}}
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
