// Faults in the schema registry's values and templates, and in its operator's.
import type { DeliberateFault } from './fault.ts'

const chart = 'alert-stream-schema-registry'

export const registryFaults: readonly DeliberateFault[] = [
  {
    chart,
    fault: 'a listener that Kafka does not have',
    tool: 'system',
    says: /Kafka has no listener plain, but internal, tls, external/,
    values: 'listener: plain'
  },
  {
    chart,
    fault: 'a listener that takes passwords only',
    tool: 'system',
    says: /the listener external takes none/,
    values: 'listener: external'
  },
  {
    chart,
    fault: 'a topic that is not compacted',
    tool: 'chart',
    says: /topic\.config: leave out cleanup\.policy/,
    values: 'topic: {config: {cleanup.policy: delete}}'
  },
  {
    chart,
    fault: 'more replicas in sync than there are',
    tool: 'chart',
    says: /topic\.minInsyncReplicas 3: nothing could be written with topic\.replicas 2/,
    values: 'topic: {replicas: 2, minInsyncReplicas: 3}'
  },
  {
    chart,
    fault: 'a typo in a field of our own definition',
    tool: 'kubeconform',
    says: /additional properties 'strimziVersions' not allowed/,
    edit: { file: `${chart}/templates/registry.yaml`, from: '  strimziVersion:', to: '  strimziVersions:' }
  },
  {
    chart, fault: 'a flag that was renamed', tool: 'program', says: /unknown flag --schema-registry \(sync-schema\)/,
    edit: { file: `${chart}/templates/sync-schema-job.yaml`, from: '--schema-registry-url=', to: '--schema-registry=' }
  },
  {
    chart,
    fault: 'schemas that the image does not have there',
    tool: 'program',
    says: /\/usr\/share\/schemas: nothing is mounted there, and the image has no such folder/,
    edit: { file: `${chart}/templates/sync-schema-job.yaml`, from: '/usr/share/alert-stream/schemas', to: '/usr/share/schemas' }
  },
  {
    chart, fault: 'a wrong pathType', tool: 'kube-apiserver', says: /pathType: Unsupported value: "Prefixed"/,
    edit: { file: `${chart}/templates/ingress.yaml`, from: 'pathType: Prefix\n', to: 'pathType: Prefixed\n' }
  },
  {
    chart,
    fault: 'a registry that does not say which of Strimzi\'s APIs there is',
    tool: 'kube-apiserver',
    says: /strimziVersion must be set: v1 where Strimzi is 1\.0 or later/,
    edit: {
      file: `${chart}/templates/registry.yaml`,
      from: '  strimziVersion: {{ include "alert-stream-common.strimziAPIVersion" (dict "root" $) | replace "kafka.strimzi.io/" "" }}\n',
      to: ''
    }
  }
]
