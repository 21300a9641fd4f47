{{/*
What would give somebody more than was meant, or nothing at all: a group that is another's, a pattern where Kafka takes names, a user of two kinds.
Takes the root.
*/}}
{{- define "alert-stream-broker.checkUsers" -}}
{{- $names := list -}}
{{- range $index, $user := .Values.users -}}
  {{- include "alert-stream-broker.checkName" (dict "what" (printf "users[%d].username" $index) "name" $user.username) -}}
  {{- if has $user.username $names -}}
    {{- fail (printf "users: %s is listed twice. Put its topics and groups into one entry" $user.username) -}}
  {{- end -}}
  {{- include "alert-stream-broker.checkSecret" (dict "root" $ "list" "users" "name" $user.username) -}}
  {{- if has $user.username $.Values.superusers -}}
    {{- fail (printf "users: %s is in superusers too, to whom no rule applies. Take it out of one of the lists" $user.username) -}}
  {{- end -}}
  {{- if and (eq ($user.authentication | default "") "tls") (gt (len $user.username) 64) -}}
    {{- fail (printf "users: %s is longer than the 64 characters that a certificate's CN takes" $user.username) -}}
  {{- end -}}
  {{- $names = append $names $user.username -}}
  {{- include "alert-stream-broker.checkTopics" $user -}}
  {{- include "alert-stream-broker.checkGroups" (dict "user" $user "users" $.Values.users) -}}
{{- end -}}
{{- end }}

{{/* The user operator keeps credentials in a Secret of the user's name: it would write them over those that have it already. {root, list, name}. */}}
{{- define "alert-stream-broker.checkSecret" -}}
{{- $cluster := include "alert-stream-broker.cluster" .root -}}
{{- if or (eq .name .root.Values.passwords.secretName) (eq .name .root.Values.tls.existingSecret) (hasPrefix (printf "%s-" $cluster) .name) -}}
  {{- fail (printf "%s: %s is (or may be) a Secret of this system, which the user's own would overwrite, as it is named after the user. Take another name, one that does not begin with %s-" .list .name $cluster) -}}
{{- end -}}
{{- if has .name (list "alert-stream-simulator" "alert-database-ingester" "alert-stream-redrive" "alert-schema-registry") -}}
  {{- fail (printf "%s: %s is a program of this system, whose own chart makes its user. Take another name" .list .name) -}}
{{- end -}}
{{- end }}

{{- define "alert-stream-broker.checkTopics" -}}
{{- $user := . -}}
{{- if not $user.readonlyTopics -}}
  {{- fail (printf "users: %s has no readonlyTopics, so it could read nothing. Name its topics" $user.username) -}}
{{- end -}}
{{- range $topic := $user.readonlyTopics -}}
  {{- if and (ne $topic "*") (not (regexMatch "^[a-zA-Z0-9._-]{1,249}$" $topic)) -}}
    {{- fail (printf "users: %s, topic %q: topics are taken literally, of letters, digits, . _ and -; only \"*\" alone stands for all of them" $user.username $topic) -}}
  {{- end -}}
{{- end -}}
{{- end }}

{{- define "alert-stream-broker.checkGroups" -}}
{{- $user := .user -}}
{{- if not $user.groups -}}
  {{- fail (printf "users: %s has no groups, so it could not consume. Give it its own: groups: [%s]" $user.username $user.username) -}}
{{- end -}}
{{- range $group := $user.groups -}}
  {{- if or (not $group) (contains "*" $group) -}}
    {{- fail (printf "users: %s, group %q: groups are prefixes, and this one would be everybody's. Begin it with the username" $user.username $group) -}}
  {{- end -}}
  {{- if not $user.allowForeignGroups -}}
    {{- if not (hasPrefix $user.username $group) -}}
      {{- fail (printf "users: %s, group %s does not begin with the username, so it could be another's. Rename it, or set allowForeignGroups: true for this user" $user.username $group) -}}
    {{- end -}}
    {{- range $other := $.users -}}
      {{- if and (ne $other.username $user.username) (hasPrefix $group $other.username) -}}
        {{- fail (printf "users: %s, group %s is a prefix of the user %s, whose groups it would have too. Rename one, or set allowForeignGroups: true for %s" $user.username $group $other.username $user.username) -}}
      {{- end -}}
    {{- end -}}
  {{- end -}}
{{- end -}}
{{- end }}

{{/* Passwords that a VaultSecret with a list of keys would leave out. Takes the root. */}}
{{- define "alert-stream-broker.checkVaultKeys" -}}
{{- with .Values.vaultSecret.keys -}}
  {{- range $user := $.Values.users -}}
    {{- $key := printf "%s-password" $user.username -}}
    {{- if and (ne ($user.authentication | default "") "tls") (not (has $key $.Values.vaultSecret.keys)) -}}
      {{- fail (printf "vaultSecret.keys: %s is not among them, and so %s could not log in. Add it, or empty the list" $key $user.username) -}}
    {{- end -}}
  {{- end -}}
{{- end -}}
{{- end }}
