{{- define "strimzi-registry-operator.namespace" -}}
{{- .Values.operatorNamespace | default .Release.Namespace -}}
{{- end }}

{{/* kopf takes a pattern or a list as well, but then has to list all namespaces, and its rights end at this one. */}}
{{- define "strimzi-registry-operator.watchNamespace" -}}
{{- if not (regexMatch "^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$" .Values.watchNamespace) -}}
{{- fail (printf "watchNamespace %q: it is the name of one namespace, that of the Kafka cluster, no pattern and no list; for another namespace install the chart again" .Values.watchNamespace) -}}
{{- end -}}
{{- .Values.watchNamespace -}}
{{- end }}

{{- define "strimzi-registry-operator.clusterName" -}}
{{- $name := include "alert-stream-common.shared" (dict "root" $ "key" "clusterName" "local" .Values.clusterName) -}}
{{- if not $name -}}
{{- fail "clusterName: set it to the name of the Kafka cluster (the Kafka object of Strimzi)" -}}
{{- end -}}
{{- $name -}}
{{- end }}

{{/* The operator's own image: `global.image` is that of alert-stream. */}}
{{- define "strimzi-registry-operator.image" -}}
{{- with .Values.image -}}
{{- if not (or .tag .digest) -}}
{{- fail "image.tag: set it (or image.digest), as the permissions of this chart are those that one release asks for" -}}
{{- end -}}
{{- ternary (printf "%s@%s" .repository .digest) (printf "%s:%s" .repository .tag) (ne .digest "") -}}
{{- end -}}
{{- end }}

{{/*
What release 0.7 does, and nothing else: the helm test asks the cluster for each of these. It reads no ConfigMap and no KafkaUser.
*/}}
{{- define "strimzi-registry-operator.rules" -}}
- apiGroups: [roundtable.lsst.codes]
  resources: [strimzischemaregistries]
  # It keeps its own bookkeeping in annotations.
  verbs: [get, list, watch, patch]
- apiGroups: [roundtable.lsst.codes]
  resources: [strimzischemaregistries/status]
  verbs: [patch]
- apiGroups: [roundtable.lsst.codes]
  resources: [strimzischemaregistries/finalizers]
  # What it makes is owned by the registry, with blockOwnerDeletion, for which some clusters (OpenShift) ask this.
  verbs: [update]
- apiGroups: [kafka.strimzi.io]
  resources: [kafkas]
  resourceNames: [{{ include "strimzi-registry-operator.clusterName" . }}]
  # The address of the listener.
  verbs: [get]
- apiGroups: [""]
  resources: [secrets]
  # It watches for certificates that Strimzi replaces, which cannot be narrowed by name, and makes key stores of them.
  verbs: [get, list, watch, create]
- apiGroups: [""]
  resources: [secrets]
  # A key store that is out of date.
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
  # New certificates restart the registry.
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

{{/* Of the operator and of the test: user and file system. */}}
{{- define "strimzi-registry-operator.podSecurityContext" -}}
runAsNonRoot: true
runAsUser: {{ .Values.runAsUser }}
runAsGroup: {{ .Values.runAsUser }}
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{- define "strimzi-registry-operator.imagePullSecrets" -}}
{{- with (.Values.global | default dict).imagePullSecrets | default .Values.imagePullSecrets -}}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end -}}
{{- end }}
