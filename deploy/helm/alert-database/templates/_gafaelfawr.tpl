{{/*
Gafaelfawr's query, which both forms of the ingress are made of: `scope=A&scope=B&satisfy=any`.
*/}}

{{/* The query as {scopes: [..], any: bool, other: [..]}, YAML. Fails where it asks for nothing, as the archive would be open to everybody then. */}}
{{- define "alert-database.authQuery" -}}
{{- $scopes := list -}}
{{- $other := list -}}
{{- $any := false -}}
{{- range $part := splitList "&" .Values.ingress.gafaelfawrAuthQuery -}}
{{- if hasPrefix "scope=" $part -}}
{{- $scopes = append $scopes (trimPrefix "scope=" $part | replace "%3A" ":" | replace "%3a" ":") -}}
{{- else if eq $part "satisfy=any" -}}
{{- $any = true -}}
{{- else if and $part (ne $part "satisfy=all") -}}
{{- $other = append $other $part -}}
{{- end -}}
{{- end -}}
{{- if not (compact $scopes) -}}
{{- fail (printf "ingress.gafaelfawrAuthQuery %q asks for no scope, and everybody could read the archive; give scope=read:alertdb, or switch ingress.enabled off" .Values.ingress.gafaelfawrAuthQuery) -}}
{{- end -}}
{{- toYaml (dict "scopes" $scopes "any" $any "other" $other) -}}
{{- end }}

{{/* Rules of the Ingress: the path goes to the server as it is. Its admin port is not in the Service. */}}
{{- define "alert-database.ingressRules" -}}
- host: {{ .Values.ingress.host | quote }}
  http:
    paths:
      - path: {{ .Values.ingress.path }}
        pathType: Prefix
        backend:
          service:
            name: alert-database
            port:
              name: http
{{- end }}

{{/* What Gafaelfawr says of a request replaces what the client sent under these names; its own credentials are taken out of the first two. */}}
{{- define "alert-database.authHeaders" -}}
Authorization,Cookie,X-Auth-Request-Email,X-Auth-Request-Service,X-Auth-Request-Token,X-Auth-Request-User
{{- end }}
