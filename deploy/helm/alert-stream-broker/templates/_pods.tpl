{{/* Pod template of brokers and controllers: {root: $, selector: labels of the pods to spread}. */}}
{{- define "alert-stream-broker.podTemplate" -}}
{{- $pool := .root.Values.kafka.nodePool -}}
pod:
  enableServiceLinks: false
  terminationGracePeriodSeconds: {{ .root.Values.kafka.terminationGracePeriodSeconds }}
  {{- with .root.Values.kafka.podSecurityContext }}
  securityContext:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $pool.tolerations }}
  tolerations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- if or $pool.affinities (ne $pool.spread.nodes "off") }}
  affinity:
    {{- if $pool.affinities }}
    nodeAffinity:
      requiredDuringSchedulingIgnoredDuringExecution:
        nodeSelectorTerms:
          - matchExpressions:
              {{- range $pool.affinities }}
              - key: {{ .key }}
                operator: In
                values:
                  - {{ .value | quote }}
              {{- end }}
    {{- end }}
    {{- include "alert-stream-broker.antiAffinity" (dict "mode" $pool.spread.nodes "selector" .selector) | nindent 4 }}
  {{- end }}
  {{- if ne $pool.spread.zones "off" }}
  topologySpreadConstraints:
    - maxSkew: 1
      topologyKey: topology.kubernetes.io/zone
      whenUnsatisfiable: {{ ternary "DoNotSchedule" "ScheduleAnyway" (eq $pool.spread.zones "required") }}
      labelSelector:
        matchLabels:
          {{- toYaml .selector | nindent 10 }}
  {{- end }}
{{- include "alert-stream-broker.containerTemplates" (dict "root" .root "containers" (list "kafkaContainer" "initContainer")) }}
{{- end }}

{{- define "alert-stream-broker.antiAffinity" -}}
{{- $term := dict "topologyKey" "kubernetes.io/hostname" "labelSelector" (dict "matchLabels" .selector) -}}
{{- if eq .mode "required" -}}
podAntiAffinity:
  requiredDuringSchedulingIgnoredDuringExecution:
    {{- list $term | toYaml | nindent 4 }}
{{- else if eq .mode "preferred" -}}
podAntiAffinity:
  preferredDuringSchedulingIgnoredDuringExecution:
    {{- list (dict "weight" 100 "podAffinityTerm" $term) | toYaml | nindent 4 }}
{{- end -}}
{{- end }}

{{/* Security contexts of containers: {root: $, containers: names in a template of Strimzi}. */}}
{{- define "alert-stream-broker.containerTemplates" -}}
{{- with .root.Values.kafka.containerSecurityContext }}
{{- range $name := $.containers }}
{{ $name }}:
  securityContext:
    {{- toYaml $.root.Values.kafka.containerSecurityContext | nindent 4 }}
{{- end }}
{{- end }}
{{- end }}

{{/* Pod template of entity operator, Cruise Control and exporter, which have no volumes and no node affinity: {root: $, containers}. */}}
{{- define "alert-stream-broker.sidePodTemplate" -}}
pod:
  enableServiceLinks: false
  securityContext:
    runAsNonRoot: true
    seccompProfile:
      type: RuntimeDefault
{{- include "alert-stream-broker.containerTemplates" . }}
{{- end }}
