{{/* Fields of a Job: {backoffLimit, and optionally activeDeadlineSeconds, ttlSecondsAfterFinished}. Its pods need restartPolicy Never. */}}
{{- define "alert-stream-common.job" -}}
backoffLimit: {{ int64 .backoffLimit }}
{{- with .activeDeadlineSeconds }}
activeDeadlineSeconds: {{ int64 . }}
{{- end }}
{{- with .ttlSecondsAfterFinished }}
ttlSecondsAfterFinished: {{ int64 . }}
{{- end }}
podFailurePolicy:
  rules:
    # Exit code 2 is wrong usage: a retry cannot help.
    - action: FailJob
      onExitCodes:
        operator: In
        values: [2]
    # The eviction of a pod does not count as a failure.
    - action: Ignore
      onPodConditions:
        - type: DisruptionTarget
          status: "True"
{{- end }}

{{/* Annotations of a Job that runs at each installation, upgrade and sync: {weight: "5"}. Jobs are immutable, so the old one is deleted first. */}}
{{- define "alert-stream-common.hook" -}}
# Argo CD ignores Helm's annotations if it finds its own.
argocd.argoproj.io/hook: Sync
argocd.argoproj.io/hook-delete-policy: BeforeHookCreation
argocd.argoproj.io/sync-wave: {{ .weight | quote }}
helm.sh/hook: post-install,post-upgrade
helm.sh/hook-delete-policy: before-hook-creation
helm.sh/hook-weight: {{ .weight | quote }}
{{- end }}

{{- define "alert-stream-common.test" -}}
helm.sh/hook: test
helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
{{- end }}

{{/*
Pod of a helm test: keys of alert-stream-common.pod, but args is a list, and podName. `script` is a file of the chart, which Node.js runs with args.
*/}}
{{- define "alert-stream-common.testPod" -}}
{{- $run := dict "args" (toYaml .args) -}}
{{- if .script }}
{{- $run = dict "command" (list "node" "--input-type=module" "--eval") "args" (toYaml (prepend .args (.root.Files.Get .script))) -}}
{{- end -}}
{{- $resources := dict "requests" (dict "cpu" "50m" "memory" "128Mi") "limits" (dict "cpu" "1" "memory" "384Mi") -}}
apiVersion: v1
kind: Pod
metadata:
  {{- include "alert-stream-common.metadata" (dict "root" .root "name" .podName "component" "test" "labels" .labels "annotations" (include "alert-stream-common.test" . | fromYaml)) | nindent 2 }}
spec:
  {{- include "alert-stream-common.pod" (merge $run . (dict "name" "test" "grace" 5 "restartPolicy" "Never" "activeDeadlineSeconds" 300 "part" (dict "resources" $resources))) | nindent 2 }}
{{- end }}
