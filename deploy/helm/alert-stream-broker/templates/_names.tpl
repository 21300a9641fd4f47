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
{{- $listener := ternary "" "-external" (eq (int .root.Values.externalListener.port) 9094) -}}
{{- printf "%s-%s%s-%v" (include "alert-stream-broker.cluster" .root) .root.Values.kafka.nodePool.name $listener .id -}}
{{- end }}

{{/* Names are checked where they are used, as Kubernetes' own message does not name the value: {what, name}. */}}
{{- define "alert-stream-broker.checkName" -}}
{{- if or (not (regexMatch "^[a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*$" .name)) (gt (len .name) 253) -}}
{{- fail (printf "%s %q: it becomes the name of a Kubernetes object, so only a-z, 0-9, - and . are allowed, with a letter or digit at both ends" .what .name) -}}
{{- end -}}
{{- end }}
