// Faults in the archive's values and templates: ingester, server, redrive.
import type { DeliberateFault } from './fault.ts'

const chart = 'alert-database'
const ingester = `${chart}/templates/ingester-deployment.yaml`
const server = `${chart}/templates/server-deployment.yaml`

export const databaseFaults: readonly DeliberateFault[] = [
  {
    chart,
    fault: 'a level of the log that there is not',
    tool: 'schema',
    says: /at '\/ingester\/logLevel': value must be one of/,
    values: 'ingester: {logLevel: loud}'
  },
  {
    chart,
    fault: 'a misspelt choice for the ingress',
    tool: 'schema',
    says: /additional properties 'gafaelfawrAuthQeury' not allowed/,
    values: 'ingress: {gafaelfawrAuthQeury: "scope=read:alertdb"}'
  },
  {
    chart,
    fault: 'one bucket of two',
    tool: 'chart',
    says: /storage\.gcp: alertBucket and schemaBucket go together/,
    values: 'storage: {gcp: {alertBucket: ""}}'
  },
  {
    chart, fault: 'a typo in a field of a Deployment', tool: 'kubeconform', says: /additional properties 'stratgy' not allowed/,
    edit: { file: server, from: '\n  strategy:\n', to: '\n  stratgy:\n' }
  },
  {
    chart,
    fault: 'a version in what selects pods',
    tool: 'objects',
    says: /Deployment\/alert-database-server: spec\.selector\.matchLabels selects by app\.kubernetes\.io\/version/,
    edit: {
      file: server,
      from: '    matchLabels:\n',
      to: '    matchLabels:\n      app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}\n'
    }
  },
  {
    chart, fault: 'a pod that may be root', tool: 'objects', says: /container server: runAsNonRoot is not true/,
    edit: { file: 'alert-stream-common/templates/_pod.tpl', from: 'runAsNonRoot: true\n', to: '' }
  },
  {
    chart, fault: 'a root file system that may be written', tool: 'objects', says: /container server: may write to its root file system/,
    edit: { file: 'alert-stream-common/templates/_pod.tpl', from: 'readOnlyRootFilesystem: true\n', to: '' }
  },
  {
    chart, fault: 'a Service that leads to nobody', tool: 'objects', says: /Service\/alert-database: it selects no pod of this chart/,
    edit: {
      file: `${chart}/templates/service.yaml`,
      from: 'include "alert-stream-common.selectorLabels" (dict "root" $ "component" "server")',
      to: 'include "alert-stream-common.selectorLabels" (dict "root" $ "component" "servers")'
    }
  },
  {
    chart, fault: 'a mode that the program does not have', tool: 'program', says: /unknown mode 'ingests'.*ingest/,
    edit: { file: ingester, from: '            - ingest\n', to: '            - ingests\n' }
  },
  {
    chart, fault: 'a flag that the program does not have', tool: 'program', says: /unknown flag --consumer-group \(ingest\)/,
    edit: { file: ingester, from: '--group=%s', to: '--consumer-group=%s' }
  },
  {
    chart, fault: 'a flag of another mode', tool: 'program', says: /unknown flag --batch-size \(serve\)/,
    edit: { file: server, from: '- --listen-host=0.0.0.0\n', to: '- --listen-host=0.0.0.0\n- --batch-size=20\n' }
  },
  {
    chart, fault: 'a value that the program does not take', tool: 'program', says: /--gzip-level.*10/,
    edit: { file: ingester, from: '--gzip-level={{ int64 $ingester.gzipLevel }}', to: '--gzip-level=10' }
  },
  {
    chart, fault: 'a variable that nobody reads', tool: 'program', says: /the mode serve reads no variable ALERT_STREAM_BATCH_SIZE/,
    edit: { file: server, from: '            - name: NODE_OPTIONS\n', to: '            - name: ALERT_STREAM_BATCH_SIZE\n' },
    values: 'server: {nodeOptions: "20"}'
  },
  {
    chart, fault: 'a port that the program does not listen on', tool: 'program', says: /port http is 3000, the program listens on 3001/,
    edit: { file: server, from: '--listen-port=3000', to: '--listen-port=3001' }
  },
  {
    chart,
    fault: 'a certificate that is mounted elsewhere',
    tool: 'program',
    says: /\/etc\/alert-stream\/kafka-user\/user\.crt: nothing is mounted there/,
    edit: {
      file: 'alert-stream-common/templates/_kafka.tpl',
      from: 'mountPath: /etc/alert-stream/kafka-user',
      to: 'mountPath: /etc/alert-stream/user'
    }
  },
  {
    chart,
    fault: 'less time to end than the program takes to drain',
    tool: 'program',
    says: /terminationGracePeriodSeconds is 15, and the program drains for up to 20 s/,
    edit: { file: ingester, from: '"grace" (add $ingester.drainSeconds 10)', to: '"grace" 15' }
  },
  {
    chart,
    fault: 'a topic that nobody makes',
    tool: 'system',
    says: /nobody makes the topic alerts-simulate$/m,
    values: 'ingester: {kafka: {topic: alerts-simulate}}'
  },
  {
    chart,
    fault: 'a port on which Kafka has no listener',
    tool: 'system',
    says: /Kafka has no internal listener on port 9095/,
    values: 'ingester: {kafka: {port: 9095}}'
  },
  {
    chart,
    fault: 'a group that the ingester may not read as',
    tool: 'acls',
    says: /alert-database-ingester: without the rule: allow Read on group alertdb-ingester/,
    values: 'ingester: {kafka: {group: archive}}'
  },
  {
    chart,
    fault: 'more memory asked for than allowed',
    tool: 'kube-apiserver',
    says: /must be less than or equal to memory limit/,
    values: 'server: {resources: {requests: {memory: 1Gi}}}'
  },
  {
    chart,
    fault: 'a label that is none',
    tool: 'kube-apiserver',
    says: /a valid label must be/,
    values: 'server: {podLabels: {note: two words}}'
  },
  {
    chart, fault: 'a port\'s name that is too long', tool: 'kube-apiserver', says: /must be no more than 15 characters/,
    edit: { file: server, from: '            - name: http\n', to: '            - name: hypertext-transfer\n' }
  },
  {
    chart, fault: 'a schedule of four fields', tool: 'kube-apiserver', says: /[Ee]xpected exactly 5 fields/,
    edit: { file: `${chart}/templates/redrive-cronjob.yaml`, from: '"59 23 31 12 *"', to: '"59 23 31 12"' }
  }
]
