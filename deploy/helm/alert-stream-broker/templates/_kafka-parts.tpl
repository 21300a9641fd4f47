{{/* Parts of the Kafka object, and what is checked of its own values. */}}

{{- define "alert-stream-broker.checkKafka" -}}
{{- $kafka := .Values.kafka -}}
{{- include "alert-stream-broker.checkName" (dict "what" "cluster.name" "name" (include "alert-stream-broker.cluster" .)) -}}
{{- if not (has $kafka.version $kafka.supportedVersions) -}}
  {{- fail (printf "kafka.version %s: the operator supports %s. Take one of these, or list the versions of your operator in kafka.supportedVersions" $kafka.version (join ", " $kafka.supportedVersions)) -}}
{{- end -}}
{{- if $kafka.metadataVersion -}}
  {{- $metadata := regexFind "^[0-9]+[.][0-9]+" $kafka.metadataVersion -}}
  {{- if semverCompare (printf ">%s" (regexFind "^[0-9]+[.][0-9]+" $kafka.version)) $metadata -}}
    {{- fail (printf "kafka.metadataVersion %s is newer than kafka.version %s. Upgrade the version first, the metadata when all brokers run it" $kafka.metadataVersion $kafka.version) -}}
  {{- end -}}
{{- end -}}
{{- $voters := ternary $kafka.replicas $kafka.controllers.replicas $kafka.combined | int -}}
{{- if eq (mod $voters 2) 0 -}}
  {{- fail (printf "%s %d: controllers vote, so take an odd number" (ternary "kafka.combined with kafka.replicas" "kafka.controllers.replicas" $kafka.combined) $voters) -}}
{{- end -}}
{{- if and .Values.cruiseControl.enabled (lt (int $kafka.replicas) 2) -}}
  {{- fail "cruiseControl.enabled: there is nothing to balance on one broker (kafka.replicas)" -}}
{{- end -}}
{{- range $ca := list "clusterCa" "clientsCa" -}}
  {{- $values := get $.Values $ca -}}
  {{- if and $values.validityDays $values.renewalDays (ge (int $values.renewalDays) (int $values.validityDays)) -}}
    {{- fail (printf "%s.renewalDays %v: it has to be less than validityDays %v, or the authority would be renewed all the time" $ca $values.renewalDays $values.validityDays) -}}
  {{- end -}}
{{- end -}}
{{- end }}

{{/* Annotations that keep an object when its release goes: {keep}. Helm and Argo CD have one each. */}}
{{- define "alert-stream-broker.keep" -}}
{{- if .keep }}
helm.sh/resource-policy: keep
argocd.argoproj.io/sync-options: Delete=false,Prune=false
{{- end }}
{{- end }}

{{/* {values: {validityDays, renewalDays}} */}}
{{- define "alert-stream-broker.authority" -}}
{{- with .values.validityDays }}
validityDays: {{ int . }}
{{- end }}
{{- with .values.renewalDays }}
renewalDays: {{ int . }}
{{- end }}
{{- end }}

{{- define "alert-stream-broker.cruiseControl" -}}
{{- $values := .Values.cruiseControl -}}
{{- with $values.brokerCapacity }}
brokerCapacity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.config }}
config:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- if $values.autoRebalance }}
autoRebalance:
  - mode: add-brokers
  - mode: remove-brokers
{{- end }}
resources:
  {{- toYaml $values.resources | nindent 2 }}
template:
  {{- include "alert-stream-broker.sidePodTemplate" (dict "root" . "containers" (list "cruiseControlContainer")) | nindent 2 }}
{{- end }}

{{- define "alert-stream-broker.metricsConfig" -}}
{{- $metrics := .Values.metrics -}}
{{- if $metrics.enabled -}}
type: {{ $metrics.type }}
{{- if eq $metrics.type "jmxPrometheusExporter" }}
{{- if $metrics.allowList }}
{{- fail "metrics.allowList: it is of type strimziMetricsReporter. Remove it, or change metrics.type" }}
{{- end }}
valueFrom:
  configMapKeyRef:
    name: {{ include "alert-stream-broker.cluster" . }}-jmx-metrics
    key: kafka.yaml
{{- else }}
{{- with $metrics.allowList }}
values:
  allowList:
    {{- toYaml . | nindent 4 }}
{{- end }}
{{- end }}
{{- else if $metrics.podMonitor.enabled }}
{{- fail "metrics.podMonitor.enabled: there is nothing to be asked while metrics.enabled is false" }}
{{- end }}
{{- end }}
