{{/* The archive: buckets of Google Cloud Storage or of an S3 service, or a volume. */}}

{{/* Type of the store: gcp, s3, or volume if no bucket is set. Fails if the values are incomplete or contradict each other. */}}
{{- define "alert-database.store" -}}
{{- $gcp := .Values.storage.gcp -}}
{{- $s3 := .Values.storage.s3 -}}
{{- if and $gcp.alertBucket $s3.alertBucket -}}
{{- fail "storage: set alertBucket in gcp or in s3, not in both" -}}
{{- else if $gcp.alertBucket -}}
gcp
{{- else if $s3.alertBucket -}}
s3
{{- else if or $gcp.schemaBucket $s3.schemaBucket $gcp.indexBucket $s3.indexBucket -}}
{{- fail "storage: schemaBucket or indexBucket is set without alertBucket. Set alertBucket; without the others it holds schemas and index too" -}}
{{- else if or .Values.storage.emulatorHost $gcp.project .Values.ingester.gcp.serviceAccountName .Values.server.gcp.serviceAccountName .Values.indexer.gcp.serviceAccountName -}}
{{- fail "storage.gcp: a project, a service account or an emulator of Google Cloud is set, but no bucket. Set alertBucket (Terraform prints alert_bucket and schema_bucket), or remove those for an archive in a volume" -}}
{{- else if or $s3.endpointURL $s3.existingSecret -}}
{{- fail "storage.s3: an endpoint or a Secret is set, but no bucket. Set storage.s3.alertBucket" -}}
{{- else -}}
volume
{{- end -}}
{{- end }}

{{/* "true" if the archive is in a volume that only one node can mount. Then all components run on that node, and nothing is scaled. */}}
{{- define "alert-database.singleNode" -}}
{{- if and (eq (include "alert-database.store" .) "volume") (not (has "ReadWriteMany" .Values.storage.file.accessModes)) -}}
{{- range $component := include "alert-database.services" . | fromYamlArray -}}
{{- $values := get $.Values $component -}}
{{- if gt (int ($values.replicas | default 1)) 1 -}}
{{- fail (printf "%s.replicas is %d, but storage.file.accessModes allows one node only: set it to 1, or use ReadWriteMany or buckets" $component (int $values.replicas)) -}}
{{- else if dig "autoscaling" "enabled" false $values -}}
{{- fail (printf "%s.autoscaling.enabled: storage.file.accessModes allows one node only. Set it to false, or use ReadWriteMany or buckets" $component) -}}
{{- end -}}
{{- end -}}
true
{{- end -}}
{{- end }}

{{/* Update strategy of a Deployment. The volume of a single node must be released by the old pod first. */}}
{{- define "alert-database.strategy" -}}
{{- if include "alert-database.singleNode" . -}}
type: Recreate
{{- else -}}
type: RollingUpdate
# A new ingester joins the group before the old one hands over its partitions with their offsets, so no record is read twice.
rollingUpdate:
  maxSurge: 1
  maxUnavailable: 0
{{- end -}}
{{- end }}

{{/* Store URL: {root: $, bucket: "alertBucket"|"schemaBucket"|"indexBucket"}. */}}
{{- define "alert-database.storeURL" -}}
{{- $store := include "alert-database.store" .root -}}
{{- if eq $store "volume" -}}
file:///var/lib/alert-stream/archive
{{- else -}}
{{- $values := get .root.Values.storage $store -}}
{{- $path := list (get $values .bucket | default $values.alertBucket) (get $values "prefix" | default "" | trimAll "/") | compact | join "/" -}}
{{- printf "%s://%s" (ternary "gs" "s3" (eq $store "gcp")) $path -}}
{{- end -}}
{{- end }}

{{/* Flags that name the stores, for ingest, serve and verify. */}}
{{- define "alert-database.storeArgs" -}}
{{- if eq (include "alert-database.store" .) "gcp" -}}
- {{ printf "--gcp-bucket-alerts=%s" .Values.storage.gcp.alertBucket | quote }}
- {{ printf "--gcp-bucket-schemas=%s" (.Values.storage.gcp.schemaBucket | default .Values.storage.gcp.alertBucket) | quote }}
{{- else -}}
- {{ printf "--alert-store=%s" (include "alert-database.storeURL" (dict "root" . "bucket" "alertBucket")) | quote }}
- {{ printf "--schema-store=%s" (include "alert-database.storeURL" (dict "root" . "bucket" "schemaBucket")) | quote }}
{{- end }}
{{- include "alert-database.serviceArgs" . }}
- --layout={{ .Values.storage.layout }}
{{- end }}

