// Faults in the simulator's values and templates.
import type { DeliberateFault } from './fault.ts'

const chart = 'alert-stream-simulator'

export const simulatorFaults: readonly DeliberateFault[] = [
  { chart, fault: 'partitions in words', tool: 'schema', says: /at '\/replayTopicPartitions'/, values: 'replayTopicPartitions: many' },
  {
    chart,
    fault: 'more replicas in sync than there are',
    tool: 'chart',
    says: /replayTopicMinInSyncReplicas 3: the topic has 2 replicas/,
    values: 'replayTopicMinInSyncReplicas: 3'
  },
  {
    chart, fault: 'no topic to play into', tool: 'kubeconform', says: /missing propert.* 'partitions'|got null, want integer/,
    edit: { file: `${chart}/templates/kafka-topic.yaml`, from: 'partitions: {{ int64 .Values.replayTopicPartitions }}', to: 'partitions:' }
  },
  {
    chart, fault: 'a profile that the program does not have', tool: 'program', says: /--profile/,
    edit: { file: `${chart}/templates/replay-deployment.yaml`, from: '--profile={{ $replay.profile }}', to: '--profile=slow' }
  },
  {
    chart,
    fault: 'a user who may not recreate the static topic',
    tool: 'acls',
    says: /alert-stream-simulator: without the rule: allow Delete on topic alerts-static/,
    edit: { file: `${chart}/templates/kafka-user.yaml`, from: '[Create, Delete, Describe', to: '[Create, Describe' }
  }
]
