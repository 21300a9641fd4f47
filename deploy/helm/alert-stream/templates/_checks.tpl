{{/* Strimzi's NetworkPolicy admits KEDA only if its namespace is among the peers of the listener. */}}
{{- define "alert-stream.checkKEDA" -}}
{{- $policy := index .Values "alert-stream-broker" "networkPolicy" -}}
{{- $scales := and .Values.components.broker .Values.components.database (index .Values "alert-database" "ingester" "autoscaling" "enabled") -}}
{{- if and $scales (eq (toJson $policy.internalPeers) (toJson (list (dict "podSelector" dict)))) (not $policy.kedaNamespace) (not .Values.global.kafka.existing.cluster) -}}
{{- fail "alert-database.ingester.autoscaling.enabled: KEDA cannot reach Kafka. Set alert-stream-broker.networkPolicy.kedaNamespace to its namespace, such as keda" -}}
{{- end -}}
{{- end }}

{{/* The registry and the simulator need mutual TLS with a Kafka cluster of this release. */}}
{{- define "alert-stream.checkExistingKafka" -}}
{{- if .Values.global.kafka.existing.cluster -}}
{{- range $component := list "schemaRegistry" "simulator" -}}
{{- if get $.Values.components $component -}}
{{- fail (printf "global.kafka.existing.cluster is set: set components.%s to false" $component) -}}
{{- end -}}
{{- end -}}
{{- $settings := include "alert-stream.settings" . | fromYaml -}}
{{- $known := .Values.knownTopics -}}
{{- range ($settings.broker | default dict).topics }}{{ $known = append $known .name }}{{ end -}}
{{- range ($settings.database | default dict).topics -}}
{{- if not (has . $known) -}}
{{- fail (printf "alert-database reads the topic %q, which no component creates. If it exists in the Kafka cluster, add it to knownTopics" .) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end }}

{{- define "alert-stream.checkClusters" -}}
{{- $first := "" -}}
{{- $of := "" -}}
{{- range $part := list "broker" "registry" "simulator" "database" -}}
{{- with get $ $part -}}
{{- if and $first (ne $first .cluster) -}}
{{- fail (printf "the %s uses the Kafka cluster %q, and the %s uses %q. Set global.clusterName, which applies to all components" $of $first $part .cluster) -}}
{{- end -}}
{{- $first = .cluster -}}
{{- $of = $part -}}
{{- end -}}
{{- end -}}
{{- end }}

{{- define "alert-stream.checkTopics" -}}
{{- $known := append .known "*" -}}
{{- with .simulator }}{{ $known = concat $known (list .static .replay .deadLetters) }}{{ end -}}
{{- with .database }}{{ $known = concat $known .topics (list .deadLetters) }}{{ end -}}
{{- with .broker -}}
{{- $known = append $known .deadLetters -}}
{{- range .topics }}{{ $known = append $known .name }}{{ end -}}
{{- range $user := .users -}}
{{- $topics := $user.readonlyTopics | default list -}}
{{- range $user.topics }}{{ $topics = append $topics .name }}{{ end -}}
{{- range $topics -}}
{{- if not (has . $known) -}}
{{- fail (printf "alert-stream-broker.users: %s has permissions on the topic %q, which no component creates. Correct the name, or add the topic to knownTopics if others create it" $user.username .) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if and .simulator .database -}}
{{- if not (has .simulator.replay .database.topics) -}}
{{- fail (printf "the simulator writes to %q, but the archive reads %s. Set global.topics.simulated, which applies to both" .simulator.replay (join ", " .database.topics)) -}}
{{- end -}}
{{- end -}}
{{- end }}

{{- define "alert-stream.checkDeadLetters" -}}
{{- $letters := "" -}}
{{- $of := "" -}}
{{- range $part := list "broker" "simulator" "database" -}}
{{- with (get $ $part | default dict).deadLetters -}}
{{- if and $letters (ne $letters .) -}}
{{- fail (printf "dead letters: the %s uses the topic %q, and the %s uses %q. Set global.topics.deadLetters, which applies to all components" $of $letters $part .) -}}
{{- end -}}
{{- $letters = . -}}
{{- $of = $part -}}
{{- end -}}
{{- end -}}
{{- if and (.broker | default dict).deadLetters .simulator -}}
{{- if lt (int64 .broker.deadLetterBytes) (int64 .simulator.messageBytes) -}}
{{- fail (printf "alert-stream-broker.deadLetters.maxMessageBytes is %d, but alerts may have %d bytes (alert-stream-simulator.maxMessageBytes). A dead letter is an alert with additional headers, so raise it" (int64 .broker.deadLetterBytes) (int64 .simulator.messageBytes)) -}}
{{- end -}}
{{- end -}}
{{- end }}

