{{/*
The visit that is loaded: a file of the image, of a volume, or one that is made on the spot.
*/}}

{{/* Path of the file. Fails where two sources are given. */}}
{{- define "alert-stream-simulator.file" -}}
{{- $load := .Values.loadData -}}
{{- $baked := "/usr/share/alert-stream/sample-visit.avro" -}}
{{- if $load.generate.enabled -}}
{{- if or $load.existingClaim (ne $load.file $baked) -}}
{{- fail "loadData: generate.enabled makes the file, and existingClaim or file names another; give one of them" -}}
{{- end -}}
/data/visit.avro
{{- else -}}
{{- if and $load.existingClaim (not (hasPrefix "/data/" $load.file)) -}}
{{- fail (printf "loadData.file %q: the volume of loadData.existingClaim is mounted at /data, so name a file there: /data/visit.avro" $load.file) -}}
{{- end -}}
{{- if and (not $load.existingClaim) (hasPrefix "/data/" $load.file) -}}
{{- fail (printf "loadData.file %q: nothing is mounted at /data; name the volume in loadData.existingClaim" $load.file) -}}
{{- end -}}
{{- $load.file -}}
{{- end -}}
{{- end }}

{{/* Room for a file that is made: 82 KB for each alert of today's schema, with a margin. */}}
{{- define "alert-stream-simulator.sizeLimit" -}}
{{- with .Values.loadData.generate -}}
{{- .sizeLimit | default (printf "%dMi" (add 64 (div (mul (int64 .alerts) (int64 .visits) 96) 1024))) -}}
{{- end -}}
{{- end }}

{{- define "alert-stream-simulator.generateArgs" -}}
{{- with .Values.loadData.generate -}}
- /data/visit.avro
- --alerts={{ int64 .alerts }}
- --visits={{ int64 .visits }}
- --seed={{ int64 .seed }}
{{- with .schemaVersion }}
- --schema-version={{ . }}
{{- end }}
{{- end }}
- --schema-package=/usr/share/alert-stream/schemas
- --log-level={{ .Values.logLevel }}
{{- end }}

{{- define "alert-stream-simulator.loadArgs" -}}
- {{ include "alert-stream-simulator.file" . | quote }}
- --create-topic
{{ include "alert-stream-simulator.kafkaArgs" . }}
- {{ printf "--dst-topic=%s" (include "alert-stream-simulator.staticTopic" .) | quote }}
- --dst-topic-partitions={{ int64 .Values.staticTopicPartitions }}
- --dst-topic-replicas={{ int64 .Values.staticTopicReplicas }}
- --dst-topic-max-message-bytes={{ int64 .Values.maxMessageBytes }}
- {{ printf "--dead-letter-topic=%s" (include "alert-stream-simulator.deadLetterTopic" .) | quote }}
- --schema-package=/usr/share/alert-stream/schemas
{{- with .Values.schemaVersion }}
- --schema-version={{ . }}
{{- end }}
{{- if kindIs "invalid" .Values.schemaID }}
- {{ printf "--schema-registry-url=%s" (include "alert-stream-simulator.schemaRegistryURL" .) | quote }}
- {{ printf "--subject=%s" .Values.schemaSubject | quote }}
{{- else }}
- --schema-id={{ int64 .Values.schemaID }}
{{- end }}
{{- if .Values.loadData.fillIn }}
- --fill-in
{{- end }}
- --log-level={{ .Values.logLevel }}
{{- end }}
