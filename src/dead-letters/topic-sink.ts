// Writes dead letters to a Kafka topic: the original key, value and headers, followed by the report headers. `write` resolves when all
// in-sync replicas have the record. The producer retries a send until its deadline, and the brokers write it once. The graph must not
// retry it. A missing topic is created when the sink opens. For an existing topic, no create permission is needed.
import type { DeadLetter, DeadLetterSink, NodeContext } from '../pipeline/node.ts'
import { AlertStreamError } from '../pipeline/errors.ts'
import { noRetry } from '../pipeline/retry.ts'
import { KafkaAdmin, type TopicSpec } from '../kafka/admin.ts'
import type { KafkaConnection } from '../kafka/connection.ts'
import { reportHeaders, toDeadLetterRecord, toKafkaRecord } from './dead-letter.ts'
import type { OutgoingRecord } from '../kafka/record.ts'
import { kafkaSink } from '../sinks/kafka.ts'
import { checkTopicSettings, type ExpectedRecords } from './topic-settings.ts'

export interface DeadLetterTopicSinkOptions {
  readonly connection: KafkaConnection
  readonly topic: string
  /** Settings for creating a missing topic. */
  readonly createTopic: TopicSpec
  readonly expected: ExpectedRecords
}

/** Time limit for writing a dead letter, in ms. The limit is long, because the source keeps retrying while no broker is reachable. */
const DELIVERY_TIMEOUT_MS = 600_000

/** Errors: the errors of kafkaSink. `open` can also fail with the errors of creating the topic and of checkTopicSettings. */
export function deadLetterTopicSink ({ connection, topic, createTopic, expected }: DeadLetterTopicSinkOptions): DeadLetterSink {
  const sink = kafkaSink({ connection, topic, deliveryTimeoutMs: DELIVERY_TIMEOUT_MS })
  let signal = new AbortController().signal

  async function write (record: OutgoingRecord): Promise<void> {
    await sink.writeBatch([record], { signal, attempt: 1 })
  }

  async function writeIfFits (record: OutgoingRecord): Promise<boolean> {
    try {
      await write(record)
      return true
    } catch (error) {
      if (error instanceof AlertStreamError && error.code === 'KAFKA_MESSAGE_TOO_LARGE') return false
      throw error
    }
  }

  return {
    kind: 'dead-letter topic',
    detail: topic,
    retry: noRetry,
    async open (context: NodeContext) {
      signal = context.abort
      const admin = new KafkaAdmin(connection, { startRetry: { log: context.log, signal: context.drain } })
      try {
        await admin.ensureTopic(topic, createTopic)
        await checkTopicSettings(admin, topic, expected, `${topic} at ${connection.brokers}`, context.log)
      } finally {
        await admin.close()
      }
      await sink.open?.(context)
    },
    async write (failed: DeadLetter) {
      const deadLetter = toDeadLetterRecord(failed)
      if (await writeIfFits(toKafkaRecord(deadLetter))) return
      const omitted = { ...deadLetter, value: Buffer.alloc(0), omittedBytes: deadLetter.value?.length ?? 0 }
      if (await writeIfFits(toKafkaRecord(omitted))) return
      // The key or the headers are too large. Without this third attempt, the stream would stop at this record on every start.
      await write({ key: null, value: Buffer.alloc(0), headers: reportHeaders(omitted) })
    },
    close: async () => sink.close?.()
  }
}
