{{/*
The archive: buckets of Google Cloud Storage or of an S3 service, or a volume.
*/}}

{{/* Where the archive is: `gcp`, `s3`, or `volume` if no bucket is named. Fails if the values are incomplete or contradict each other. */}}
{{- define "alert-database.store" -}}
{{- $gcp := .Values.storage.gcp -}}
{{- $s3 := .Values.storage.s3 -}}
{{- if and $gcp.alertBucket $s3.alertBucket -}}
{{- fail "storage: name the buckets of gcp or of s3, not of both" -}}
{{- else if $gcp.alertBucket -}}
gcp
{{- else if $s3.alertBucket -}}
s3
{{- else if or $gcp.schemaBucket $s3.schemaBucket -}}
{{- fail "storage: schemaBucket is set without alertBucket. Set alertBucket; without schemaBucket it holds the schemas too" -}}
{{- else if or .Values.storage.emulatorHost $gcp.project .Values.ingester.gcp.serviceAccountName .Values.server.gcp.serviceAccountName -}}
{{- fail "storage.gcp: a project, a service account or an emulator of Google Cloud is set, but no bucket. Set alertBucket (Terraform prints alert_bucket and schema_bucket), or remove those for an archive in a volume" -}}
{{- else if or $s3.endpointURL $s3.existingSecret -}}
{{- fail "storage.s3: an endpoint or a Secret is set, but no bucket. Set storage.s3.alertBucket" -}}
{{- else -}}
volume
{{- end -}}
{{- end }}

{{/* "true" if the archive is in a volume that only one node can mount. Then there is one server and no autoscaler, and both parts share the node. */}}
{{- define "alert-database.singleNode" -}}
{{- if and (eq (include "alert-database.store" .) "volume") (not (has "ReadWriteMany" .Values.storage.file.accessModes)) -}}
{{- $replicas := dict "ingester.replicas" .Values.ingester.replicas "server.replicas" (.Values.server.replicas | default 1) -}}
{{- range $path, $count := $replicas -}}
{{- if gt (int $count) 1 -}}
{{- fail (printf "%s is %d, but storage.file.accessModes allows one node only: set it to 1, or use ReadWriteMany or buckets" $path (int $count)) -}}
{{- end -}}
{{- end -}}
{{- range $path, $values := dict "ingester.autoscaling.enabled" .Values.ingester.autoscaling "server.autoscaling.enabled" .Values.server.autoscaling -}}
{{- if $values.enabled -}}
{{- fail (printf "%s: storage.file.accessModes allows one node only, so there is nothing to scale: set it to false, or use ReadWriteMany or buckets" $path) -}}
{{- end -}}
{{- end -}}
true
{{- end -}}
{{- end }}

{{/* "true" if the server has a HorizontalPodAutoscaler. */}}
{{- define "alert-database.serverScales" -}}
{{- $enabled := .Values.server.autoscaling.enabled -}}
{{- if kindIs "bool" $enabled -}}
{{- ternary "true" "" $enabled -}}
{{- else if not (include "alert-database.singleNode" .) -}}
true
{{- end -}}
{{- end }}

{{/* How pods are replaced: {root: $}. A volume for one node is released by the old pod first. */}}
{{- define "alert-database.strategy" -}}
{{- if include "alert-database.singleNode" .root -}}
type: Recreate
{{- else -}}
type: RollingUpdate
# A new ingester joins the group before the old one hands over its partitions with their offsets, so no record is read twice.
rollingUpdate:
  maxSurge: 1
  maxUnavailable: 0
{{- end -}}
{{- end }}

{{/* Flags of ingest and serve. */}}
{{- define "alert-database.storeArgs" -}}
{{- $gcp := .Values.storage.gcp -}}
{{- $s3 := .Values.storage.s3 -}}
{{- $store := include "alert-database.store" . -}}
{{- if eq $store "gcp" -}}
- {{ printf "--gcp-bucket-alerts=%s" $gcp.alertBucket | quote }}
- {{ printf "--gcp-bucket-schemas=%s" ($gcp.schemaBucket | default $gcp.alertBucket) | quote }}
{{- with $gcp.project }}
- {{ printf "--gcp-project=%s" . | quote }}
{{- end }}
{{- else if eq $store "s3" -}}
{{- $prefix := $s3.prefix | trimAll "/" -}}
{{- $path := ternary (printf "/%s" $prefix) "" (ne $prefix "") -}}
- {{ printf "--alert-store=s3://%s%s" $s3.alertBucket $path | quote }}
- {{ printf "--schema-store=s3://%s%s" ($s3.schemaBucket | default $s3.alertBucket) $path | quote }}
{{- with $s3.endpointURL }}
- {{ printf "--s3-endpoint-url=%s" . | quote }}
{{- end }}
{{- with $s3.region }}
- {{ printf "--s3-region=%s" . | quote }}
{{- end }}
{{- if $s3.pathStyle }}
- --s3-path-style
{{- end }}
{{- else -}}
- --alert-store=file:///var/lib/alert-stream/archive
{{- end }}
- --layout={{ .Values.storage.layout }}
{{- end }}

{{/* Environment variables of ingest and serve: the address of an emulator, or the credentials of S3. */}}
{{- define "alert-database.storeEnv" -}}
{{- with .Values.storage.emulatorHost -}}
- name: STORAGE_EMULATOR_HOST
  value: {{ quote . }}
{{- end }}
{{- $s3 := .Values.storage.s3 -}}
{{- if and $s3.alertBucket $s3.existingSecret -}}
- name: AWS_ACCESS_KEY_ID
  valueFrom:
    secretKeyRef:
      name: {{ $s3.existingSecret }}
      key: {{ $s3.accessKeyIDKey }}
- name: AWS_SECRET_ACCESS_KEY
  valueFrom:
    secretKeyRef:
      name: {{ $s3.existingSecret }}
      key: {{ $s3.secretAccessKeyKey }}
{{- end }}
{{- end }}

{{/* Where a part runs: its own values, and for a volume of one node the node of the other part. {root: $, values: of the part}. */}}
{{- define "alert-database.scheduling" -}}
{{- $values := .values -}}
{{- if and (include "alert-database.singleNode" .root) (not $values.affinity) -}}
{{- $labels := dict "app.kubernetes.io/name" .root.Chart.Name "app.kubernetes.io/instance" .root.Release.Name -}}
{{- $term := dict "topologyKey" "kubernetes.io/hostname" "labelSelector" (dict "matchLabels" $labels) -}}
{{- $affinity := dict "podAffinity" (dict "requiredDuringSchedulingIgnoredDuringExecution" (list $term)) -}}
{{- $values = mergeOverwrite (deepCopy $values) (dict "affinity" $affinity) -}}
{{- end -}}
{{- include "alert-stream-common.scheduling" $values | trim -}}
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
