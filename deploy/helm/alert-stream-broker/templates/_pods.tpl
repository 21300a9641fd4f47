{{/* Template of Kafka's pods: where they run and as whom. {root: $, selector: labels of the pods that are to be spread} */}}
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
{{- if eq .mode "required" -}}
podAntiAffinity:
  requiredDuringSchedulingIgnoredDuringExecution:
    - topologyKey: kubernetes.io/hostname
      labelSelector:
        matchLabels:
          {{- toYaml .selector | nindent 10 }}
{{- else if eq .mode "preferred" -}}
podAntiAffinity:
  preferredDuringSchedulingIgnoredDuringExecution:
    - weight: 100
      podAffinityTerm:
        topologyKey: kubernetes.io/hostname
        labelSelector:
          matchLabels:
            {{- toYaml .selector | nindent 12 }}
{{- end -}}
{{- end }}

{{/* {root: $, containers: names in a template} */}}
{{- define "alert-stream-broker.containerTemplates" -}}
{{- with .root.Values.kafka.containerSecurityContext }}
{{- range $name := $.containers }}
{{ $name }}:
  securityContext:
    {{- toYaml $.root.Values.kafka.containerSecurityContext | nindent 4 }}
{{- end }}
{{- end }}
{{- end }}

{{/* Template of the pods beside Kafka's (entity operator, Cruise Control, exporter): they have no disks, and run anywhere. {root: $, containers} */}}
{{- define "alert-stream-broker.sidePodTemplate" -}}
pod:
  enableServiceLinks: false
  securityContext:
    runAsNonRoot: true
    seccompProfile:
      type: RuntimeDefault
{{- include "alert-stream-broker.containerTemplates" . }}
{{- end }}

{{/* Disks of a node: {first: {size, storageClassName}, class: default one, extra: list}. deleteClaim false: the data outlive the objects. */}}
{{- define "alert-stream-broker.storage" -}}
type: jbod
volumes:
  - id: 0
    type: persistent-claim
    size: {{ .first.size }}
    class: {{ .first.storageClassName | default .class }}
    deleteClaim: false
    {{- if .metadata }}
    kraftMetadata: shared
    {{- end }}
  {{- range $index, $volume := .extra }}
  - id: {{ add1 $index }}
    type: persistent-claim
    size: {{ $volume.size }}
    class: {{ $volume.storageClassName | default $.class }}
    deleteClaim: false
  {{- end }}
{{- end }}
