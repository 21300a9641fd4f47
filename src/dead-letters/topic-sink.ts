// Keeps dead letters in a Kafka topic: the original key, value and headers, and headers that say where the record came from, which node gave
// up on it and why. Resolves when all in-sync replicas have it. The topic is created when the sink opens, if it is missing; a user who may
// not create topics only needs it to be there.
import type { DeadLetter, DeadLetterSink, NodeContext } from '../pipeline/node.ts'
import { AlertStreamError } from '../pipeline/errors.ts'
import { KafkaAdmin, type TopicSpec } from '../kafka/admin.ts'
import type { KafkaConnection } from '../kafka/connection.ts'
import { letterOf, letterRecord, reportHeaders } from './dead-letter.ts'
import type { OutgoingRecord } from '../kafka/record.ts'
import { type KafkaSink, kafkaSink } from '../sinks/kafka.ts'

export interface KafkaDeadLettersOptions {
  readonly connection: KafkaConnection
  readonly topic: string
  /** How to create the topic where it is missing; without it a missing topic is an error. */
  readonly createTopic?: TopicSpec | undefined
}

const never = new AbortController().signal

/** Errors: those of kafkaSink; at open also KAFKA_TOPIC_MISSING and those of creating a topic. */
export function kafkaDeadLetters (options: KafkaDeadLettersOptions): DeadLetterSink {
  return new KafkaDeadLetters(options)
}

class KafkaDeadLetters implements DeadLetterSink {
  readonly kind = 'kafka dead letters'
  readonly detail: string
  readonly #options: KafkaDeadLettersOptions
  readonly #sink: KafkaSink
  #signal: AbortSignal = never

  constructor (options: KafkaDeadLettersOptions) {
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

  async write (dead: DeadLetter): Promise<void> {
    const letter = letterOf(dead)
    if (await this.#fits(letterRecord(letter))) return
    const omitted = { ...letter, value: Buffer.alloc(0), omittedBytes: letter.value?.length ?? 0 }
    if (await this.#fits(letterRecord(omitted))) return
    // Key or headers are what is too large. Without a letter, this one record would stop the stream at every start.
    await this.#write({ key: null, value: Buffer.alloc(0), headers: reportHeaders(omitted) })
  }

  async close (): Promise<void> {
    await this.#sink.close?.()
  }

  async #fits (record: OutgoingRecord): Promise<boolean> {
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
