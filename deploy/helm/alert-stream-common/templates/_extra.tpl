{{/*
What an operator may add to a container: flags and variables that the chart has no value for. Both are looked at here, as a flag given twice or a
password in a values file would only be found out much later.
*/}}

{{/* The program's other names of flags that charts set: one of these is the flag given twice all the same. */}}
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
{{- fail (printf "%s: %s is set by the chart already; change the value that it comes from (README.md lists them)" $.path $flag) -}}
{{- end }}
- {{ quote . }}
{{- end -}}
{{- end }}

{{/* {path: "ingester.extraEnv", taken: names that the chart sets, extra: list of {name, value | valueFrom}}. */}}
{{- define "alert-stream-common.extraEnv" -}}
{{- $taken := .taken | default list -}}
{{- range .extra -}}
{{- if has .name $taken -}}
{{- fail (printf "%s: %s is there already; change the value that it comes from (README.md lists them), or name it once" $.path .name) -}}
{{- end -}}
{{- if and (hasKey . "value") (regexMatch "(?i)(PASSWORD|PASSWD|SECRET|TOKEN|PRIVATE_?KEY|API_?KEY)$" .name) -}}
{{- fail (printf "%s: %s looks like a secret, and values files are no place for one; take it from a Secret with valueFrom.secretKeyRef" $.path .name) -}}
{{- end -}}
{{- $taken = append $taken .name }}
- {{ toYaml . | nindent 2 | trim }}
{{- end -}}
{{- end }}
