{{/* Pods of the alert-stream image. They meet the Pod Security level `restricted`. */}}

{{/* Image reference: {root: $, image: {repository, tag, digest}}. A digest takes precedence over a tag. */}}
{{- define "alert-stream-common.image" -}}
{{- $image := include "alert-stream-common.imageValues" . | fromYaml -}}
{{- if $image.digest -}}
{{- printf "%s@%s" $image.repository $image.digest -}}
{{- else -}}
{{- printf "%s:%s" $image.repository ($image.tag | default .root.Chart.AppVersion) -}}
{{- end -}}
{{- end }}

{{/* `global.image` over the chart's own image. A global tag also replaces the chart's own digest, and a global digest its tag. */}}
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
{{- fail (printf "image.tag %q: a tag cannot contain a slash. The image of a branch has a dash instead: %s" $image.tag (replace "/" "-" $image.tag)) -}}
{{- end -}}
{{- if regexMatch "[:@]" (base $image.repository) -}}
{{- fail (printf "image.repository %q: put the tag into image.tag, or the digest into image.digest" $image.repository) -}}
{{- end -}}
{{- toYaml $image -}}
{{- end }}

{{/*
Pod spec with one container of the image. Keys:
  root, name      $ and the name of the container
  image           image values of the component
  mode, args      mode of the program and its flags, as YAML; or command, a list, with args
  part, path      values of the component (resources, extraArgs, extraEnv, nodeOptions, scheduling, extraVolumes ...) and their path, for messages
  kafka           {cluster, user} of the credentials to mount
  env, mounts, volumes, initContainers, probes   further parts, as YAML
  ports           {name: number}
  serviceAccountName, token, grace, restartPolicy, activeDeadlineSeconds, preStopSeconds   as in Kubernetes
  spread          {root, component} of the pods to spread over zones and nodes
*/}}
{{- define "alert-stream-common.pod" -}}
{{- $part := .part | default dict -}}
{{- $credentials := dict -}}
{{- if .kafka }}{{ $credentials = include "alert-stream-common.kafka.credentials" . | fromYaml }}{{ end -}}
# The program reads ALERT_STREAM_* as flags, and service links would set such variables.
enableServiceLinks: false
automountServiceAccountToken: {{ .token | default false }}
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
{{- with .restartPolicy }}
restartPolicy: {{ . }}
{{- end }}
{{- with .activeDeadlineSeconds }}
activeDeadlineSeconds: {{ . }}
{{- end }}
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  # Owner of the mounted Secrets, which only this group can read.
  fsGroup: 10001
  # An archive in a volume has millions of files: change their owner once, not at each start.
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile:
    type: RuntimeDefault
{{- include "alert-stream-common.scheduling" $part }}
{{- with .spread }}
topologySpreadConstraints:
  {{- range list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
  - maxSkew: 1
    topologyKey: {{ . }}
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        {{- include "alert-stream-common.selectorLabels" $.spread | nindent 8 }}
  {{- end }}
{{- end }}
{{- with .initContainers }}
initContainers:
  {{- . | nindent 2 }}
{{- end }}
containers:
  {{- include "alert-stream-common.container" (merge (dict "credentials" $credentials) .) | nindent 2 }}
volumes:
  {{- with $credentials.volumes }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
  - name: tmp
    emptyDir: {}
  {{- with .volumes }}
  {{- . | nindent 2 }}
  {{- end }}
  {{- with $part.extraVolumes }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}

{{/* A container of the image, as a list item. Keys as for the pod, and credentials. */}}
{{- define "alert-stream-common.container" -}}
{{- $part := .part | default dict -}}
{{- $credentials := .credentials | default dict -}}
- name: {{ .name }}
  image: {{ include "alert-stream-common.image" . | quote }}
  imagePullPolicy: {{ (include "alert-stream-common.imageValues" . | fromYaml).pullPolicy | default "IfNotPresent" }}
  {{- with .command }}
  command: {{ toJson . }}
  {{- end }}
  args:
    {{- with .mode }}
    - {{ . }}
    {{- end }}
    {{- .args | nindent 4 }}
    {{- with $part.extraArgs }}
    {{- include "alert-stream-common.extraArgs" (dict "path" (printf "%s.extraArgs" $.path) "args" $.args "extra" .) | trim | nindent 4 }}
    {{- end }}
  {{- $options := ternary list (list (dict "name" "NODE_OPTIONS" "value" $part.nodeOptions)) (empty $part.nodeOptions) }}
  {{- $env := concat $options ($credentials.env | default list) (.env | default "" | fromYamlArray) }}
  {{- if or $env $part.extraEnv }}
  env:
    {{- $taken := list "NODE_OPTIONS" }}
    {{- range $env }}
    {{- $taken = append $taken .name }}
    - {{ toYaml . | nindent 6 | trim }}
    {{- end }}
    {{- with $part.extraEnv }}
    {{- include "alert-stream-common.extraEnv" (dict "path" (printf "%s.extraEnv" $.path) "taken" $taken "extra" .) | trim | nindent 4 }}
    {{- end }}
  {{- end }}
  {{- with .ports }}
  ports:
    {{- range $name, $port := . }}
    - name: {{ $name }}
      containerPort: {{ $port }}
    {{- end }}
  {{- end }}
  {{- with .preStopSeconds }}
  lifecycle:
    preStop:
      # Requests arrive until all endpoints are updated, which happens while the pod stops.
      sleep:
        seconds: {{ int64 . }}
  {{- end }}
  {{- with .probes }}
  {{- . | nindent 2 }}
  {{- end }}
  securityContext:
    {{- include "alert-stream-common.containerSecurityContext" . | nindent 4 }}
  resources:
    {{- toYaml $part.resources | nindent 4 }}
  volumeMounts:
    {{- with $credentials.mounts }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
    - name: tmp
      mountPath: /tmp
    {{- with .mounts }}
    {{- . | nindent 4 }}
    {{- end }}
    {{- with $part.extraVolumeMounts }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
{{- end }}

{{- define "alert-stream-common.containerSecurityContext" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop:
    - ALL
{{- end }}

{{/* Probes of a long-running mode: live while the process responds, ready while it can do its work. {ready: optional path}. */}}
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
    path: {{ .ready | default "/readyz" }}
    port: admin
  periodSeconds: 10
  failureThreshold: 2
  # The checks behind /readyz run in parallel and take 2.5 s at most. The response names the dependency that is down.
  timeoutSeconds: 4
{{- end }}

{{/* Scheduling fields of a pod from the values of a component. */}}
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

{{/* Labels and annotations of the pods of a component: {root: $, component, values}. */}}
{{- define "alert-stream-common.podMetadata" -}}
labels:
  {{- include "alert-stream-common.selectorLabels" . | nindent 2 }}
  {{- with .values.podLabels }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- with .values.podAnnotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
