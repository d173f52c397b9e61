{{- define "tablecall.labels" -}}
app.kubernetes.io/name: tablecall
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}
