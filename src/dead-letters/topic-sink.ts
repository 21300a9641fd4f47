// Writes dead letters to a Kafka topic: the original key, value and headers, followed by the report headers. Resolves when all in-sync
// replicas have the record. If the topic is missing, it is created when the sink opens; otherwise no create permission is needed.
import type { DeadLetter, DeadLetterSink, NodeContext } from '../pipeline/node.ts'
import { AlertStreamError } from '../pipeline/errors.ts'
import { KafkaAdmin, type TopicSpec } from '../kafka/admin.ts'
import type { KafkaConnection } from '../kafka/connection.ts'
import { reportHeaders, toDeadLetterRecord, toKafkaRecord } from './dead-letter.ts'
import type { OutgoingRecord } from '../kafka/record.ts'
import { type KafkaSink, kafkaSink } from '../sinks/kafka.ts'

export interface DeadLetterTopicSinkOptions {
  readonly connection: KafkaConnection
  readonly topic: string
  /** Settings for creating a missing topic. Without them, a missing topic is an error. */
  readonly createTopic?: TopicSpec | undefined
}

const never = new AbortController().signal

/** Errors: those of kafkaSink; at open also KAFKA_TOPIC_MISSING and the errors of creating a topic. */
export function deadLetterTopicSink (options: DeadLetterTopicSinkOptions): DeadLetterSink {
  return new DeadLetterTopicSink(options)
}

class DeadLetterTopicSink implements DeadLetterSink {
  readonly kind = 'dead-letter topic'
  readonly detail: string
  readonly #options: DeadLetterTopicSinkOptions
  readonly #sink: KafkaSink
  #signal: AbortSignal = never

  constructor (options: DeadLetterTopicSinkOptions) {
    this.#options = options
    this.#sink = kafkaSink({ connection: options.connection, topic: options.topic })
    this.detail = options.topic
  }

  async open (context?: NodeContext): Promise<void> {
    this.#signal = context?.abort ?? never
    const { topic, createTopic } = this.#options
    if (createTopic !== undefined) await this.#ensureTopic(topic, createTopic)
    await this.#sink.open?.(context!)
  }

  async write (failed: DeadLetter): Promise<void> {
    const deadLetter = toDeadLetterRecord(failed)
    if (await this.#writeIfFits(toKafkaRecord(deadLetter))) return
    const omitted = { ...deadLetter, value: Buffer.alloc(0), omittedBytes: deadLetter.value?.length ?? 0 }
    if (await this.#writeIfFits(toKafkaRecord(omitted))) return
    // The key or the headers are too large. If this write failed too, the record would stop the stream at every start.
    await this.#write({ key: null, value: Buffer.alloc(0), headers: reportHeaders(omitted) })
  }

  async close (): Promise<void> {
    await this.#sink.close?.()
  }

  async #writeIfFits (record: OutgoingRecord): Promise<boolean> {
    try {
      await this.#write(record)
      return true
    } catch (error) {
      if (error instanceof AlertStreamError && error.code === 'KAFKA_MESSAGE_TOO_LARGE') return false
      throw error
    }
  }

  async #write (record: OutgoingRecord): Promise<void> {
    await this.#sink.writeBatch([record], { signal: this.#signal, attempt: 1 })
  }

  async #ensureTopic (topic: string, spec: TopicSpec): Promise<void> {
    const admin = new KafkaAdmin(this.#options.connection)
    try {
      await admin.ensureTopic(topic, spec)
    } finally {
      await admin.close()
    }
  }
}
