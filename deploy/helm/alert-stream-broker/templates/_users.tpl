{{/* All users as a YAML list, checked: superusers, who need no ACLs, and `users`, with permissions on their topics and groups only. */}}
{{- define "alert-stream-broker.users" -}}
{{- $users := list -}}
{{- range .Values.superusers }}{{ $users = append $users (dict "username" . "authentication" "tls" "component" "superusers") }}{{ end -}}
{{- range .Values.scramSuperusers }}{{ $users = append $users (dict "username" . "authentication" "scram-sha-512" "component" "superusers") }}{{ end -}}
{{- range .Values.users }}
{{- include "alert-stream-broker.checkPermissions" (dict "user" . "users" $.Values.users) }}
{{- $users = append $users (merge (dict "authentication" (.authentication | default "scram-sha-512") "component" "users") .) }}
{{- end -}}
{{- $cluster := include "alert-stream-broker.cluster" . -}}
{{- $names := list -}}
{{- range $users -}}
  {{- include "alert-stream-broker.checkName" (dict "what" (printf "%s: username" .component) "name" .username) -}}
  {{- if has .username $names -}}
    {{- fail (printf "users: %s is listed twice, in users, superusers or scramSuperusers" .username) -}}
  {{- end -}}
  {{- if or (has .username (list $.Values.passwords.secretName $.Values.tls.existingSecret)) (hasPrefix (printf "%s-" $cluster) .username) -}}
    {{- fail (printf "users: the operator stores credentials in a Secret with the name of the user, so %s could overwrite another Secret. Choose a name that does not start with %s-" .username $cluster) -}}
  {{- end -}}
  {{- if has .username (list "alert-stream-simulator" "alert-database-ingester" "alert-database-verify" "alert-stream-redrive" "alert-schema-registry") -}}
    {{- fail (printf "users: another chart of this system creates the user %s. Choose another name" .username) -}}
  {{- end -}}
  {{- if and (eq .authentication "tls") (gt (len .username) 64) -}}
    {{- fail (printf "users: %s is longer than the common name of a certificate may be (64 characters)" .username) -}}
  {{- end -}}
  {{- $names = append $names .username -}}
{{- end -}}
{{- toYaml $users -}}
{{- end }}

{{- define "alert-stream-broker.checkPermissions" -}}
{{- $user := .user -}}
{{- if not (or $user.readonlyTopics $user.topics) -}}
  {{- fail (printf "users: %s has neither readonlyTopics nor topics, and so no permissions" $user.username) -}}
{{- end -}}
{{- $reads := not (empty $user.readonlyTopics) -}}
{{- range $user.topics }}{{ if has "Read" .operations }}{{ $reads = true }}{{ end }}{{ end -}}
{{- if and $reads (not $user.groups) -}}
  {{- fail (printf "users: %s may read, but has no groups, so it could not consume. Set groups: [%s]" $user.username $user.username) -}}
{{- end -}}
{{- range $group := $user.groups -}}
  {{- if or (not $group) (contains "*" $group) -}}
    {{- fail (printf "users: %s, group %q: groups are prefixes. Start it with the username" $user.username $group) -}}
  {{- end -}}
  {{- if not $user.allowForeignGroups -}}
    {{- if not (hasPrefix $user.username $group) -}}
      {{- fail (printf "users: %s, group %s does not start with the username, so it could belong to another user. Rename it, or set allowForeignGroups: true" $user.username $group) -}}
    {{- end -}}
    {{- range $other := $.users -}}
      {{- if and (ne $other.username $user.username) (hasPrefix $group $other.username) -}}
        {{- fail (printf "users: %s, group %s is a prefix of the user %s, whose groups it would include. Rename one, or set allowForeignGroups: true" $user.username $group $other.username) -}}
      {{- end -}}
    {{- end -}}
  {{- end -}}
{{- end -}}
{{- end }}
