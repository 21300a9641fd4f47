{{/* Listeners of the brokers. Two for pods, by client certificate (DMTN-210, 3.2.1.1: `tls` for the schema registry), one for the world, by password. */}}
{{- define "alert-stream-broker.listeners" -}}
{{- range $name, $port := dict "internal" 9092 "tls" 9093 }}
- name: {{ $name }}
  port: {{ $port }}
  type: internal
  tls: true
  authentication:
    type: tls
  {{- with $.Values.networkPolicy.internalPeers }}
  networkPolicyPeers:
    {{- toYaml . | nindent 4 }}
    {{- with $.Values.networkPolicy.kedaNamespace }}
    - namespaceSelector:
        matchLabels:
          kubernetes.io/metadata.name: {{ . }}
    {{- end }}
  {{- end }}
{{- end }}
{{- if .Values.externalListener.enabled }}
{{ include "alert-stream-broker.externalListener" . }}
{{- end }}
{{- end }}

{{- define "alert-stream-broker.externalListener" -}}
{{- include "alert-stream-broker.checkExternalListener" . -}}
{{- $listener := .Values.externalListener -}}
- name: external
  port: {{ $listener.port }}
  type: {{ $listener.type }}
  tls: true
  authentication:
    type: scram-sha-512
  {{- with .Values.networkPolicy.externalPeers }}
  networkPolicyPeers:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with include "alert-stream-broker.externalConfiguration" . | fromYaml }}
  configuration:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end }}

{{/* `configuration` of the external listener; empty where there is nothing to say. Only fields that Strimzi takes for this type: the check saw to the values. */}}
{{- define "alert-stream-broker.externalConfiguration" -}}
{{- $listener := .Values.externalListener -}}
{{- if ne (include "alert-stream-broker.tlsSource" .) "strimzi" }}
brokerCertChainAndKey:
  secretName: {{ include "alert-stream-broker.tlsSecret" . }}
  certificate: tls.crt
  key: tls.key
{{- end }}
{{- range $key := list "class" "externalTrafficPolicy" "loadBalancerSourceRanges" "finalizers" "preferredNodePortAddressType" "parentRefs" "maxConnections" "maxConnectionCreationRate" }}
{{- with get $listener $key }}
{{ dict $key . | toYaml }}
{{- end }}
{{- end }}
{{- if not $listener.createBootstrapService }}
createBootstrapService: false
{{- end }}
{{- if kindIs "bool" $listener.allocateLoadBalancerNodePorts }}
allocateLoadBalancerNodePorts: {{ $listener.allocateLoadBalancerNodePorts }}
{{- end }}
{{- with include "alert-stream-broker.bootstrap" . | fromYaml }}
bootstrap:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- $brokers := include "alert-stream-broker.brokers" . | fromYamlArray }}
{{- if $brokers }}
brokers:
  {{- toYaml $brokers | nindent 2 }}
{{- end }}
{{- end }}

{{- define "alert-stream-broker.bootstrap" -}}
{{- $listener := .Values.externalListener -}}
{{- with $listener.bootstrap.host }}
{{- if has $listener.type (list "ingress" "route" "tlsroute") }}
host: {{ . }}
{{- else }}
# Strimzi's own certificates name it too, so that clients may come by this name before there is one by cert-manager.
alternativeNames:
  - {{ . }}
{{- end }}
{{- end }}
{{ include "alert-stream-broker.address" (dict "listener" $listener "entry" $listener.bootstrap) }}
{{- end }}

{{/* Entries by node id: the pool's ids begin with 0. An entry with nothing but an id is left out. */}}
{{- define "alert-stream-broker.brokers" -}}
{{- $listener := .Values.externalListener -}}
{{- $entries := $listener.brokers | default list }}
{{- range $id := until (int .Values.kafka.replicas) }}
{{- $entry := dict }}
{{- if lt $id (len $entries) }}{{ $entry = index $entries $id }}{{ end }}
{{- $address := include "alert-stream-broker.address" (dict "listener" $listener "entry" $entry) | fromYaml }}
{{- with $entry.host }}
{{- $_ := set $address (has $listener.type (list "ingress" "route" "tlsroute") | ternary "host" "advertisedHost") . }}
{{- end }}
{{- with $entry.port }}{{ $_ := set $address "advertisedPort" (int .) }}{{ end }}
{{- if $address }}
- {{ set $address "broker" $id | toYaml | nindent 2 | trim }}
{{- end }}
{{- end }}
{{- end }}

{{/* What bootstrap and brokers have alike: {listener, entry}. GKE takes the name of a reserved address from an annotation. */}}
{{- define "alert-stream-broker.address" -}}
{{- with .entry.ip }}
loadBalancerIP: {{ . }}
{{- end }}
{{- with .entry.nodePort }}
nodePort: {{ int . }}
{{- end }}
{{- $annotations := merge dict (.entry.annotations | default dict) (.listener.annotations | default dict) }}
{{- with .entry.addressName }}
{{- $annotations = merge (dict "networking.gke.io/load-balancer-ip-addresses" .) $annotations }}
{{- end }}
{{- with $annotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
