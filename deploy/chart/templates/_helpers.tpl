{{- define "npol.labels" -}}
app.kubernetes.io/name: npol
app.kubernetes.io/component: runner
{{- end }}

{{- define "npol.jobSpec" -}}
completions: {{ .Values.shards }}
parallelism: {{ .Values.shards }}
completionMode: Indexed
# A run that fails is an answer: it is not asked again, and does not end those of other shards.
backoffLimitPerIndex: 0
backoffLimit: {{ .Values.shards }}
activeDeadlineSeconds: 3600
ttlSecondsAfterFinished: 86400
template:
  metadata:
    labels:
      {{- include "npol.labels" . | nindent 6 }}
  spec:
    serviceAccountName: npol
    restartPolicy: Never
    # Time to give the cluster back.
    terminationGracePeriodSeconds: 120
    securityContext:
      runAsNonRoot: true
      runAsUser: 65532
      runAsGroup: 65532
      fsGroup: 65532
      seccompProfile: {type: RuntimeDefault}
    {{- with .Values.imagePullSecrets }}
    imagePullSecrets:
      {{- range . }}
      - name: {{ . }}
      {{- end }}
    {{- end }}
    containers:
      - name: npol
        image: {{ required "image is needed: build it from npol's Containerfile, and push it to a registry of yours" .Values.image | quote }}
        args:
          - run
          - /stories
          - --context
          - in-cluster
          {{- if gt (int .Values.shards) 1 }}
          - --shard
          - $(JOB_COMPLETION_INDEX)/{{ .Values.shards }}
          {{- end }}
          - --report
          - "-"
          {{- with .Values.metrics.pushgateway }}
          - --push
          - {{ . }}/metrics/job/npol/instance/{{ $.Release.Name }}{{ if gt (int $.Values.shards) 1 }}-$(JOB_COMPLETION_INDEX){{ end }}
          {{- end }}
          {{- if .Values.metrics.textfileVolume }}
          - --report
          - /metrics/{{ .Release.Name }}{{ if gt (int .Values.shards) 1 }}-$(JOB_COMPLETION_INDEX){{ end }}.prom
          {{- end }}
          {{- with .Values.options }}
          {{- toYaml . | nindent 10 }}
          {{- end }}
        env:
          - {name: HOME, value: /tmp}
          - {name: XDG_STATE_HOME, value: /tmp}
        securityContext:
          allowPrivilegeEscalation: false
          readOnlyRootFilesystem: true
          capabilities: {drop: [ALL]}
        resources:
          {{- toYaml .Values.resources | nindent 10 }}
        volumeMounts:
          - {name: stories, mountPath: /stories, readOnly: true}
          - {name: tmp, mountPath: /tmp}
          {{- if .Values.metrics.textfileVolume }}
          - {name: metrics, mountPath: /metrics}
          {{- end }}
    volumes:
      - name: stories
        configMap: {name: {{ .Values.storiesConfigMap | default "npol-stories" }}}
      - name: tmp
        emptyDir: {}
      {{- with .Values.metrics.textfileVolume }}
      - name: metrics
        {{- toYaml . | nindent 8 }}
      {{- end }}
{{- end }}
