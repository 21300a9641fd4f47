// Decides whether a static topic can be played: whether the topic exists, is complete, and holds enough alerts for a pass.
import type { KafkaAdmin, TopicSnapshot } from '../kafka/admin.ts'
import type { KafkaConnection } from '../kafka/connection.ts'
import type { KafkaRecord } from '../kafka/record.ts'
import { AlertStreamError, defineErrors, silent } from '../pipeline/index.ts'
import { readTopic } from '../sources/kafka-topic.ts'
import { incompleteReason } from './topic-completeness.ts'

export const staticTopicErrors = defineErrors({
  STATIC_TOPIC_INCOMPLETE: {
    hint: 'Load the topic with create-stream --create-topic, or wait for a running load. For topics of other programs: --accept-unmarked.'
  },
  STATIC_TOPIC_SMALL: { hint: 'Use --fresh-ids, which allows alerts to be repeated within a pass, or a smaller --visit-size.' }
})

export interface PlayRequirements {
  readonly topic: string
  /** Whether to accept a non-empty topic without a completion marker, such as a topic that another program loaded. */
  readonly acceptUnmarked: boolean
  /** Number of alerts per pass (--visit-size). Default: all alerts of the topic. */
  readonly visitSize?: number | undefined
  /** Whether a pass may repeat alerts, so that `visitSize` may exceed the number of alerts in the topic. */
  readonly repeats?: boolean | undefined
}

const topicChangedCodes = new Set(['KAFKA_TOPIC_RECREATED', 'KAFKA_TOPIC_MISSING', 'KAFKA_OFFSET_LOST', 'KAFKA_PARTITION_MISSING'])

/** Whether the error means that the topic was deleted or recreated during a read. */
export function isTopicChanged (error: unknown): error is AlertStreamError {
  return error instanceof AlertStreamError && topicChangedCodes.has(error.code)
}

/** Whether the error means that the static topic cannot be played: it is missing, incomplete or too small. */
export function isUnplayable (error: unknown): error is AlertStreamError {
  return error instanceof AlertStreamError && Object.hasOwn(staticTopicErrors, error.code)
}

/** Returns the snapshot of the topic if the topic can be played. Errors: STATIC_TOPIC_INCOMPLETE, STATIC_TOPIC_SMALL, KAFKA_*. */
export async function playableTopic (
  admin: KafkaAdmin, connection: KafkaConnection, { topic, acceptUnmarked, visitSize = 0, repeats = false }: PlayRequirements
): Promise<TopicSnapshot> {
  const where = `${topic} at ${connection.brokers}`
  const found = await checkStaticTopic(admin, connection, topic, acceptUnmarked)
  if (typeof found === 'string') throw staticTopicErrors.STATIC_TOPIC_INCOMPLETE(found, { where })
  const records = recordCount(found)
  if (visitSize > records && !repeats) {
    throw staticTopicErrors.STATIC_TOPIC_SMALL(`the static topic holds ${records} alerts, but --visit-size is ${visitSize}`, { where })
  }
  return found
}

/** Returns the topic's id and offsets if the topic is complete, otherwise the reason why the topic is not complete. */
export async function checkStaticTopic (
  admin: KafkaAdmin, connection: KafkaConnection, topic: string, acceptUnmarked = false
): Promise<TopicSnapshot | string> {
  try {
    const snapshot = await admin.snapshot(topic)
    if (snapshot === undefined) return 'the static topic does not exist'
    if (recordCount(snapshot) === 0) return 'the static topic is empty'
    if (acceptUnmarked) return snapshot
    return incompleteReason(snapshot, await lastRecords(connection, snapshot)) ?? snapshot
  } catch (error) {
    if (isTopicChanged(error)) return 'the static topic is being recreated'
    throw error
  }
}

/** Number of records in all partitions, computed from the offsets. */
export function recordCount ({ start, end }: TopicSnapshot): number {
  return end.reduce((sum, each, partition) => sum + Number(each - (start[partition] ?? 0n)), 0)
}

/** Numbers the records of a topic from 0, partition after partition. A record has the same index in every pass. */
export function recordIndexer ({ start, end }: TopicSnapshot): (record: KafkaRecord) => number {
  let total = 0
  const firstIndex = end.map((each, partition) => {
    const first = total
    total += Number(each - (start[partition] ?? 0n))
    return first
  })
  return ({ partition, offset }) => (firstIndex[partition] ?? 0) + Number(offset - (start[partition] ?? 0n))
}

/** The record at the last offset of each partition. Undefined for a partition that is empty or ends with a transaction marker. */
async function lastRecords (connection: KafkaConnection, snapshot: TopicSnapshot): Promise<(KafkaRecord | undefined)[]> {
  const { topic, start, end } = snapshot
  const from = end.map((each, partition) => each > (start[partition] ?? 0n) ? each - 1n : each)
  const reader = readTopic({ connection, topic, snapshot, from, to: end })
  const never = new AbortController().signal
  const context = { node: 'static-topic', log: silent, drain: never, abort: never }
  const last = new Array<KafkaRecord | undefined>(end.length).fill(undefined)
  try {
    await reader.open?.(context)
    for await (const { value } of reader.records(context)) last[value.partition] = value
    return last
  } finally {
    await reader.close?.()
  }
}
