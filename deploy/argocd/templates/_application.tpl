{{/*
An Application. {root: $, name, namespace, wave, sources: YAML of `source` or `sources`, paths: optional, ignoreDifferences: optional YAML}.
Waves hold only where Argo CD takes an Application's own health into account: see ../argocd-cm.patch.yaml.
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
    # The API server's own dry run tells what differs: defaults that a CRD fills in are no difference.
    argocd.argoproj.io/compare-options: ServerSideDiff=true
    {{- with .paths }}
    # A commit elsewhere in the repository renders nothing anew.
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
      # Strimzi's definitions are larger than the annotation that a client's apply keeps.
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

{{/* The namespaces that something is installed in, one a line. */}}
{{- define "alert-stream-apps.namespaces" -}}
{{- $names := list .Values.namespaces.system -}}
{{- if .Values.strimzi.enabled -}}{{- $names = append $names .Values.namespaces.strimzi -}}{{- end -}}
{{- if .Values.registryOperator.enabled -}}{{- $names = append $names .Values.namespaces.registryOperator -}}{{- end -}}
{{- $names | uniq | join "\n" -}}
{{- end }}

{{/* Argo CD takes a cluster by its name or by its server, not both. */}}
{{- define "alert-stream-apps.destination" -}}
{{- with .Values.destination -}}
{{- if .name -}}
name: {{ .name }}
{{- else -}}
server: {{ required "destination: give the cluster's server or its name" .server }}
{{- end -}}
{{- end -}}
{{- end }}
