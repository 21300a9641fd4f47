{{/* Listeners: two for pods with client certificates (DMTN-210, 3.2.1.1: `tls` is for the schema registry), and one for external clients with passwords. */}}
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
{{- $listener := .Values.externalListener }}
{{- if $listener.enabled }}
{{- include "alert-stream-broker.checkExternalListener" . }}
- name: external
  port: {{ int $listener.port }}
  type: {{ $listener.type }}
  tls: {{ $listener.tls }}
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
{{- end }}

{{/* Strimzi reports a wrong listener only in the status of the Kafka object, minutes after the installation. */}}
{{- define "alert-stream-broker.checkExternalListener" -}}
{{- $listener := .Values.externalListener -}}
{{- if has (int $listener.port) (list 9092 9093 9404 9999) -}}
  {{- fail (printf "externalListener.port %v: 9092 and 9093 are the internal listeners, 9404 and 9999 are reserved by Strimzi. Use 9094 or another port" $listener.port) -}}
{{- end -}}
{{- $brokers := int .Values.kafka.replicas -}}
{{- $entries := $listener.brokers | default list -}}
{{- $given := len $entries -}}
{{- if and $given (ne $given $brokers) -}}
  {{- fail (printf "externalListener.brokers has %d entries, but there are %d brokers (kafka.replicas). Add one entry per broker, in the order of their node ids, or none" $given $brokers) -}}
{{- end -}}
{{- $named := 0 -}}
{{- range $entries }}{{ if .host }}{{ $named = add1 $named }}{{ end }}{{ end -}}
{{- if and (has (include "alert-stream-broker.tlsSource" .) (list "certificate" "secret")) (lt (int $named) $brokers) -}}
  {{- fail (printf "externalListener.brokers: %v of %d have a host. The certificate does not cover the address of the others: set a host for each broker, or tls.enabled to false" $named $brokers) -}}
{{- end -}}
{{- $entries = prepend $entries $listener.bootstrap -}}
{{- range $key, $types := dict "ip" (list "loadbalancer") "addressName" (list "loadbalancer") "nodePort" (list "loadbalancer" "nodeport") "host" (list "loadbalancer" "nodeport" "cluster-ip") -}}
  {{- $values := list -}}
  {{- range $entries }}{{ with get . $key }}{{ $values = append $values . }}{{ end }}{{ end -}}
  {{- if and $values (not (has $listener.type $types)) -}}
    {{- fail (printf "externalListener: %s is for the type %s only, not %s" $key (join " or " $types) $listener.type) -}}
  {{- end -}}
  {{- if and (ne (len $values) (len (uniq $values))) (not (and (eq $key "host") (eq $listener.type "nodeport"))) -}}
    {{- fail (printf "externalListener: two entries have the same %s. The bootstrap and each broker need their own" $key) -}}
  {{- end -}}
{{- end -}}
{{- end }}

{{/* `configuration` of the external listener; may be empty. */}}
{{- define "alert-stream-broker.externalConfiguration" -}}
{{- $listener := .Values.externalListener -}}
{{- if has (include "alert-stream-broker.tlsSource" .) (list "certificate" "secret") }}
brokerCertChainAndKey:
  secretName: {{ include "alert-stream-broker.tlsSecret" . }}
  certificate: tls.crt
  key: tls.key
{{- end }}
{{- with $listener.configuration }}
{{ toYaml . }}
{{- end }}
{{- $bootstrap := include "alert-stream-broker.address" (dict "listener" $listener "entry" $listener.bootstrap) | fromYaml }}
{{- with $listener.bootstrap.host }}
{{- /* Strimzi's own certificate is valid for this name, too. */}}
{{- $_ := set $bootstrap "alternativeNames" (list .) }}
{{- end }}
{{- with $bootstrap }}
bootstrap:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- $brokers := list }}
{{- range $index, $id := include "alert-stream-broker.ids" . | fromJsonArray }}
{{- $entry := dict }}
{{- if lt $index (len ($listener.brokers | default list)) }}{{ $entry = index $listener.brokers $index }}{{ end }}
{{- $address := include "alert-stream-broker.address" (dict "listener" $listener "entry" $entry) | fromYaml }}
{{- with $entry.host }}{{ $_ := set $address "advertisedHost" . }}{{ end }}
{{- with $entry.port }}{{ $_ := set $address "advertisedPort" (int .) }}{{ end }}
{{- if $address }}{{ $brokers = append $brokers (set $address "broker" (int $id)) }}{{ end }}
{{- end }}
{{- with $brokers }}
brokers:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* Address of the bootstrap or of a broker: {listener, entry}. GKE takes the name of a reserved address from an annotation. */}}
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
