{{/*
Application: {root: $, name, namespace, wave, sources: YAML of `source` or `sources`, paths: optional, ignoreDifferences: optional YAML}.
Waves require that Argo CD assesses the health of Applications: see ../argocd-cm.patch.yaml.
*/}}
{{- define "alert-stream-apps.application" -}}
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata:
  name: {{ .name }}
  namespace: {{ .root.Release.Namespace }}
  labels:
    {{- include "alert-stream-apps.labels" .root | nindent 4 }}
  annotations:
    argocd.argoproj.io/sync-wave: {{ .wave | quote }}
    # Compare with a dry run of the API server, which fills in the defaults of CRDs.
    argocd.argoproj.io/compare-options: ServerSideDiff=true
    {{- with .paths }}
    # Commits outside these paths do not render the charts again.
    argocd.argoproj.io/manifest-generate-paths: {{ . | quote }}
    {{- end }}
spec:
  project: {{ .root.Values.project }}
  destination:
    {{- include "alert-stream-apps.destination" .root | nindent 4 }}
    namespace: {{ .namespace }}
  {{- .sources | nindent 2 }}
  {{- with .ignoreDifferences }}
  ignoreDifferences:
    {{- . | nindent 4 }}
  {{- end }}
  syncPolicy:
    {{- include "alert-stream-apps.syncPolicy" .root | nindent 4 }}
    syncOptions:
      # Strimzi's CRDs are too large for client-side apply.
      - ServerSideApply=true
      - PruneLast=true
      {{- if .ignoreDifferences }}
      - RespectIgnoreDifferences=true
      {{- end }}
{{- end }}

{{- define "alert-stream-apps.syncPolicy" -}}
{{- with .Values.syncPolicy -}}
{{- if .automated.enabled -}}
automated:
  selfHeal: {{ .automated.selfHeal }}
  prune: {{ .automated.prune }}
{{ end -}}
retry:
  limit: {{ .retry.limit }}
  backoff:
    {{- toYaml .retry.backoff | nindent 4 }}
{{- end -}}
{{- end }}

{{- define "alert-stream-apps.labels" -}}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/part-of: alert-stream
{{- end }}

{{- define "alert-stream-apps.environment" -}}
{{- required "environment: set it to the name of a file in deploy/environments: local, idfint, prod or usdf" .Values.environment -}}
{{- end }}

{{/* A chart of this repository: {root: $, chart, valueFiles: list}. */}}
{{- define "alert-stream-apps.chartSource" -}}
source:
  repoURL: {{ .root.Values.repoURL }}
  targetRevision: {{ .root.Values.targetRevision | quote }}
  path: deploy/helm/{{ .chart }}
  helm:
    releaseName: {{ .chart }}
    {{- with .valueFiles }}
    valueFiles:
      {{- toYaml . | nindent 6 }}
    {{- end }}
{{- end }}

{{/* Namespaces of the enabled Applications, one per line. */}}
{{- define "alert-stream-apps.namespaces" -}}
{{- $names := list .Values.namespaces.system -}}
{{- if .Values.strimzi.enabled -}}{{- $names = append $names .Values.namespaces.strimzi -}}{{- end -}}
{{- if .Values.registryOperator.enabled -}}{{- $names = append $names .Values.namespaces.registryOperator -}}{{- end -}}
{{- $names | uniq | join "\n" -}}
{{- end }}

{{/* Target cluster, by name or by server. */}}
{{- define "alert-stream-apps.destination" -}}
{{- with .Values.destination -}}
{{- if .name -}}
name: {{ .name }}
{{- else -}}
server: {{ required "destination: set server or name of the cluster" .server }}
{{- end -}}
{{- end -}}
{{- end }}
