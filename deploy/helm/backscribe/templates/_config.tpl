{{/* The worker's configuration: the values' own, and what the chart knows better. */}}
{{- define "backscribe.config" -}}
{{- $config := deepCopy .Values.config -}}
{{- $_ := set $config.kafka "group.instance.id" "${BACKSCRIBE_INSTANCE}" -}}
{{- $speechkit := default dict $config.speechkit -}}
{{- if not $speechkit.auth -}}
{{- $key := printf "/run/secrets/%s/authorized-key.json" (first (default (list "SECRET") .Values.existingSecrets)) -}}
{{- $_ := set $speechkit "auth" (dict "authorized_key_file" $key) -}}
{{- end -}}
{{- $_ := set $config "speechkit" $speechkit -}}
{{- $_ := set $config "shutdown_seconds" (int .Values.shutdownSeconds) -}}
{{- $listen := printf "%s:%d" .Values.admin.address (int .Values.admin.port) -}}
{{- $_ := set $config "admin" (dict "listen" $listen) -}}
{{- toPrettyJson $config -}}
{{- end -}}

{{/* Every file that the configuration names a secret by, as a JSON list of {path, file}. */}}
{{- define "backscribe.secretFiles" -}}
{{- $config := include "backscribe.config" . | fromJson -}}
{{- $files := list -}}
{{- range $name, $file := default dict $config.kafka_files -}}
{{- $files = append $files (dict "path" (printf "kafka_files.%q" $name) "file" $file) -}}
{{- end -}}
{{- range $section := list "speechkit" "objects" -}}
{{- $auth := default dict (get (default dict (get $config $section)) "auth") -}}
{{- range $kind, $file := $auth -}}
{{- if hasSuffix "_file" $kind -}}
{{- $files = append $files (dict "path" (printf "%s.auth.%s" $section $kind) "file" $file) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- toJson $files -}}
{{- end -}}

{{/* true where one of the credentials is the machine's own, from the metadata service. */}}
{{- define "backscribe.asksMetadata" -}}
{{- $config := include "backscribe.config" . | fromJson -}}
{{- $objects := default dict (default dict $config.objects).auth -}}
{{- if or $config.speechkit.auth.metadata_service $objects.metadata_service }}true{{ end -}}
{{- end -}}

{{/* The ports of Kafka's brokers, as a JSON list; none where only the environment knows. */}}
{{- define "backscribe.kafkaPorts" -}}
{{- $ports := .Values.networkPolicy.kafka.ports -}}
{{- if not $ports -}}
{{- range regexFindAll ":[0-9]+(,|\\s|$)" (get .Values.config.kafka "bootstrap.servers" | toString) -1 -}}
{{- $ports = append $ports (regexFind "[0-9]+" . | int) -}}
{{- end -}}
{{- end -}}
{{- if not (or $ports (contains "${" (get .Values.config.kafka "bootstrap.servers" | toString))) -}}
{{- $ports = list 9092 -}}
{{- end -}}
{{- toJson (uniq $ports) -}}
{{- end -}}

{{/* The ports that the API, IAM and the object store are asked at, as a JSON list. */}}
{{- define "backscribe.httpsPorts" -}}
{{- $speechkit := default dict .Values.config.speechkit -}}
{{- $objects := default dict .Values.config.objects -}}
{{- $ports := list -}}
{{- range list $speechkit.transcribe_url $speechkit.operation_url $speechkit.iam_url $objects.endpoint -}}
{{- $url := default "" . -}}
{{- $port := regexFind "^https?://[^/]*:[0-9]+(/|$)" $url | regexFind ":[0-9]+(/|$)" | regexFind "[0-9]+" -}}
{{- $ports = append $ports (default (hasPrefix "http://" $url | ternary 80 443) $port | int) -}}
{{- end -}}
{{- toJson (uniq $ports) -}}
{{- end -}}

{{/* A Kubernetes quantity of memory in bytes. */}}
{{- define "backscribe.bytes" -}}
{{- $quantity := toString . -}}
{{- $units := dict "Ki" 1024 "Mi" 1048576 "Gi" 1073741824 "Ti" 1099511627776 "k" 1000 "M" 1000000 "G" 1000000000 "T" 1000000000000 "" 1 -}}
{{- $unit := regexFind "[A-Za-z]*$" $quantity -}}
{{- if not (and (hasKey $units $unit) (regexMatch "^[0-9]+(\\.[0-9]+)?[A-Za-z]*$" $quantity)) -}}
{{- fail (printf "resources.limits.memory: %s is no amount of memory that the chart can compare, such as 1280Mi or 2Gi" $quantity) -}}
{{- end -}}
{{- mulf (trimSuffix $unit $quantity | float64) (get $units $unit) | int64 -}}
{{- end -}}
