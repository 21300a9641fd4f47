{{/*
Metrics of a component, which its pods serve on the port `admin`: {root: $, name, component}. The ServiceMonitor needs a Service; it is not the one of
the API, so that no Ingress can lead to the admin port.
*/}}
{{- define "alert-stream-common.monitoring" -}}
{{- $monitor := .root.Values.monitoring.serviceMonitor }}
{{- $scrape := .root.Values.monitoring.podMonitoring }}
{{- if $monitor.enabled }}
---
apiVersion: v1
kind: Service
metadata:
  {{- include "alert-stream-common.metadata" (merge (dict "name" (printf "%s-admin" .name) "labels" (dict "alert-stream/port" "admin")) .) | nindent 2 }}
spec:
  clusterIP: None
  # Metrics show why a pod is not ready.
  publishNotReadyAddresses: true
  ports:
    - name: admin
      port: 9600
      targetPort: admin
  selector:
    {{- include "alert-stream-common.selectorLabels" . | nindent 4 }}
---
apiVersion: monitoring.coreos.com/v1
kind: ServiceMonitor
metadata:
  {{- include "alert-stream-common.metadata" (merge (dict "labels" $monitor.labels) .) | nindent 2 }}
spec:
  selector:
    matchLabels:
      {{- include "alert-stream-common.selectorLabels" . | nindent 6 }}
      alert-stream/port: admin
  endpoints:
    - port: admin
      path: /metrics
      interval: {{ $monitor.interval }}
{{- end }}
{{- if $scrape.enabled }}
---
apiVersion: monitoring.googleapis.com/v1
kind: PodMonitoring
metadata:
  {{- include "alert-stream-common.metadata" . | nindent 2 }}
spec:
  selector:
    matchLabels:
      {{- include "alert-stream-common.selectorLabels" . | nindent 6 }}
  endpoints:
    - port: admin
      path: /metrics
      interval: {{ $scrape.interval }}
{{- end }}
{{- end }}

{{/* PrometheusRule: {root: $, name, path, values: {enabled, labels, alertLabels}, needs: path of the value that `scraped` is true for, groups: {name: YAML}}. */}}
{{- define "alert-stream-common.prometheusRule" -}}
{{- if .values.enabled }}
{{- if not .scraped }}
{{- fail (printf "%s.enabled: the alerts need metrics. Set %s to true" .path .needs) }}
{{- end }}
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  {{- include "alert-stream-common.metadata" (merge (dict "component" "monitoring" "labels" .values.labels) .) | nindent 2 }}
spec:
  groups:
    {{- range $name, $alerts := .groups }}
    - name: {{ $name }}
      rules:
        {{- range fromYamlArray $alerts }}
        - {{ toYaml (merge (dict "labels" (merge (deepCopy .labels) $.values.alertLabels)) .) | nindent 10 | trim }}
        {{- end }}
    {{- end }}
{{- end }}
{{- end }}

{{/* NetworkPolicy that admits `from` to a port of the pods of a component: {root: $, name, component, rules: list of {from, port}}. */}}
{{- define "alert-stream-common.networkPolicy" -}}
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  {{- include "alert-stream-common.metadata" . | nindent 2 }}
spec:
  podSelector:
    matchLabels:
      {{- include "alert-stream-common.selectorLabels" . | nindent 6 }}
  policyTypes: [Ingress]
  {{- $rules := list }}
  {{- range .rules }}
  {{- if .from }}{{ $rules = append $rules (dict "from" .from "ports" (list (dict "port" .port))) }}{{ end }}
  {{- end }}
  ingress:
    {{- toYaml $rules | nindent 4 }}
{{- end }}
