// Keeps dead letters in a Kafka topic: the original key, value and headers, and headers that say where the record came from, which node gave
// up on it and why. Resolves when all in-sync replicas have it. The topic is created when the sink opens, if it is missing; a user who may
// not create topics only needs it to be there.
import type { DeadLetter, DeadLetterSink, NodeContext } from '../pipeline/node.ts'
import { AlertStreamError, messageOf } from '../pipeline/errors.ts'
import { KafkaAdmin, type TopicSpec } from '../kafka/admin.ts'
import type { KafkaConnection } from '../kafka/connection.ts'
import { isKafkaRecord, type KafkaHeader, type OutgoingRecord, textHeader } from '../kafka/record.ts'
import { type KafkaSink, kafkaSink } from './kafka.ts'

export interface KafkaDeadLettersOptions {
  readonly connection: KafkaConnection
  readonly topic: string
  /** How to create the topic where it is missing; without it a missing topic is an error. */
  readonly createTopic?: TopicSpec | undefined
}

/** Headers added to a letter. Values are UTF-8 text; numbers are decimal. */
export const deadLetterHeaders = {
  /** Stable error code. */
  reason: 'dead-letter-reason',
  message: 'dead-letter-message',
  /** The node that gave up. */
  node: 'dead-letter-node',
  /** `topic[partition]@offset`, `file.avro#17`. */
  position: 'dead-letter-position',
  topic: 'dead-letter-topic',
  partition: 'dead-letter-partition',
  offset: 'dead-letter-offset',
  /** Of the original record, in milliseconds since 1970. */
  timestamp: 'dead-letter-timestamp',
  attempts: 'dead-letter-attempts',
  /** Only where the record was too large for this topic: the size in bytes of its value, which was left out (and key and headers, if need be). */
  omitted: 'dead-letter-omitted-bytes'
} as const

/** A long message must not make the headers outgrow the record. */
const MAX_MESSAGE = 2000
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

  async bury (letter: DeadLetter): Promise<void> {
    const record = letterRecord(letter)
    if (await this.#fits(record)) return
    const omitted = textHeader(deadLetterHeaders.omitted, String(record.value?.length ?? 0))
    if (await this.#fits({ ...record, value: Buffer.alloc(0), headers: [...record.headers, omitted] })) return
    // Key or headers are what is too large. Without a letter, this one record would stop the stream at every start.
    await this.#write({ key: null, value: Buffer.alloc(0), headers: [...reportOf(letter), omitted] })
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
      if (await admin.describeTopic(topic) !== undefined) return
      await admin.createTopic(topic, spec)
    } catch (error) {
      // Another process was quicker.
      if (!(error instanceof AlertStreamError) || error.code !== 'KAFKA_TOPIC_EXISTS') throw error
    } finally {
      await admin.close()
    }
  }
}

/** The letter as it is produced. */
export function letterRecord (letter: DeadLetter): OutgoingRecord {
  const { value } = letter.record
  const report = reportOf(letter)
  return isKafkaRecord(value)
    ? { key: value.key, value: value.value, headers: [...value.headers, ...report] }
    : { key: null, value: bytesOf(value), headers: report }
}

/** The headers that a letter adds. */
function reportOf ({ record: { value }, origin, node, error, attempts }: DeadLetter): KafkaHeader[] {
  const headers = [
    textHeader(deadLetterHeaders.reason, error instanceof AlertStreamError ? error.code : 'UNEXPECTED'),
    textHeader(deadLetterHeaders.message, messageOf(error).slice(0, MAX_MESSAGE)),
    textHeader(deadLetterHeaders.node, node),
    textHeader(deadLetterHeaders.position, origin.position),
    textHeader(deadLetterHeaders.attempts, String(attempts))
  ]
  if (!isKafkaRecord(value)) return headers
  return [
    ...headers,
    textHeader(deadLetterHeaders.topic, value.topic),
    textHeader(deadLetterHeaders.partition, String(value.partition)),
    textHeader(deadLetterHeaders.offset, String(value.offset)),
    textHeader(deadLetterHeaders.timestamp, String(value.timestamp))
  ]
}

/** A record's bytes where it is or has some (`bytes`, `value`, `data`), else JSON with bigints and bytes as strings. */
function bytesOf (value: unknown): Buffer {
  if (value instanceof Uint8Array) return Buffer.from(value.buffer, value.byteOffset, value.byteLength)
  if (typeof value === 'object' && value !== null) {
    for (const name of ['bytes', 'value', 'data']) {
      const inner = (value as Record<string, unknown>)[name]
      if (inner instanceof Uint8Array) return Buffer.from(inner.buffer, inner.byteOffset, inner.byteLength)
    }
  }
  const json = JSON.stringify(value, function (this: Record<string, unknown>, name, inner: unknown) {
    if (typeof inner === 'bigint') return inner.toString()
    // A Buffer arrives here as its own toJSON: look at what it was.
    const was = this[name]
    return was instanceof Uint8Array ? Buffer.from(was.buffer, was.byteOffset, was.byteLength).toString('base64') : inner
  }) as string | undefined
  return Buffer.from(json ?? 'null')
}
