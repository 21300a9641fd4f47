{{- define "alert-stream-broker.checkKafka" -}}
{{- $kafka := .Values.kafka -}}
{{- include "alert-stream-broker.checkName" (dict "what" "cluster.name" "name" (include "alert-stream-broker.cluster" .)) -}}
{{- if not (has $kafka.version $kafka.supportedVersions) -}}
  {{- fail (printf "kafka.version %s: the operator supports %s. Use one of these, or set kafka.supportedVersions to the versions of your operator" $kafka.version (join ", " $kafka.supportedVersions)) -}}
{{- end -}}
{{- if $kafka.metadataVersion -}}
  {{- $metadata := regexFind "^[0-9]+[.][0-9]+" $kafka.metadataVersion -}}
  {{- if semverCompare (printf ">%s" (regexFind "^[0-9]+[.][0-9]+" $kafka.version)) $metadata -}}
    {{- fail (printf "kafka.metadataVersion %s is newer than kafka.version %s. Upgrade Kafka first, and the metadata when all brokers run the new version" $kafka.metadataVersion $kafka.version) -}}
  {{- end -}}
{{- end -}}
{{- $voters := ternary $kafka.replicas $kafka.controllers.replicas $kafka.combined | int -}}
{{- if eq (mod $voters 2) 0 -}}
  {{- fail (printf "%s %d: the controllers need a majority, so use an odd number" (ternary "kafka.combined with kafka.replicas" "kafka.controllers.replicas" $kafka.combined) $voters) -}}
{{- end -}}
{{- $brokers := splitList "-" $kafka.nodePool.nodeIds -}}
{{- $controllers := splitList "-" $kafka.controllers.nodeIds -}}
{{- if and (not $kafka.combined) (le (int (first $brokers)) (int (last $controllers))) (le (int (first $controllers)) (int (last $brokers))) -}}
  {{- fail (printf "kafka.nodePool.nodeIds %s and kafka.controllers.nodeIds %s overlap. Use separate ranges, because externalListener.brokers relies on the ids of brokers" $kafka.nodePool.nodeIds $kafka.controllers.nodeIds) -}}
{{- end -}}
{{- if and .Values.cruiseControl.enabled (lt (int $kafka.replicas) 2) -}}
  {{- fail "cruiseControl.enabled: there is nothing to balance with one broker (kafka.replicas)" -}}
{{- end -}}
{{- range $ca := list "clusterCa" "clientsCa" -}}
  {{- $values := get $.Values $ca -}}
  {{- if and $values.validityDays $values.renewalDays (ge (int $values.renewalDays) (int $values.validityDays)) -}}
    {{- fail (printf "%s.renewalDays %v must be less than validityDays %v. Otherwise the certificate is renewed all the time" $ca $values.renewalDays $values.validityDays) -}}
  {{- end -}}
{{- end -}}
{{- range $kafka.maintenanceTimeWindows }}
{{- if not (regexMatch "^\\S+ \\S+ \\S+ (\\? \\S+ [^ ?]+|[^ ?]+ \\S+ \\?)( \\S+)?$" .) }}
{{- fail (printf "kafka.maintenanceTimeWindows: %q is not a Quartz cron expression. It needs six fields, seconds first, and ? for day of month or day of week, such as * * 14-20 * * ?" .) }}
{{- end }}
{{- end }}
{{- end }}
