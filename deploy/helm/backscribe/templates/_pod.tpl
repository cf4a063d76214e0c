{{/*
A pod's metadata and specification, for a template of pods. Takes a dict: root, component, args (the
command line), and where they apply: enqueue (arguments of the init container), probes, restartPolicy,
configMap and serviceAccount (other names than the release's), spread.
*/}}
{{- define "backscribe.pod" -}}
{{- $v := .root.Values -}}
{{- $labels := dict "root" .root "component" .component -}}
metadata:
  labels:
    {{- include "backscribe.selectorLabels" $labels | nindent 4 }}
    app.kubernetes.io/version: {{ include "backscribe.version" .root | quote }}
    {{- with $v.commonLabels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
    {{- with $v.podLabels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  annotations:
    # Another configuration is another template: pods are replaced by the usual rules.
    checksum/config: {{ include "backscribe.config" .root | sha256sum }}
    {{- with $v.podAnnotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  serviceAccountName: {{ .serviceAccount | default (include "backscribe.serviceAccountName" .root) }}
  automountServiceAccountToken: false
  enableServiceLinks: false
  {{- with .restartPolicy }}
  restartPolicy: {{ . }}
  {{- end }}
  # More than shutdown_seconds, so that a stop is graceful.
  terminationGracePeriodSeconds: {{ add (int64 $v.shutdownSeconds) 15 }}
  {{- with $v.imagePullSecrets }}
  imagePullSecrets:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $v.priorityClassName }}
  priorityClassName: {{ . }}
  {{- end }}
  {{- with $v.podSecurityContext }}
  securityContext:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- if .enqueue }}
  initContainers:
    - name: enqueue
      {{- include "backscribe.container" (dict "root" .root "component" .component "args" .enqueue) | nindent 6 }}
  {{- end }}
  containers:
    - name: backscribe
      {{- include "backscribe.container" . | nindent 6 }}
  volumes:
    - name: config
      configMap:
        name: {{ .configMap | default (include "backscribe.fullname" .root) }}
    {{- range $index, $name := $v.existingSecrets }}
    - name: secret-{{ $index }}
      secret:
        secretName: {{ $name }}
        defaultMode: 0440
    {{- end }}
    {{- with $v.extraVolumes }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- if .spread }}
  {{- with $v.topologySpreadConstraints }}
  topologySpreadConstraints:
    {{- range . }}
    - {{ merge (dict) . (dict "maxSkew" 1 "whenUnsatisfiable" "ScheduleAnyway" "labelSelector" (dict "matchLabels" (include "backscribe.selectorLabels" $labels | fromYaml))) | toYaml | nindent 6 | trim }}
    {{- end }}
  {{- end }}
  {{- end }}
  {{- with $v.nodeSelector }}
  nodeSelector:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $v.tolerations }}
  tolerations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $v.affinity }}
  affinity:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end -}}

{{/* All of a container but its name; takes the same dict. */}}
{{- define "backscribe.container" -}}
{{- $v := .root.Values -}}
image: {{ include "backscribe.image" .root | quote }}
imagePullPolicy: {{ $v.image.pullPolicy }}
args:
  {{- toYaml .args | nindent 2 }}
env:
  - name: BACKSCRIBE_CONFIG
    value: /etc/backscribe/config.json
  # The static member's id: its successor has the partitions again without a rebalance.
  {{- if eq .component "archive" }}
  - name: BACKSCRIBE_JOB
    valueFrom:
      fieldRef:
        fieldPath: metadata.labels['batch.kubernetes.io/job-name']
  - name: BACKSCRIBE_INDEX
    valueFrom:
      fieldRef:
        fieldPath: metadata.annotations['batch.kubernetes.io/job-completion-index']
  - name: BACKSCRIBE_INSTANCE
    value: $(BACKSCRIBE_JOB)-$(BACKSCRIBE_INDEX)
  {{- else }}
  - name: BACKSCRIBE_INSTANCE
    valueFrom:
      fieldRef:
        fieldPath: metadata.name
  {{- end }}
  {{- with $v.extraEnv }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- if .probes }}
ports:
  - name: admin
    containerPort: {{ int64 $v.admin.port }}
# The loop is alive; restoring a long state does not stop it. What is not ready waits and loses
# nothing: a restart would mend none of its reasons.
startupProbe:
  httpGet:
    path: /healthz
    port: admin
  periodSeconds: 2
  timeoutSeconds: 5
  failureThreshold: 30
livenessProbe:
  httpGet:
    path: /healthz
    port: admin
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 6
# For people, rollouts and evictions: no traffic is sent to a worker.
readinessProbe:
  httpGet:
    path: /readyz
    port: admin
  periodSeconds: 5
  timeoutSeconds: 5
{{- end }}
{{- with $v.resources }}
resources:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $v.securityContext }}
securityContext:
  {{- toYaml . | nindent 2 }}
{{- end }}
volumeMounts:
  - name: config
    mountPath: /etc/backscribe
    readOnly: true
  {{- range $index, $name := $v.existingSecrets }}
  - name: secret-{{ $index }}
    mountPath: /run/secrets/{{ $name }}
    readOnly: true
  {{- end }}
  {{- with $v.extraVolumeMounts }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end -}}

{{/* (root, command): options that every command has */}}
{{- define "backscribe.logging" -}}
{{- toJson (list "--log-level" .Values.logLevel "--log-format" .Values.logFormat) -}}
{{- end -}}