{{/* Flags for the connection to the storage service. */}}
{{- define "alert-database.serviceArgs" -}}
{{- $s3 := .Values.storage.s3 -}}
{{- with .Values.storage.gcp.project }}
- {{ printf "--gcp-project=%s" . | quote }}
{{- end }}
{{- with $s3.endpointURL }}
- {{ printf "--s3-endpoint-url=%s" . | quote }}
{{- end }}
{{- with $s3.region }}
- {{ printf "--s3-region=%s" . | quote }}
{{- end }}
{{- if $s3.pathStyle }}
- --s3-path-style
{{- end }}
{{- end }}

{{/* Environment variables for the storage service, as a YAML list: {root: $, readOnly: bool}. */}}
{{- define "alert-database.storeEnv" -}}
{{- with .root.Values.storage.emulatorHost }}
- name: STORAGE_EMULATOR_HOST
  value: {{ quote . }}
{{- end }}
{{- $s3 := .root.Values.storage.s3 }}
{{- $secret := and .readOnly $s3.readerSecret | default $s3.existingSecret }}
{{- if and $s3.alertBucket $secret }}
{{- range $variable, $key := dict "AWS_ACCESS_KEY_ID" $s3.accessKeyIDKey "AWS_SECRET_ACCESS_KEY" $s3.secretAccessKeyKey }}
- name: {{ $variable }}
  valueFrom:
    secretKeyRef:
      name: {{ $secret }}
      key: {{ $key }}
{{- end }}
{{- end }}
{{- end }}

{{/*
Pod spec of a component that uses the archive: {root: $, component, values, mode, args, readOnly: bool}, lists of further env, mounts and volumes, and
keys of alert-stream-common.pod. On a single node, the pods have an affinity to each other. `scratchMiB` is the size of a volume for temporary files.
*/}}
{{- define "alert-database.pod" -}}
{{- $part := deepCopy .values -}}
{{- if and (include "alert-database.singleNode" .root) (not $part.affinity) -}}
{{- $labels := include "alert-stream-common.selectorLabels" (dict "root" .root) | fromYaml -}}
{{- $term := dict "topologyKey" "kubernetes.io/hostname" "labelSelector" (dict "matchLabels" $labels) -}}
{{- $_ := set $part "affinity" (dict "podAffinity" (dict "requiredDuringSchedulingIgnoredDuringExecution" (list $term))) -}}
{{- end -}}
{{- $mounts := .mounts | default list -}}
{{- $volumes := .volumes | default list -}}
{{- if eq (include "alert-database.store" .root) "volume" -}}
{{- $mount := dict "name" "archive" "mountPath" "/var/lib/alert-stream/archive" -}}
{{- if .readOnly }}{{ $_ := set $mount "readOnly" true }}{{ end -}}
{{- $claim := .root.Values.storage.file.existingClaim | default "alert-database-archive" -}}
{{- $mounts = prepend $mounts $mount -}}
{{- $volumes = prepend $volumes (dict "name" "archive" "persistentVolumeClaim" (dict "claimName" $claim)) -}}
{{- end -}}
{{- if .scratchMiB -}}
{{- /* A file system needs more blocks than the files have bytes. */}}
{{- $size := printf "%dMi" (add .scratchMiB 64) -}}
{{- $mounts = append $mounts (dict "name" "scratch" "mountPath" (include "alert-database.scratch" .)) -}}
{{- $volumes = append $volumes (dict "name" "scratch" "emptyDir" (dict "sizeLimit" $size)) -}}
{{- $_ := set $part "resources" (merge $part.resources (dict "requests" (dict "ephemeral-storage" $size))) -}}
{{- end -}}
{{- $env := concat (.env | default list) (include "alert-database.storeEnv" (pick . "root" "readOnly") | fromYamlArray) -}}
{{- $pod := merge (dict "part" $part "name" .component "path" .component "image" (.values.image | default .root.Values.ingester.image)) (omit . "env" "mounts" "volumes" "scratchMiB") -}}
{{- range $key, $list := dict "env" $env "mounts" $mounts "volumes" $volumes }}{{ if $list }}{{ $_ := set $pod $key (toYaml $list) }}{{ end }}{{ end -}}
{{- include "alert-stream-common.pod" $pod -}}
{{- end }}

{{- define "alert-database.scratch" -}}
/var/cache/alert-stream
{{- end }}
