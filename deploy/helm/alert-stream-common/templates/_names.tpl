{{/*
Names and labels. Object names are fixed (those of DMTN-210), because KafkaUsers, Workload Identity bindings and the operators refer to them: there is
one installation per namespace, and the release name is only a label.
*/}}

{{/* Metadata: {root: $, name, component, namespace: optional, labels: optional dict, annotations: optional dict}. */}}
{{- define "alert-stream-common.metadata" -}}
name: {{ .name }}
namespace: {{ .namespace | default .root.Release.Namespace }}
labels:
  {{- mergeOverwrite (include "alert-stream-common.labels" . | fromYaml) (.labels | default dict) | toYaml | nindent 2 }}
{{- with .annotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* Common labels: {root: $, component: "ingester"}. */}}
{{- define "alert-stream-common.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" }}
{{ include "alert-stream-common.selectorLabels" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
app.kubernetes.io/part-of: alert-stream
{{- with (.root.Values.global | default dict).commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* Selector labels, which do not contain the version because selectors are immutable: {root: $, component: "ingester"}. */}}
{{- define "alert-stream-common.selectorLabels" -}}
app.kubernetes.io/name: {{ .root.Chart.Name }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
{{- with .component }}
app.kubernetes.io/component: {{ . }}
{{- end }}
{{- end }}

{{/* A string from `global`, or the chart's own value: {root: $, key: "clusterName", local: .Values.clusterName}. */}}
{{- define "alert-stream-common.shared" -}}
{{- get (.root.Values.global | default dict) .key | default .local -}}
{{- end }}

{{/* URL of the schema registry. Default: the registry in the release namespace. {root: $, local: the chart's own value}. */}}
{{- define "alert-stream-common.schemaRegistryURL" -}}
{{- $local := .local | default (printf "http://alert-schema-registry.%s.svc:8081" .root.Release.Namespace) -}}
{{- include "alert-stream-common.shared" (dict "root" .root "key" "schemaRegistryURL" "local" $local) -}}
{{- end }}

{{/* Name of a topic: {root: $, topic: "static"|"simulated"|"deadLetters", local: the chart's own value}. */}}
{{- define "alert-stream-common.topic" -}}
{{- $topics := (.root.Values.global | default dict).topics | default dict -}}
{{- get $topics .topic | default .local -}}
{{- end }}

{{/* Annotations that keep an object after its release is uninstalled, for Helm and for Argo CD. */}}
{{- define "alert-stream-common.keep" -}}
helm.sh/resource-policy: keep
argocd.argoproj.io/sync-options: Prune=false,Delete=false
{{- end }}

{{/* ServiceAccount of the pods of a component: {root: $, name, component, annotations}. */}}
{{- define "alert-stream-common.serviceAccount" -}}
apiVersion: v1
kind: ServiceAccount
metadata:
  {{- include "alert-stream-common.metadata" . | nindent 2 }}
automountServiceAccountToken: false
{{- end }}

{{/* Role, and its RoleBinding to a ServiceAccount of the release namespace: {root: $, name, component, namespace: optional, rules: YAML, account}. */}}
{{- define "alert-stream-common.role" -}}
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata:
  {{- include "alert-stream-common.metadata" . | nindent 2 }}
rules:
  {{- .rules | nindent 2 }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata:
  {{- include "alert-stream-common.metadata" . | nindent 2 }}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: Role
  name: {{ .name }}
subjects:
  - kind: ServiceAccount
    name: {{ .account }}
    namespace: {{ .root.Release.Namespace }}
{{- end }}

{{/* PodDisruptionBudget: {root: $, name, component, maxUnavailable}. Not minAvailable, which would block the drain of a node if there is only one pod. */}}
{{- define "alert-stream-common.pdb" -}}
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  {{- include "alert-stream-common.metadata" . | nindent 2 }}
spec:
  maxUnavailable: {{ int64 .maxUnavailable }}
  unhealthyPodEvictionPolicy: AlwaysAllow
  selector:
    matchLabels:
      {{- include "alert-stream-common.selectorLabels" . | nindent 6 }}
{{- end }}
