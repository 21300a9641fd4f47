{{/*
The archive: two buckets of Google Cloud Storage, or one volume.
*/}}

{{/* Flags of ingest and serve, the original's names. */}}
{{- define "alert-database.storeArgs" -}}
{{- $storage := .Values.storage -}}
{{- if $storage.file.enabled -}}
{{- if or $storage.gcp.alertBucket $storage.gcp.schemaBucket $storage.emulatorHost -}}
{{- fail "storage: file.enabled keeps the archive in a volume, and buckets are given too; empty storage.gcp and storage.emulatorHost, or switch storage.file off" -}}
{{- end -}}
- --alert-store=file:///var/lib/alert-stream/archive
{{- else -}}
{{- if not (and $storage.gcp.alertBucket $storage.gcp.schemaBucket) -}}
{{- fail "storage.gcp.alertBucket, storage.gcp.schemaBucket: both are needed (Terraform prints them: alert_bucket, schema_bucket); without Google Cloud set storage.file.enabled" -}}
{{- end -}}
- {{ printf "--gcp-bucket-alerts=%s" $storage.gcp.alertBucket | quote }}
- {{ printf "--gcp-bucket-schemas=%s" $storage.gcp.schemaBucket | quote }}
{{- with $storage.gcp.project }}
- {{ printf "--gcp-project=%s" . | quote }}
{{- end }}
{{- end }}
- --layout={{ $storage.layout }}
{{- end }}

{{- define "alert-database.storeEnv" -}}
{{- with .Values.storage.emulatorHost -}}
- name: STORAGE_EMULATOR_HOST
  value: {{ quote . }}
{{- end }}
{{- end }}

{{/* {root: $, readOnly: bool}. */}}
{{- define "alert-database.storeVolumeMount" -}}
{{- if .root.Values.storage.file.enabled -}}
- name: archive
  mountPath: /var/lib/alert-stream/archive
  {{- if .readOnly }}
  readOnly: true
  {{- end }}
{{- end }}
{{- end }}

{{- define "alert-database.storeVolume" -}}
{{- with .Values.storage.file -}}
{{- if .enabled -}}
- name: archive
  persistentVolumeClaim:
    claimName: {{ .existingClaim | default "alert-database-archive" }}
{{- end }}
{{- end }}
{{- end }}
