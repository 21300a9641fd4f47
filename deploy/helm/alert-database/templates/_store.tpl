{{/*
The archive: two buckets of Google Cloud Storage, or one volume.
*/}}

{{/* Where the archive is: `buckets`, or `volume` where no bucket is named. Fails where that is half said, or cannot have been meant. */}}
{{- define "alert-database.store" -}}
{{- $gcp := .Values.storage.gcp -}}
{{- if and $gcp.alertBucket (eq $gcp.alertBucket $gcp.schemaBucket) -}}
{{- fail (printf "storage.gcp: alertBucket and schemaBucket are both %s, and a purge of alerts would take the schemas along; name the two that Terraform prints (alert_bucket, schema_bucket)" $gcp.alertBucket) -}}
{{- else if and $gcp.alertBucket $gcp.schemaBucket -}}
buckets
{{- else if or $gcp.alertBucket $gcp.schemaBucket -}}
{{- fail "storage.gcp: alertBucket and schemaBucket go together (Terraform prints both: alert_bucket, schema_bucket)" -}}
{{- else if or .Values.storage.emulatorHost $gcp.project .Values.ingester.gcp.serviceAccountName .Values.server.gcp.serviceAccountName -}}
{{- fail "storage.gcp: a project, a service account or an emulator of Google Cloud is named, and no bucket; name alertBucket and schemaBucket (Terraform prints them: alert_bucket, schema_bucket), or leave those out for an archive in a volume" -}}
{{- else -}}
volume
{{- end -}}
{{- end }}

{{/* Flags of ingest and serve, the original's names. */}}
{{- define "alert-database.storeArgs" -}}
{{- $gcp := .Values.storage.gcp -}}
{{- if eq (include "alert-database.store" .) "buckets" -}}
- {{ printf "--gcp-bucket-alerts=%s" $gcp.alertBucket | quote }}
- {{ printf "--gcp-bucket-schemas=%s" $gcp.schemaBucket | quote }}
{{- with $gcp.project }}
- {{ printf "--gcp-project=%s" . | quote }}
{{- end }}
{{- else -}}
- --alert-store=file:///var/lib/alert-stream/archive
{{- end }}
- --layout={{ .Values.storage.layout }}
{{- end }}

{{- define "alert-database.storeEnv" -}}
{{- with .Values.storage.emulatorHost -}}
- name: STORAGE_EMULATOR_HOST
  value: {{ quote . }}
{{- end }}
{{- end }}

{{/* {root: $, readOnly: bool}. */}}
{{- define "alert-database.storeVolumeMount" -}}
{{- if eq (include "alert-database.store" .root) "volume" -}}
- name: archive
  mountPath: /var/lib/alert-stream/archive
  {{- if .readOnly }}
  readOnly: true
  {{- end }}
{{- end }}
{{- end }}

{{- define "alert-database.storeVolume" -}}
{{- if eq (include "alert-database.store" .) "volume" -}}
- name: archive
  persistentVolumeClaim:
    claimName: {{ .Values.storage.file.existingClaim | default "alert-database-archive" }}
{{- end }}
{{- end }}
