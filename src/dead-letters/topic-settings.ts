// Checks at the start of a mode that the dead-letter topic can hold its dead letters.
import { AlertStreamError, defineErrors, type Logger } from '../pipeline/index.ts'
import type { KafkaAdmin, TopicConfigs } from '../kafka/admin.ts'
import { maxReportBytes } from './dead-letter.ts'

const errors = defineErrors({
  DEAD_LETTER_TOPIC_COMPACTED: {
    hint: 'Set cleanup.policy=delete for the topic, or use another topic or --dead-letter-store. Compaction deletes all but the last ' +
      'dead letter of an alert id, and the brokers reject dead letters without a key.',
    fatal: true
  },
  DEAD_LETTER_TOPIC_TOO_SMALL: { hint: 'Raise max.message.bytes of the dead-letter topic.', fatal: true }
})

/** The records whose dead letters the topic must hold: all records of Kafka topics, or records of up to `largest` bytes. */
export type ExpectedRecords = { readonly topics: readonly string[] } | { readonly largest: number }

/** Limit of a topic whose settings this user cannot read: the default of the flags that create topics. */
const USUAL_MAX_MESSAGE_BYTES = 16 * 1024 * 1024

/**
 * Errors: DEAD_LETTER_TOPIC_COMPACTED, DEAD_LETTER_TOPIC_TOO_SMALL (not even a report fits). Logs a warning if the values of the largest
 * records do not fit, or if the topic deletes old dead letters. If this user cannot read the settings, checks nothing.
 */
export async function checkTopicSettings (
  admin: KafkaAdmin, topic: string, expected: ExpectedRecords, where: string, log: Logger
): Promise<void> {
  const configs = await readableConfigs(admin, topic)
  if (configs === undefined) {
    log.debug({ topic }, 'the settings of the dead-letter topic are not checked: this user may not read them')
    return
  }
  const policy = configs['cleanup.policy'] ?? ''
  if (policy.split(',').some(each => each.trim() === 'compact')) {
    const what = `the dead-letter topic is compacted (cleanup.policy ${policy}), so it would lose dead letters`
    throw errors.DEAD_LETTER_TOPIC_COMPACTED(what, { where })
  }
  const limit = Number(configs['max.message.bytes'])
  if (limit < maxReportBytes) {
    const what = `the dead-letter topic accepts ${limit} bytes (max.message.bytes), but a report alone has up to ${maxReportBytes} bytes`
    throw errors.DEAD_LETTER_TOPIC_TOO_SMALL(what, { where })
  }
  const needed = await largestRecord(admin, expected) + maxReportBytes
  if (limit < needed) {
    const fields = { topic, maxMessageBytes: limit, needed }
    log.warn(fields, 'dead letters of the largest records will not hold their values: raise max.message.bytes of the dead-letter topic')
  }
  const { 'retention.ms': retentionMs = '-1', 'retention.bytes': retentionBytes = '-1' } = configs
  if (retentionMs === '-1' && retentionBytes === '-1') return
  const fields = { topic, retentionMs, retentionBytes }
  log.warn(fields, 'the dead-letter topic deletes old dead letters: set its retention.ms and retention.bytes to -1')
}

async function largestRecord (admin: KafkaAdmin, expected: ExpectedRecords): Promise<number> {
  if ('largest' in expected) return expected.largest
  const limits = await Promise.all(expected.topics.map(async topic =>
    Number((await readableConfigs(admin, topic))?.['max.message.bytes'] ?? USUAL_MAX_MESSAGE_BYTES)))
  return Math.max(0, ...limits)
}

/** Settings of a topic; undefined if this user may not read them, or the topic does not exist. */
async function readableConfigs (admin: KafkaAdmin, topic: string): Promise<TopicConfigs | undefined> {
  try {
    return await admin.topicConfigs(topic)
  } catch (error) {
    if (error instanceof AlertStreamError && ['KAFKA_NOT_AUTHORISED', 'KAFKA_TOPIC_MISSING'].includes(error.code)) return undefined
    throw error
  }
}
