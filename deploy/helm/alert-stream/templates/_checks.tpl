{{/*
What no component can know by itself: whether what it is told fits what the others are told. Each fails with what differs, where, and what to do.
*/}}
{{- define "alert-stream.checks" -}}
{{- $settings := include "alert-stream.settings" . | fromYaml -}}
{{- include "alert-stream.checkClusters" $settings -}}
{{- include "alert-stream.checkTopics" (dict "settings" $settings "known" .Values.knownTopics) -}}
{{- include "alert-stream.checkReplicas" $settings -}}
{{- include "alert-stream.checkUsers" $settings -}}
{{- include "alert-stream.checkListeners" $settings -}}
{{- include "alert-stream.checkRegistry" $settings -}}
{{- include "alert-stream.checkKEDA" . -}}
{{- include "alert-stream.checkExistingKafka" . -}}
{{- end }}

{{/* Strimzi keeps KEDA from the brokers unless its namespace is among the listener's peers. */}}
{{- define "alert-stream.checkKEDA" -}}
{{- $policy := index .Values "alert-stream-broker" "networkPolicy" -}}
{{- $scales := and .Values.components.broker .Values.components.database (index .Values "alert-database" "ingester" "autoscaling" "enabled") -}}
{{- if and $scales (eq (toJson $policy.internalPeers) (toJson (list (dict "podSelector" dict)))) (not $policy.kedaNamespace) -}}
{{- fail "alert-database.ingester.autoscaling.enabled: KEDA cannot reach Kafka. Set alert-stream-broker.networkPolicy.kedaNamespace to its namespace, such as keda" -}}
{{- end -}}
{{- end }}

{{/* With a Kafka that others operate, neither its objects nor those that need its mutual TLS are ours. */}}
{{- define "alert-stream.checkExistingKafka" -}}
{{- if .Values.global.kafka.existing.cluster -}}
{{- range $component := list "broker" "schemaRegistry" "simulator" -}}
{{- if get $.Values.components $component -}}
{{- fail (printf "global.kafka.existing.cluster is set: set components.%s to false" $component) -}}
{{- end -}}
{{- end -}}
{{- range $topic := (include "alert-stream.settings" . | fromYaml).database.topics -}}
{{- if not (has $topic $.Values.knownTopics) -}}
{{- fail (printf "alert-database reads %q, which nobody makes: add it to knownTopics if it exists in the Kafka cluster" $topic) -}}
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
{{- fail (printf "the %s is of the Kafka %q, the %s of %q: set global.clusterName, which holds for all" $of $first $part .cluster) -}}
{{- end -}}
{{- $first = .cluster -}}
{{- $of = $part -}}
{{- end -}}
{{- end -}}
{{- end }}

{{- define "alert-stream.checkTopics" -}}
{{- $known := concat .known (list "*") -}}
{{- with .settings.simulator }}{{ $known = concat $known (list .static .replay .deadLetters) }}{{ end -}}
{{- with .settings.database }}{{ $known = concat $known .topics (list .deadLetters) }}{{ end -}}
{{- with .settings.broker -}}
{{- $known = append $known .deadLetters -}}
{{- range $user := .users -}}
{{- range .readonlyTopics -}}
{{- if not (has . $known) -}}
{{- fail (printf "alert-stream-broker.users: %s may read %q, which no component makes or reads: correct readonlyTopics, or list the topic in knownTopics where others make it" $user.username .) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if and .settings.simulator .settings.database -}}
{{- if not (has .settings.simulator.replay .settings.database.topics) -}}
{{- fail (printf "the simulator writes to %q, the archive reads %s: set global.topics.simulated, which holds for both" .settings.simulator.replay (join ", " .settings.database.topics)) -}}
{{- end -}}
{{- end -}}
{{- $letters := "" -}}
{{- $of := "" -}}
{{- range $part := list "broker" "simulator" "database" -}}
{{- with get $.settings $part -}}
{{- if .deadLetters -}}
{{- if and $letters (ne $letters .deadLetters) -}}
{{- fail (printf "dead letters: the %s has the topic %q, the %s %q: set global.topics.deadLetters, which holds for all" $of $letters $part .deadLetters) -}}
{{- end -}}
{{- $letters = .deadLetters -}}
{{- $of = $part -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if and .settings.broker .settings.simulator -}}
{{- if and .settings.broker.deadLetters (lt (int64 .settings.broker.deadLetterBytes) (int64 .settings.simulator.messageBytes)) -}}
{{- fail (printf "alert-stream-broker.deadLetters.maxMessageBytes is %d, but alerts may have %d (alert-stream-simulator.maxMessageBytes): a letter is the alert with its reasons, so give it more" (int64 .settings.broker.deadLetterBytes) (int64 .settings.simulator.messageBytes)) -}}
{{- end -}}
{{- end -}}
{{- end }}

