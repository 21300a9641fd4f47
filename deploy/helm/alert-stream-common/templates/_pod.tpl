{{/*
Pods of the one image: what a namespace with the Pod Security level `restricted` asks for, and where the program may write.
*/}}

{{/* Reference of the image: {root: $, image: the chart's own {repository, tag, digest}}. A digest wins over a tag. */}}
{{- define "alert-stream-common.image" -}}
{{- $image := include "alert-stream-common.imageValues" . | fromYaml -}}
{{- if $image.digest -}}
{{- printf "%s@%s" $image.repository $image.digest -}}
{{- else -}}
{{- printf "%s:%s" $image.repository ($image.tag | default .root.Chart.AppVersion) -}}
{{- end -}}
{{- end }}

{{/* `imagePullPolicy`, `imagePullSecrets` are the pod's: {root: $, image: ...}. A branch's tag moves, so it has to be pulled each time. */}}
{{- define "alert-stream-common.imagePullPolicy" -}}
{{- (include "alert-stream-common.imageValues" . | fromYaml).pullPolicy | default "IfNotPresent" -}}
{{- end }}

{{/* A tag set for all charts does not go with a digest of one chart, so the digest of the same level wins. Fails on what can be no image's name. */}}
{{- define "alert-stream-common.imageValues" -}}
{{- $image := deepCopy (.image | default dict) -}}
{{- $shared := (.root.Values.global | default dict).image | default dict -}}
{{- if or $shared.tag $shared.digest -}}
{{- $image = omit $image "tag" "digest" -}}
{{- end -}}
{{- range $key, $value := $shared -}}
{{- if $value -}}{{- $_ := set $image $key $value -}}{{- end -}}
{{- end -}}
{{- if contains "/" (toString $image.tag) -}}
{{- fail (printf "image.tag %q: a tag holds no /. The image of a branch has - in its place: %s" $image.tag (replace "/" "-" $image.tag)) -}}
{{- end -}}
{{- if regexMatch "[:@]" (base $image.repository) -}}
{{- fail (printf "image.repository %q: it is the name alone; put what follows into image.tag (or image.digest, which begins with sha256:)" $image.repository) -}}
{{- end -}}
{{- toYaml $image -}}
{{- end }}

{{/* Fields of a pod's spec that are alike everywhere: {root: $, serviceAccountName: optional, grace: seconds}. */}}
{{- define "alert-stream-common.podSpec" -}}
# The program takes ALERT_STREAM_* for its own flags: the variables that Kubernetes makes of Services would be in its way.
enableServiceLinks: false
automountServiceAccountToken: {{ .automountServiceAccountToken | default false }}
{{- with (.root.Values.global | default dict).imagePullSecrets | default .root.Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .serviceAccountName }}
serviceAccountName: {{ . }}
{{- end }}
{{- with .grace }}
terminationGracePeriodSeconds: {{ . }}
{{- end }}
securityContext:
  {{- include "alert-stream-common.podSecurityContext" . | nindent 2 }}
{{- end }}

{{/* The image's user, by number, as the kubelet cannot tell from a name that it is not root. */}}
{{- define "alert-stream-common.podSecurityContext" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
# Projected and secret volumes belong to this group: the files of Strimzi's Secrets are not for all.
fsGroup: 10001
# Once, and not at each start: an archive in a volume has millions of files.
fsGroupChangePolicy: OnRootMismatch
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{- define "alert-stream-common.containerSecurityContext" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop:
    - ALL
{{- end }}

{{/* Probes of a mode that runs for long: alive while the process answers, whatever becomes of Kafka; ready while it can do its work. */}}
{{- define "alert-stream-common.probes" -}}
startupProbe:
  httpGet:
    path: /livez
    port: admin
  periodSeconds: 2
  failureThreshold: 30
  timeoutSeconds: 4
livenessProbe:
  httpGet:
    path: /livez
    port: admin
  periodSeconds: 10
  failureThreshold: 6
  timeoutSeconds: 4
readinessProbe:
  httpGet:
    path: /readyz
    port: admin
  periodSeconds: 10
  failureThreshold: 2
  # Its checks take 2.5 s each, at most, side by side: the answer names the part that is down, so let it come.
  timeoutSeconds: 4
{{- end }}

{{/* Where pods may run: the values of one part that say so. */}}
{{- define "alert-stream-common.scheduling" -}}
{{- range $key := list "nodeSelector" "tolerations" "affinity" "priorityClassName" }}
{{- with get $ $key }}
{{ $key }}:
  {{- if kindIs "string" . }} {{ . }}{{ else }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}
{{- end }}
{{- end }}
