{{/* Ingester and indexer: members of consumer groups that read the same topics. */}}

{{/* Flags of both: {root: $, values: of the component}. */}}
{{- define "alert-database.groupArgs" -}}
{{- $shared := .root.Values.ingester.kafka -}}
{{- include "alert-stream-common.kafka.args" (dict "root" .root "kafka" (include "alert-database.kafka" (dict "root" .root) | fromYaml)) }}
- {{ printf "--topic=%s" (include "alert-database.topics" .root | fromYamlArray | join ",") | quote }}
- {{ printf "--group=%s" .values.kafka.group | quote }}
- --leave-group-on-stop
- --session-timeout-seconds={{ int64 .values.kafka.sessionTimeoutSeconds }}
- --auto-offset-reset={{ $shared.autoOffsetReset }}
{{- if $shared.waitForTopic }}
- --wait-for-topic
{{- end }}
- {{ printf "--schema-registry-url=%s" (include "alert-database.schemaRegistryURL" .root) | quote }}
- --max-in-flight-mib={{ int64 .values.maxInFlightMiB }}
{{ include "alert-database.processArgs" .values }}
{{- end }}

{{/* Flags of each long-running mode, from the values of its component. */}}
{{- define "alert-database.processArgs" -}}
- --drain-seconds={{ int64 .drainSeconds }}
- --admin-port=9600
- --admin-host=0.0.0.0
- --log-level={{ .logLevel }}
{{- end }}

{{/* Deployment: {root: $, component, mode, values, args: all flags as YAML}. */}}
{{- define "alert-database.consumer" -}}
{{- $labels := pick . "root" "component" -}}
{{- /* A container that restarts in its pod gets its partitions back at once. A deleted pod leaves the group when it stops. */ -}}
{{- $instanceId := dict "name" "ALERT_STREAM_GROUP_INSTANCE_ID" "valueFrom" (dict "fieldRef" (dict "fieldPath" "metadata.name")) -}}
{{- $pod := include "alert-database.service" (merge (dict
  "env" (list $instanceId)
  "kafka" (include "alert-database.kafka" (dict "root" .root "user" .values.kafka.user) | fromYaml)
  "grace" (add .values.drainSeconds 10)
  "ports" (dict "admin" 9600)
) .) -}}
{{- $replicas := ternary dict (dict "replicas" .values.replicas) (dig "autoscaling" "enabled" false .values) -}}
{{ include "alert-stream-common.deployment" (merge (dict "name" (printf "alert-database-%s" .component) "values" .values "pod" $pod
  "strategy" (include "alert-database.strategy" .root)) $replicas $labels) }}
{{- end }}

{{/* Pod spec of a long-running component: keys of alert-database.pod. Spread over zones and nodes, if several nodes can mount the store. */}}
{{- define "alert-database.service" -}}
{{- $single := eq (include "alert-database.singleNode" .root) "true" -}}
{{- include "alert-database.pod" (merge (dict
  "serviceAccountName" .values.serviceAccountName
  "probes" (include "alert-stream-common.probes" dict)
  "spread" (ternary dict (pick . "root" "component") $single)
) .) -}}
{{- end }}
