{{/* Flags and variables that a user adds. Duplicates and passwords in plain text are rejected here, because they would be found much later otherwise. */}}

{{/* Aliases of flags that the charts set. */}}
{{- define "alert-stream-common.flagAliases" -}}
--kafka-host: --broker
--kafka-topic: --topic
--kafka-topics: --topic
--kafka-group: --group
--schema-registry-address: --schema-registry-url
--endpoint-url: --s3-endpoint-url
{{- end }}

{{/* {path: "ingester.extraArgs", args: the chart's own flags as YAML, extra: list}. */}}
{{- define "alert-stream-common.extraArgs" -}}
{{- $own := list -}}
{{- $aliases := include "alert-stream-common.flagAliases" . | fromYaml -}}
{{- range (.args | fromYamlArray) -}}{{- $own = append $own (index (splitList "=" (toString .)) 0) -}}{{- end -}}
{{- range .extra -}}
{{- $flag := index (splitList "=" .) 0 -}}
{{- if has (get $aliases $flag | default $flag) $own -}}
{{- fail (printf "%s: the chart already sets %s. Change the value that it is made from instead (see the README)" $.path $flag) -}}
{{- end }}
- {{ quote . }}
{{- end -}}
{{- end }}

{{/* {path: "ingester.extraEnv", taken: names that the chart sets, extra: list of {name, value | valueFrom}}. */}}
{{- define "alert-stream-common.extraEnv" -}}
{{- $taken := .taken -}}
{{- range .extra -}}
{{- if has .name $taken -}}
{{- fail (printf "%s: %s is already set. Change the value that it is made from (see the README), or remove the duplicate" $.path .name) -}}
{{- end -}}
{{- if and (hasKey . "value") (regexMatch "(?i)(PASSWORD|PASSWD|SECRET|TOKEN|PRIVATE_?KEY|API_?KEY)$" .name) -}}
{{- fail (printf "%s: %s looks like a secret. Take it from a Secret with valueFrom.secretKeyRef" $.path .name) -}}
{{- end -}}
{{- $taken = append $taken .name }}
- {{ toYaml . | nindent 2 | trim }}
{{- end -}}
{{- end }}
