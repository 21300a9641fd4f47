{{/* What is shared with the other charts, by their common names. */}}
{{- define "alert-stream-broker.cluster" -}}
{{- include "alert-stream-common.shared" (dict "root" . "key" "clusterName" "local" .Values.cluster.name) -}}
{{- end }}

{{/* Labels of an object that the operator matches to the cluster: {root: $, component: "users"}. */}}
{{- define "alert-stream-broker.labels" -}}
{{ include "alert-stream-common.labels" . }}
strimzi.io/cluster: {{ include "alert-stream-broker.cluster" .root }}
{{- end }}

{{/*
Labels of Kafka and its node pools: {root: $, component}. The operator copies them to the pods, so a version among them would restart all brokers with
each new version of this chart.
*/}}
{{- define "alert-stream-broker.lastingLabels" -}}
{{- $labels := omit (include "alert-stream-common.labels" . | fromYaml) "helm.sh/chart" "app.kubernetes.io/version" -}}
{{- if .pool }}{{ $_ := set $labels "strimzi.io/cluster" (include "alert-stream-broker.cluster" .root) }}{{ end -}}
{{- toYaml $labels -}}
{{- end }}

{{/* "true" where the values are of the days of ZooKeeper; fails where they ask for what today's Kafka does not have. */}}
{{- define "alert-stream-broker.zookeeper" -}}
{{- $kafka := .Values.kafka -}}
{{- $given := list -}}
{{- if $kafka.logMessageFormatVersion }}{{ $given = append $given "kafka.logMessageFormatVersion" }}{{ end -}}
{{- if $kafka.interBrokerProtocolVersion }}{{ $given = append $given "kafka.interBrokerProtocolVersion" }}{{ end -}}
{{- if $given -}}
  {{- $given = join ", " $given -}}
  {{- if not (semverCompare "<4.0.0" $kafka.version) -}}
    {{- fail (printf "%s: Kafka %s has no such setting, as 4.0 took ZooKeeper and these protocol versions away. Remove it, and set kafka.metadataVersion" $given $kafka.version) -}}
  {{- end -}}
  {{- if ne (include "alert-stream-common.strimziAPIVersion" (dict "root" .)) "kafka.strimzi.io/v1beta2" -}}
    {{- fail (printf "%s: operators that serve kafka.strimzi.io/v1 run no ZooKeeper. Remove it for a cluster of today, or set strimziAPIVersion to kafka.strimzi.io/v1beta2 for an operator before 0.46" $given) -}}
  {{- end -}}
  {{- if $kafka.combined -}}
    {{- fail (printf "kafka.combined: with %s the cluster has ZooKeeper, and no controllers to combine with. Leave one of them out" $given) -}}
  {{- end -}}
true
{{- end -}}
{{- end }}

{{/* How the external listener's certificate comes to be: "certificate", "secret" or "strimzi". */}}
{{- define "alert-stream-broker.tlsSource" -}}
{{- if not (and .Values.tls.enabled .Values.externalListener.enabled) -}}strimzi
{{- else if .Values.tls.existingSecret -}}secret
{{- else if include "alert-stream-broker.hosts" . | fromJsonArray -}}certificate
{{- else -}}strimzi
{{- end -}}
{{- end }}

{{- define "alert-stream-broker.tlsSecret" -}}
{{- .Values.tls.existingSecret | default (printf "%s-external-tls" (include "alert-stream-broker.cluster" .)) -}}
{{- end }}

{{/* Host names of the external listener, as a JSON array. */}}
{{- define "alert-stream-broker.hosts" -}}
{{- $hosts := list -}}
{{- with .Values.externalListener.bootstrap.host }}{{ $hosts = append $hosts . }}{{ end -}}
{{- range .Values.externalListener.brokers }}{{ with .host }}{{ $hosts = append $hosts . }}{{ end }}{{ end -}}
{{- $hosts | toJson -}}
{{- end }}

{{/* Name of the Service through which a broker is reached from outside: {root: $, id}. As Strimzi names those of a listener `external` on 9094. */}}
{{- define "alert-stream-broker.brokerService" -}}
{{- $pool := ternary "kafka" .root.Values.kafka.nodePool.name (eq (include "alert-stream-broker.zookeeper" .root) "true") -}}
{{- $listener := ternary "" "-external" (eq (int .root.Values.externalListener.port) 9094) -}}
{{- printf "%s-%s%s-%v" (include "alert-stream-broker.cluster" .root) $pool $listener .id -}}
{{- end }}

{{/* Names are checked where they are used, as Kubernetes' own message does not name the value: {what, name}. */}}
{{- define "alert-stream-broker.checkName" -}}
{{- if or (not (regexMatch "^[a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*$" .name)) (gt (len .name) 253) -}}
{{- fail (printf "%s %q: it becomes the name of a Kubernetes object, so only a-z, 0-9, - and . are allowed, with a letter or digit at both ends" .what .name) -}}
{{- end -}}
{{- end }}
