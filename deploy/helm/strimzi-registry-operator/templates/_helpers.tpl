{{/* The watched namespace. A pattern or a list would need permissions in the whole cluster. */}}
{{- define "strimzi-registry-operator.watchNamespace" -}}
{{- if not (regexMatch "^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$" .Values.watchNamespace) -}}
{{- fail (printf "watchNamespace %q: use the name of one namespace, that of the Kafka cluster. For another namespace, install the chart again" .Values.watchNamespace) -}}
{{- end -}}
{{- .Values.watchNamespace -}}
{{- end }}

{{- define "strimzi-registry-operator.clusterName" -}}
{{- $name := include "alert-stream-common.shared" (dict "root" $ "key" "clusterName" "local" .Values.clusterName) -}}
{{- if not $name -}}
{{- fail "clusterName: set the name of Strimzi's Kafka object" -}}
{{- end -}}
{{- $name -}}
{{- end }}

{{/* Permissions of release 0.7 of the operator. */}}
{{- define "strimzi-registry-operator.rules" -}}
- apiGroups: [roundtable.lsst.codes]
  resources: [strimzischemaregistries]
  verbs: [get, list, watch, patch]
- apiGroups: [roundtable.lsst.codes]
  resources: [strimzischemaregistries/status]
  verbs: [patch]
- apiGroups: [roundtable.lsst.codes]
  resources: [strimzischemaregistries/finalizers]
  # OpenShift requires it for owner references with blockOwnerDeletion.
  verbs: [update]
- apiGroups: [kafka.strimzi.io]
  resources: [kafkas]
  resourceNames: [{{ include "strimzi-registry-operator.clusterName" . }}]
  verbs: [get]
- apiGroups: [""]
  resources: [secrets]
  # It watches for renewed certificates, which RBAC cannot restrict by name, and creates key stores.
  verbs: [get, list, watch, create]
- apiGroups: [""]
  resources: [secrets]
  # It deletes outdated key stores.
  verbs: [delete]
  {{- with .Values.registryNames }}
  resourceNames:
    {{- range . }}
    - {{ . }}-jks
    {{- end }}
  {{- end }}
- apiGroups: [""]
  resources: [services]
  verbs: [get, create]
- apiGroups: [apps]
  resources: [deployments]
  verbs: [get, create]
- apiGroups: [apps]
  resources: [deployments]
  verbs: [patch]
  {{- with .Values.registryNames }}
  resourceNames:
    {{- toYaml . | nindent 4 }}
  {{- end }}
- apiGroups: [""]
  resources: [events]
  verbs: [create]
{{- with .Values.rbac.extraRules }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* Fields of the pod and of its container that operator and test have in common. */}}
{{- define "strimzi-registry-operator.podSpec" -}}
enableServiceLinks: false
serviceAccountName: {{ .Values.serviceAccount.name }}
automountServiceAccountToken: true
{{- with (.Values.global | default dict).imagePullSecrets | default .Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
securityContext:
  runAsNonRoot: true
  runAsUser: {{ .Values.runAsUser }}
  runAsGroup: {{ .Values.runAsUser }}
  seccompProfile:
    type: RuntimeDefault
{{- end }}

{{- define "strimzi-registry-operator.container" -}}
{{- with .Values.image -}}
{{- if not (or .tag .digest) -}}
{{- fail "image.tag: set it (or image.digest). The permissions of this chart are those of one release of the operator" -}}
{{- end -}}
image: {{ ternary (printf "%s@%s" .repository .digest) (printf "%s:%s" .repository .tag) (ne .digest "") }}
imagePullPolicy: {{ .pullPolicy }}
{{- end }}
securityContext:
  {{- include "alert-stream-common.containerSecurityContext" . | nindent 2 }}
{{- end }}
