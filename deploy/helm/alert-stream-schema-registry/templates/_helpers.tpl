{{/* The registry's name, where it can be one. */}}
{{- define "alert-stream-schema-registry.name" -}}
{{- $name := .Values.name -}}
{{- if eq $name "schema-registry" -}}
{{- fail "name schema-registry: the Service of that name would give the registry's own pod a variable SCHEMA_REGISTRY_PORT, with which it refuses to start; take another name" -}}
{{- end -}}
{{- if not (regexMatch "^[a-z]([-a-z0-9]{0,48}[a-z0-9])?$" $name) -}}
{{- fail (printf "name %q: it is the name of a Service and of what hangs on it: small letters, digits and dashes, from a letter on, at most 50" $name) -}}
{{- end -}}
{{- $name -}}
{{- end }}

{{- define "alert-stream-schema-registry.readOnlyName" -}}
{{- include "alert-stream-schema-registry.name" . }}-read-only
{{- end }}

{{/* Behind the proxy: host:port. */}}
{{- define "alert-stream-schema-registry.upstream" -}}
{{- $proxy := .Values.readOnly.proxy -}}
{{- if and $proxy.resolver (not $proxy.upstream) -}}
{{- fail "readOnly.proxy.resolver: leave it empty without readOnly.proxy.upstream, as the address of this chart's own Service never changes" -}}
{{- end -}}
{{- $proxy.upstream | default (printf "%s-origin.%s.svc:%v" (include "alert-stream-schema-registry.name" .) .Release.Namespace .Values.port) -}}
{{- end }}

{{- define "alert-stream-schema-registry.clusterName" -}}
{{- $name := include "alert-stream-common.shared" (dict "root" $ "key" "clusterName" "local" .Values.clusterName) -}}
{{- if not $name -}}
{{- fail "clusterName: set it to the name of the Kafka cluster (the Kafka object of Strimzi)" -}}
{{- end -}}
{{- $name -}}
{{- end }}

{{/* The Service that the registry operator makes: never global.schemaRegistryURL, which may be the one that can only read. */}}
{{- define "alert-stream-schema-registry.url" -}}
http://{{ include "alert-stream-schema-registry.name" . }}.{{ .Release.Namespace }}.svc:{{ .Values.port }}
{{- end }}

{{/* How the registry is read from outside: proxy or none. */}}
{{- define "alert-stream-schema-registry.readOnlyMode" -}}
{{- $mode := .Values.readOnly.mode -}}
{{- if and .Values.ingress.enabled (eq $mode "none") -}}
{{- fail "readOnly.mode none: with ingress.enabled everybody could write to the registry and delete from it; set proxy" -}}
{{- end -}}
{{- if and .Values.ingress.enabled (not .Values.hostname) -}}
{{- fail "hostname: set it where ingress.enabled is, to the registry's own host, such as alert-schemas-int.lsst.cloud" -}}
{{- end -}}
{{- $mode -}}
{{- end }}

{{/* A topic whose name Kubernetes does not take (`_schemas`) is known there by one that it does. */}}
{{- define "alert-stream-schema-registry.topicObjectName" -}}
{{- .Values.schemaTopic | lower | replace "_" "-" | trimAll "-." -}}
{{- end }}

{{/* The image of the Job, where it has one of its own. */}}
{{- define "alert-stream-schema-registry.syncImage" -}}
{{- $image := deepCopy .Values.image -}}
{{- $own := .Values.schemaSync.image -}}
{{- if or $own.tag $own.digest -}}
{{- $image = omit $image "tag" "digest" -}}
{{- end -}}
{{- range $key, $value := $own -}}
{{- if $value -}}{{- $_ := set $image $key $value -}}{{- end -}}
{{- end -}}
{{- toYaml $image -}}
{{- end }}
