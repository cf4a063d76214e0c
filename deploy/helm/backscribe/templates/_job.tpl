{{/*
An archive once: ends when every job that stood in the topic is answered. Indexed, so that a pod that
is replaced keeps its static membership. A worker leaves only when all partitions are done, its own
and the others': whatever becomes of one, nothing is left over.
*/}}
{{- define "backscribe.job" -}}
{{- $job := .Values.job -}}
{{- $logging := include "backscribe.logging" . | fromJsonArray -}}
{{- $args := concat (list "run" "--until-drained") $logging -}}
{{- if $job.failOnDeadLetter }}{{ $args = append $args "--fail-on-dead-letter" }}{{ end -}}
{{- with $job.giveUpAfter }}{{ $args = concat $args (list "--give-up-after" .) }}{{ end -}}
{{- $args = concat $args .Values.extraArgs -}}
{{- $enqueue := list -}}
{{- if $job.enqueue.enabled -}}
{{- $enqueue = concat (list "enqueue") $logging -}}
{{- with $job.enqueue.newerThan }}{{ $enqueue = concat $enqueue (list "--newer-than" .) }}{{ end -}}
{{- $enqueue = concat $enqueue $job.enqueue.extraArgs $job.enqueue.sources -}}
{{- end -}}
completionMode: Indexed
completions: {{ int64 $job.workers }}
parallelism: {{ int64 $job.workers }}
backoffLimit: {{ int64 $job.backoffLimit }}
{{- if not (kindIs "invalid" $job.activeDeadlineSeconds) }}
activeDeadlineSeconds: {{ int64 $job.activeDeadlineSeconds }}
{{- end }}
{{- if not (kindIs "invalid" $job.ttlSecondsAfterFinished) }}
ttlSecondsAfterFinished: {{ int64 $job.ttlSecondsAfterFinished }}
{{- end }}
podFailurePolicy:
  rules:
    # 2: wrong configuration. 4: dead letters, which another try would not mend. All else is tried
    # again: 1 a failure, 3 interrupted, 5 not ready for job.giveUpAfter.
    - action: FailJob
      onExitCodes:
        containerName: backscribe
        operator: In
        values: [2, 4]
    {{- if $job.enqueue.enabled }}
    - action: FailJob
      onExitCodes:
        containerName: enqueue
        operator: In
        values: [2]
    {{- end }}
    # A node that is drained is no failure of ours.
    - action: Ignore
      onPodConditions:
        - type: DisruptionTarget
          status: "True"
template:
  {{- include "backscribe.pod" (dict "root" . "component" "archive" "args" $args "enqueue" $enqueue "probes" true "restartPolicy" "Never" "spread" true) | nindent 2 }}
{{- end -}}