{{/* A topic cannot have more copies than there are brokers: Strimzi would leave it unmade. */}}
{{- define "alert-stream.checkReplicas" -}}
{{- with .broker -}}
{{- $brokers := int .replicas -}}
{{- $wanted := list -}}
{{- with $.registry }}{{ $wanted = append $wanted (dict "path" "alert-stream-schema-registry.topic.replicas" "count" .replicas) }}{{ end -}}
{{- with $.simulator -}}
{{- $wanted = append $wanted (dict "path" "alert-stream-simulator.staticTopicReplicas" "count" .staticReplicas) -}}
{{- $wanted = append $wanted (dict "path" "alert-stream-simulator.replayTopicReplicas" "count" .replayReplicas) -}}
{{- end -}}
{{- range $wanted -}}
{{- if gt (int .count) $brokers -}}
{{- fail (printf "%s is %d, but alert-stream-broker.kafka.replicas is %d: a topic has at most one copy per broker" .path (int .count) $brokers) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end }}

{{/* All KafkaUsers are objects of one namespace: the second of a name would change the rights of the first. */}}
{{- define "alert-stream.checkUsers" -}}
{{- $seen := dict -}}
{{- $all := list -}}
{{- with .broker -}}
{{- range .superusers }}{{ $all = append $all (dict "name" . "of" "alert-stream-broker.superusers") }}{{ end -}}
{{- range .users }}{{ $all = append $all (dict "name" .username "of" "alert-stream-broker.users") }}{{ end -}}
{{- end -}}
{{- with .registry }}{{ $all = append $all (dict "name" .name "of" "alert-stream-schema-registry.name") }}{{ end -}}
{{- with .simulator }}{{ $all = append $all (dict "name" .user "of" "alert-stream-simulator.kafkaUserName") }}{{ end -}}
{{- with .database -}}
{{- range $index, $name := .users }}{{ $all = append $all (dict "name" $name "of" (index (list "alert-database.ingester.kafka.user" "alert-database.redrive.user") $index)) }}{{ end -}}
{{- end -}}
{{- range $user := $all -}}
{{- with get $seen $user.name -}}
{{- fail (printf "the Kafka user %q is there twice, by %s and by %s: each part has a user of its own" $user.name . $user.of) -}}
{{- end -}}
{{- $_ := set $seen $user.name $user.of -}}
{{- end -}}
{{- end }}

{{/* The listeners inside the cluster are fixed: `internal` on 9092 and `tls` on 9093, both with mutual TLS (DMTN-210, 3.2.1.1). */}}
{{- define "alert-stream.checkListeners" -}}
{{- if .broker -}}
{{- with .registry -}}
{{- if not (has .listener (list "internal" "tls")) -}}
{{- fail (printf "alert-stream-schema-registry.listener is %q: the chart alert-stream-broker has internal and tls inside the cluster" .listener) -}}
{{- end -}}
{{- end -}}
{{- range $part, $path := dict "simulator" "alert-stream-simulator.clusterPort" "database" "alert-database.ingester.kafka.port" -}}
{{- with get $ $part -}}
{{- if not (has (int .port) (list 9092 9093)) -}}
{{- fail (printf "%s is %d: the chart alert-stream-broker listens on 9092 and 9093 inside the cluster" $path (int .port)) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end }}

{{/* Who reads schemas finds a registry, and the one that the schemas are written to. */}}
{{- define "alert-stream.checkRegistry" -}}
{{- range $part, $path := dict "simulator" "alert-stream-simulator.schemaRegistryURL" "database" "alert-database.ingester.schemaRegistryURL" -}}
{{- with get $ $part -}}
{{- if and (not $.registry) (not .registryURL) -}}
{{- fail (printf "components.schemaRegistry is false: set global.schemaRegistryURL (or %s) to the registry that is there" $path) -}}
{{- end -}}
{{- with $.registry -}}
{{- $url := (get $ $part).registryURL -}}
{{- if and (not $url) (ne (printf "%s:%d" .name (int .port)) "alert-schema-registry:8081") -}}
{{- fail (printf "the schema registry is %s on port %d, but the %s asks alert-schema-registry:8081: set global.schemaRegistryURL, for example http://%s:%d" .name (int .port) $part .name (int .port)) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if and .registry .simulator -}}
{{- if and .registry.subject (ne .registry.subject .simulator.subject) -}}
{{- fail (printf "schemas are registered as %q (alert-stream-schema-registry.schemaSync.subject), the simulator looks for %q (alert-stream-simulator.schemaSubject): give both the same" .registry.subject .simulator.subject) -}}
{{- end -}}
{{- end -}}
{{- end }}
