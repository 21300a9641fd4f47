{{/* Objects that run pods: {root: $, name, component, pod: its spec as YAML}. */}}

{{/* Deployment: also values of the component, strategy as YAML, and replicas unless an autoscaler sets them. */}}
{{- define "alert-stream-common.deployment" -}}
apiVersion: apps/v1
kind: Deployment
metadata:
  {{- include "alert-stream-common.metadata" . | nindent 2 }}
spec:
  {{- if hasKey . "replicas" }}
  replicas: {{ int64 .replicas }}
  {{- end }}
  selector:
    matchLabels:
      {{- include "alert-stream-common.selectorLabels" . | nindent 6 }}
  strategy:
    {{- .strategy | nindent 4 }}
  template:
    metadata:
      {{- include "alert-stream-common.podMetadata" . | nindent 6 }}
    spec:
      {{- .pod | nindent 6 }}
{{- end }}

{{/* Job: also the keys of alert-stream-common.job, and optionally annotations. */}}
{{- define "alert-stream-common.jobObject" -}}
apiVersion: batch/v1
kind: Job
metadata:
  {{- include "alert-stream-common.metadata" . | nindent 2 }}
{{ include "alert-stream-common.jobTemplate" . }}
{{- end }}

{{/* CronJob: also the keys of alert-stream-common.job, and schedule; without it, the CronJob is a template for manual Jobs and never runs by itself. */}}
{{- define "alert-stream-common.cronJob" -}}
apiVersion: batch/v1
kind: CronJob
metadata:
  {{- include "alert-stream-common.metadata" . | nindent 2 }}
spec:
  {{- if .schedule }}
  schedule: {{ .schedule | quote }}
  timeZone: Etc/UTC
  startingDeadlineSeconds: 3600
  {{- else }}
  suspend: true
  # Required, but without effect in a suspended CronJob.
  schedule: "59 23 31 12 *"
  {{- end }}
  concurrencyPolicy: Forbid
  # The history keeps the logs, which are the reports. A TTL would delete the report of a failure before somebody reads it.
  successfulJobsHistoryLimit: 3
  failedJobsHistoryLimit: 7
  jobTemplate:
    metadata:
      labels:
        {{- include "alert-stream-common.selectorLabels" . | nindent 8 }}
    {{- include "alert-stream-common.jobTemplate" . | nindent 4 }}
{{- end }}

{{/* The spec of a Job. */}}
{{- define "alert-stream-common.jobTemplate" -}}
spec:
  {{- include "alert-stream-common.job" . | nindent 2 }}
  template:
    metadata:
      labels:
        {{- include "alert-stream-common.selectorLabels" . | nindent 8 }}
    spec:
      {{- .pod | nindent 6 }}
{{- end }}
