{{/* Name of the registry and of its Service. */}}
{{- define "alert-stream-schema-registry.name" -}}
{{- $name := .Values.name -}}
{{- if eq $name "schema-registry" -}}
{{- fail "name schema-registry: a Service of this name sets SCHEMA_REGISTRY_PORT in the registry's pod, which then does not start. Choose another name" -}}
{{- end -}}
{{- if not (regexMatch "^[a-z]([-a-z0-9]{0,48}[a-z0-9])?$" $name) -}}
{{- fail (printf "name %q: it must be a valid name of a Service with at most 50 characters: lower-case letters, digits and dashes, starting with a letter" $name) -}}
{{- end -}}
{{- $name -}}
{{- end }}

{{- define "alert-stream-schema-registry.readOnlyName" -}}
{{- include "alert-stream-schema-registry.name" . }}-read-only
{{- end }}

{{/* host:port that the proxy forwards to. */}}
{{- define "alert-stream-schema-registry.upstream" -}}
{{- .Values.readOnly.proxy.upstream | default (printf "%s-origin.%s.svc:%v" (include "alert-stream-schema-registry.name" .) .Release.Namespace .Values.port) -}}
{{- end }}

{{- define "alert-stream-schema-registry.clusterName" -}}
{{- $name := include "alert-stream-common.shared" (dict "root" $ "key" "clusterName" "local" .Values.clusterName) -}}
{{- if not $name -}}
{{- fail "clusterName: set the name of Strimzi's Kafka object" -}}
{{- end -}}
{{- $name -}}
{{- end }}

{{/* URL of the Service that the registry operator creates. Not global.schemaRegistryURL, which may be read-only. */}}
{{- define "alert-stream-schema-registry.url" -}}
http://{{ include "alert-stream-schema-registry.name" . }}.{{ .Release.Namespace }}.svc:{{ .Values.port }}
{{- end }}

{{/* Public URL; empty without an ingress. */}}
{{- define "alert-stream-schema-registry.publicURL" -}}
{{- if .Values.ingress.enabled -}}
{{- if not .Values.hostname -}}
{{- fail "hostname: set the registry's own host name, such as alert-schemas-int.lsst.cloud, or set ingress.enabled to false" -}}
{{- end -}}
{{- if eq .Values.readOnly.mode "none" -}}
{{- fail "readOnly.mode none: everyone who can reach the ingress could change and delete schemas. Set readOnly.mode to proxy" -}}
{{- end -}}
{{- ternary "https" "http" .Values.ingress.tls }}://{{ .Values.hostname -}}
{{- end -}}
{{- end }}
