{{/*
Strimzi refuses a listener with fields of another type, or with too few, in its status only, minutes after helm said that all is well. So it is told
here, with the name of the value.
*/}}
{{- define "alert-stream-broker.checkExternalListener" -}}
{{- $listener := .Values.externalListener -}}
{{- include "alert-stream-broker.checkListenerFields" $listener -}}
{{- include "alert-stream-broker.checkListenerHosts" . -}}
{{- if has (int $listener.port) (list 9092 9093) -}}
  {{- fail (printf "externalListener.port %v: the internal listeners have 9092 and 9093. Take 9094 or above" $listener.port) -}}
{{- end -}}
{{- if has (int $listener.port) (list 9404 9999) -}}
  {{- fail (printf "externalListener.port %v: Strimzi keeps 9404 and 9999 for metrics" $listener.port) -}}
{{- end -}}
{{- if and (eq $listener.type "tlsroute") (not $listener.parentRefs) -}}
  {{- fail "externalListener.parentRefs: type tlsroute needs a Gateway" -}}
{{- end -}}
{{- if and (not $listener.createBootstrapService) (or $listener.bootstrap.ip $listener.bootstrap.addressName $listener.bootstrap.host) -}}
  {{- fail "externalListener.bootstrap: with createBootstrapService false there is no bootstrap load balancer for this ip, addressName or host. Remove them, or leave it true" -}}
{{- end -}}
{{- end }}

{{- define "alert-stream-broker.checkListenerFields" -}}
{{- $listener := . -}}
{{- $types := dict
  "class" (list "loadbalancer" "ingress")
  "externalTrafficPolicy" (list "loadbalancer" "nodeport")
  "loadBalancerSourceRanges" (list "loadbalancer")
  "finalizers" (list "loadbalancer")
  "preferredNodePortAddressType" (list "nodeport")
  "parentRefs" (list "tlsroute")
-}}
{{- range $key, $allowed := $types -}}
  {{- if and (get $listener $key) (not (has $listener.type $allowed)) -}}
    {{- fail (printf "externalListener.%s: a listener of type %s has none, only %s. Remove it, or change externalListener.type" $key $listener.type (join ", " $allowed)) -}}
  {{- end -}}
{{- end -}}
{{- if ne $listener.type "loadbalancer" -}}
  {{- if not $listener.createBootstrapService -}}
    {{- fail (printf "externalListener.createBootstrapService: it can be false for type loadbalancer only, not %s" $listener.type) -}}
  {{- end -}}
  {{- if kindIs "bool" $listener.allocateLoadBalancerNodePorts -}}
    {{- fail (printf "externalListener.allocateLoadBalancerNodePorts: it is for type loadbalancer only, not %s" $listener.type) -}}
  {{- end -}}
{{- end -}}
{{- $entries := dict "bootstrap" $listener.bootstrap -}}
{{- range $id, $entry := $listener.brokers }}{{ $_ := set $entries (printf "brokers[%d]" $id) $entry }}{{ end -}}
{{- $fields := dict "ip" (list "loadbalancer") "addressName" (list "loadbalancer") "nodePort" (list "loadbalancer" "nodeport") -}}
{{- range $where, $entry := $entries -}}
  {{- range $key, $allowed := $fields -}}
    {{- if and (get $entry $key) (not (has $listener.type $allowed)) -}}
      {{- fail (printf "externalListener.%s.%s: a listener of type %s has none, only %s. Remove it, or change externalListener.type" $where $key $listener.type (join ", " $allowed)) -}}
    {{- end -}}
  {{- end -}}
{{- end -}}
{{- end }}

{{- define "alert-stream-broker.checkListenerHosts" -}}
{{- $listener := .Values.externalListener -}}
{{- $brokers := int .Values.kafka.replicas -}}
{{- $given := len ($listener.brokers | default list) -}}
{{- if and $given (ne $given $brokers) -}}
  {{- fail (printf "externalListener.brokers has %d entries, and there are %d brokers (kafka.replicas): give one for each, in the order of their ids 0 to %d, or none" $given $brokers (sub $brokers 1)) -}}
{{- end -}}
{{- $named := 0 -}}
{{- range $listener.brokers }}{{ if .host }}{{ $named = add1 $named }}{{ end }}{{ end -}}
{{- $byName := has $listener.type (list "ingress" "tlsroute") -}}
{{- if and $byName (or (not $listener.bootstrap.host) (lt (int $named) $brokers)) -}}
  {{- fail (printf "externalListener: type %s finds brokers by host name: give bootstrap.host and a host for each of the %d brokers" $listener.type $brokers) -}}
{{- end -}}
{{- if and (ne (include "alert-stream-broker.tlsSource" .) "strimzi") (lt (int $named) $brokers) -}}
  {{- fail (printf "externalListener.brokers: %v of %d have a host. Brokers without one would advertise an address that their certificate does not name: give all of them a host, or set tls.enabled to false" $named $brokers) -}}
{{- end -}}
{{- $once := list "ip" "addressName" -}}
{{- if ne $listener.type "nodeport" }}{{ $once = append $once "host" }}{{ end -}}
{{- range $key := $once -}}
  {{- $seen := list -}}
  {{- range $entry := prepend ($listener.brokers | default list) $listener.bootstrap -}}
    {{- with get $entry $key -}}
      {{- if has . $seen -}}
        {{- fail (printf "externalListener: %s %s is given twice. Bootstrap and each broker need one of their own" $key .) -}}
      {{- end -}}
      {{- $seen = append $seen . -}}
    {{- end -}}
  {{- end -}}
{{- end -}}
{{- end }}
