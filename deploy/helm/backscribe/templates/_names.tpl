{{/* Names, labels and the image. */}}

{{/*
At most 46 characters, so that what Kubernetes appends still makes a label of 63: a CronJob's time, a
Job's checksum and index, a StatefulSet's revision. It begins with a letter and has no dot, as a
Service's must. What is cut or replaced keeps its own checksum: another name may become the same.
*/}}
{{- define "backscribe.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- $full := .Release.Name -}}
{{- if .Values.fullnameOverride -}}
{{- $full = .Values.fullnameOverride -}}
{{- else if not (contains $name .Release.Name) -}}
{{- $full = printf "%s-%s" .Release.Name $name -}}
{{- end -}}
{{- if regexMatch "^[0-9]" $full -}}
{{- $full = printf "backscribe-%s" $full -}}
{{- end -}}
{{- if or (gt (len $full) 46) (contains "." $full) -}}
{{- printf "%s-%s" ($full | replace "." "-" | trunc 37 | trimSuffix "-") (sha256sum $full | trunc 8) -}}
{{- else -}}
{{- $full -}}
{{- end -}}
{{- end -}}

{{/* (root, component): what selectors go by; never changed, for a StatefulSet's may not. */}}
{{- define "backscribe.selectorLabels" -}}
app.kubernetes.io/name: {{ default .root.Chart.Name .root.Values.nameOverride | trunc 63 | trimSuffix "-" | quote }}
app.kubernetes.io/instance: {{ .root.Release.Name | quote }}
{{- with .component }}
app.kubernetes.io/component: {{ . }}
{{- end }}
{{- end -}}

{{/* (root, component) */}}
{{- define "backscribe.labels" -}}
{{ include "backscribe.selectorLabels" . }}
app.kubernetes.io/version: {{ include "backscribe.version" .root | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" }}
{{- with .root.Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* The image's version as a label may have it. */}}
{{- define "backscribe.version" -}}
{{- default .Chart.AppVersion .Values.image.tag | trunc 63 | trimAll "-._" -}}
{{- end -}}

{{- define "backscribe.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ default .Chart.AppVersion .Values.image.tag }}
{{- end -}}
{{- end -}}

{{/* What the pods are: fleet (standing) or archive (job, cronjob). */}}
{{- define "backscribe.component" -}}
{{- eq .Values.mode "standing" | ternary "fleet" "archive" -}}
{{- end -}}

{{- define "backscribe.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "backscribe.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}