{{/* Strimzi does not create a topic with more replicas than brokers. */}}
{{- define "alert-stream.checkReplicas" -}}
{{- if .broker -}}
{{- $wanted := dict -}}
{{- with .registry }}{{ $_ := set $wanted "alert-stream-schema-registry.topic.replicas" .replicas }}{{ end -}}
{{- with .simulator -}}
{{- $wanted = merge $wanted (dict "alert-stream-simulator.staticTopicReplicas" .staticReplicas "alert-stream-simulator.replayTopicReplicas" .replayReplicas) -}}
{{- end -}}
{{- range $path, $count := $wanted -}}
{{- if gt (int $count) (int $.broker.replicas) -}}
{{- fail (printf "%s is %d, but alert-stream-broker.kafka.replicas is %d: each replica needs its own broker" $path (int $count) (int $.broker.replicas)) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end }}

{{/* A second KafkaUser of the same name would replace the permissions of the first. */}}
{{- define "alert-stream.checkUsers" -}}
{{- $all := list -}}
{{- with .broker -}}
{{- range .users }}{{ $all = append $all .username }}{{ end -}}
{{- $all = concat $all .superusers -}}
{{- end -}}
{{- with .registry }}{{ $all = append $all .name }}{{ end -}}
{{- range list "simulator" "database" }}{{ with get $ . }}{{ $all = concat $all .users }}{{ end }}{{ end -}}
{{- $seen := list -}}
{{- range $all -}}
{{- if has . $seen -}}
{{- fail (printf "two components create the Kafka user %q. Rename one of them" .) -}}
{{- end -}}
{{- $seen = append $seen . -}}
{{- end -}}
{{- end }}

{{/* The internal listeners are `internal` on 9092 and `tls` on 9093, both with mutual TLS (DMTN-210, 3.2.1.1). */}}
{{- define "alert-stream.checkListeners" -}}
{{- if .broker -}}
{{- if not (has (.registry | default (dict "listener" "tls")).listener (list "internal" "tls")) -}}
{{- fail (printf "alert-stream-schema-registry.listener is %q. Use internal or tls, the internal listeners of alert-stream-broker" .registry.listener) -}}
{{- end -}}
{{- range $part, $path := dict "simulator" "alert-stream-simulator.clusterPort" "database" "alert-database.ingester.kafka.port" -}}
{{- with get $ $part -}}
{{- if not (has (int .port) (list 9092 9093)) -}}
{{- fail (printf "%s is %d. Use 9092 or 9093, the internal listeners of alert-stream-broker" $path (int .port)) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end }}

{{/* Simulator and archive use the registry in which the schemas are registered. */}}
{{- define "alert-stream.checkRegistry" -}}
{{- range $part, $path := dict "simulator" "alert-stream-simulator.schemaRegistryURL" "database" "alert-database.ingester.schemaRegistryURL" -}}
{{- with get $ $part -}}
{{- if not .registryURL -}}
{{- if not $.registry -}}
{{- fail (printf "components.schemaRegistry is false: set global.schemaRegistryURL (or %s) to the URL of an existing registry" $path) -}}
{{- end -}}
{{- $address := printf "%s:%d" $.registry.name (int $.registry.port) -}}
{{- if ne $address "alert-schema-registry:8081" -}}
{{- fail (printf "the schema registry is %s, but the %s uses alert-schema-registry:8081. Set global.schemaRegistryURL, for example http://%s" $address $part $address) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if and (.registry | default dict).subject .simulator -}}
{{- if ne .registry.subject .simulator.subject -}}
{{- fail (printf "schemas are registered as %q (alert-stream-schema-registry.schemaSync.subject), but the simulator looks up %q (alert-stream-simulator.schemaSubject). Use the same subject" .registry.subject .simulator.subject) -}}
{{- end -}}
{{- end -}}
{{- end }}
