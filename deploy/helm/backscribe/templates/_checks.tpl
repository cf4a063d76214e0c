{{/* What a schema cannot say, because it compares values. Each refusal is a sentence. */}}
{{- define "backscribe.checks" -}}
{{- $v := .Values -}}
{{- $partitions := default 0 $v.partitions | int -}}
{{- $workers := eq $v.mode "standing" | ternary $v.replicas $v.job.workers | int -}}
{{- if and $partitions (gt $workers $partitions) (not $v.autoscaling.enabled) -}}
{{- $name := eq $v.mode "standing" | ternary "replicas" "job.workers" -}}
{{- fail (printf "%s: %d workers, but the jobs topic has %d partitions: the others would stand by idle" $name $workers $partitions) -}}
{{- end -}}
{{- if $v.autoscaling.enabled -}}
{{- if ne $v.mode "standing" -}}
{{- fail (printf "autoscaling.enabled: a ScaledObject scales the standing fleet; with mode %s set it to false" $v.mode) -}}
{{- end -}}
{{- if not $partitions -}}
{{- fail "autoscaling.enabled: needs partitions, how many the jobs topic has: no more workers than that have work" -}}
{{- end -}}
{{- $most := default $partitions $v.autoscaling.maxReplicas | int -}}
{{- if gt $most $partitions -}}
{{- fail (printf "autoscaling.maxReplicas: %d, but the jobs topic has %d partitions: the others would stand by idle" $most $partitions) -}}
{{- end -}}
{{- if gt (int $v.autoscaling.minReplicas) $most -}}
{{- fail (printf "autoscaling.minReplicas: %d is more than the %d replicas at most" (int $v.autoscaling.minReplicas) $most) -}}
{{- end -}}
{{- if contains "${" (get $v.config.kafka "bootstrap.servers" | toString) -}}
{{- fail "autoscaling.enabled: KEDA does not see the worker's environment: give config.kafka.\"bootstrap.servers\" without ${…}" -}}
{{- end -}}
{{- end -}}
{{- if and (ne $v.mode "standing") $v.job.enqueue.enabled -}}
{{- if gt (int $v.job.workers) 1 -}}
{{- fail "job.enqueue.enabled: goes with job.workers: 1, for each worker's pod would enqueue for itself (one worker spends the whole quota)" -}}
{{- end -}}
{{- if not (or $v.job.enqueue.sources $v.job.enqueue.extraArgs) -}}
{{- fail "job.enqueue.enabled: job.enqueue.sources says from where, such as s3://recordings/2024/" -}}
{{- end -}}
{{- end -}}
{{- include "backscribe.checkMemory" . -}}
{{- include "backscribe.checkSecrets" . -}}
{{- if and $v.networkPolicy.enabled (not (include "backscribe.kafkaPorts" . | fromJsonArray)) -}}
{{- fail "networkPolicy.kafka.ports: config.kafka.\"bootstrap.servers\" is in the environment: say which ports the brokers listen on" -}}
{{- end -}}
{{- end -}}

{{- define "backscribe.checkMemory" -}}
{{- $limit := dig "limits" "memory" "" .Values.resources -}}
{{- $held := dig "limits" "memory_bytes" 1073741824 .Values.config -}}
{{- if $limit -}}
{{- $bytes := include "backscribe.bytes" $limit | int64 -}}
{{- $needed := mulf (float64 $held) 1.25 | int64 -}}
{{- if lt $bytes $needed -}}
{{- fail (printf "resources.limits.memory: %s is less than 1.25 times config.limits.memory_bytes (%d Mi are needed): the kernel would kill the worker" (toString $limit) (div (add $needed 1048575) 1048576)) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* A file that no volume brings is the mistake that is made most. */}}
{{- define "backscribe.checkSecrets" -}}
{{- $folders := list -}}
{{- range .Values.existingSecrets -}}
{{- $folders = append $folders (printf "/run/secrets/%s/" .) -}}
{{- end -}}
{{- range .Values.extraVolumeMounts -}}
{{- $folders = append $folders .mountPath -}}
{{- end -}}
{{- range include "backscribe.secretFiles" . | fromJsonArray -}}
{{- $entry := . -}}
{{- $found := contains "${" $entry.file -}}
{{- range $folders -}}
{{- if hasPrefix . $entry.file -}}{{- $found = true -}}{{- end -}}
{{- end -}}
{{- if not $found -}}
{{- fail (printf "config.%s: nothing is mounted at %s. existingSecrets are at /run/secrets/NAME/KEY: %s" $entry.path $entry.file (join " " $folders)) -}}
{{- end -}}
{{- end -}}
{{- end -}}
