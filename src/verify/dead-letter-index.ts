// The origins of the dead letters of a topic, in memory: 16 bytes per dead letter. A topic cannot be searched, so all its dead letters are
// read once, and the checks wait until they are complete.
import type { KafkaConnection } from '../kafka/connection.ts'
import type { BatchOptions } from '../kafka/damaged-batches.ts'
import { partitionKey } from '../kafka/offset-tracker.ts'
import type { KafkaRecord } from '../kafka/record.ts'
import { parseDeadLetter } from '../dead-letters/dead-letter.ts'
import { errorCode, type Sink, type Source } from '../pipeline/index.ts'
import { readTopic } from '../sources/kafka-topic.ts'
import type { CommittedTopic } from './committed-records.ts'

/** Maximum bytes of a fetch response. */
const MAX_BYTES = 4 * 1024 * 1024

export class DeadLetterIndex {
  readonly #complete = Promise.withResolvers<boolean>()
  readonly #origins = new Map<string, Origins>()
  readonly #committed: () => readonly CommittedTopic[]

  /** @param committed returns the topics to check. Dead letters of other topics are not kept. */
  constructor (committed: () => readonly CommittedTopic[]) {
    this.#committed = committed
  }

  /**
   * The dead letters that the topic has when the source opens. A missing topic has none. The index is complete when all of them have been
   * written to `sink`.
   */
  source (connection: KafkaConnection, topic: string, batches?: BatchOptions): Source<KafkaRecord> {
    const reader = readTopic({ connection, topic, batches, omitsLarge: true, maxBytes: MAX_BYTES })
    const end = this.#complete.resolve
    let missing = false
    let unsettled = 0
    let atEnd = false
    const endIfSettled = (): void => { if (atEnd && unsettled === 0) end(true) }
    return {
      kind: 'dead-letter topic',
      detail: topic,
      async open (context) {
        context.drain.addEventListener('abort', () => { end(false) })
        try {
          await reader.open?.(context)
        } catch (error) {
          if (errorCode(error) !== 'KAFKA_TOPIC_MISSING') throw error
          missing = true
          context.log.warn({ topic }, 'the dead-letter topic does not exist: no record has a dead letter')
        }
      },
      async * records (context) {
        if (!missing) {
          for await (const record of reader.records(context)) {
            unsettled++
            yield record
          }
        }
        if (context.drain.aborted) return
        atEnd = true
        endIfSettled()
      },
      settled: () => {
        unsettled--
        endIfSettled()
      },
      close: async () => reader.close?.()
    }
  }

  sink (): Sink<KafkaRecord> {
    return { kind: 'memory', detail: 'origins of the dead letters', write: async record => { this.#add(record) } }
  }

  /** Whether a dead letter has this origin. Resolves to undefined if the run was stopped before all dead letters were read. */
  async has ({ topic, partition, offset, timestamp }: KafkaRecord): Promise<boolean | undefined> {
    if (!await this.#complete.promise) return undefined
    return this.#origins.get(partitionKey(topic, partition))?.has(offset, timestamp) ?? false
  }

  #add (record: KafkaRecord): void {
    const origin = parseDeadLetter(record)?.origin
    if (origin === undefined) return
    const { topic, partition, offset, timestamp } = origin
    const checked = this.#committed().find(each => each.topic === topic)?.partitions[partition]
    if (checked === undefined || offset >= checked.end) return
    const key = partitionKey(topic, partition)
    let origins = this.#origins.get(key)
    if (origins === undefined) this.#origins.set(key, origins = new Origins())
    origins.add(offset, timestamp)
  }
}

/** A set of pairs of offset and timestamp. The timestamp tells records of a topic from those of an earlier topic of the same name. */
class Origins {
  #offsets = new BigInt64Array(16)
  #timestamps = new BigInt64Array(16)
  #length = 0
  #sorted = true

  add (offset: bigint, timestamp: bigint): void {
    if (this.#length === this.#offsets.length) this.#resize(this.#length * 2)
    this.#offsets[this.#length] = offset
    this.#timestamps[this.#length++] = timestamp
    this.#sorted = false
  }

  has (offset: bigint, timestamp: bigint): boolean {
    this.#sort()
    let [low, high] = [0, this.#length]
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#offsets[middle]! < offset) low = middle + 1
      else high = middle
    }
    while (low < this.#length && this.#offsets[low] === offset) if (this.#timestamps[low++] === timestamp) return true
    return false
  }

  #resize (size: number): void {
    const [offsets, timestamps] = [new BigInt64Array(size), new BigInt64Array(size)]
    offsets.set(this.#offsets.subarray(0, this.#length))
    timestamps.set(this.#timestamps.subarray(0, this.#length))
    this.#offsets = offsets
    this.#timestamps = timestamps
  }

  #sort (): void {
    if (this.#sorted) return
    this.#sorted = true
    const [offsets, timestamps] = [this.#offsets, this.#timestamps]
    const order = new Uint32Array(this.#length).map((_, index) => index)
    order.sort((a, b) => offsets[a]! < offsets[b]! ? -1 : offsets[a]! > offsets[b]! ? 1 : 0)
    this.#offsets = new BigInt64Array(this.#length)
    this.#timestamps = new BigInt64Array(this.#length)
    order.forEach((from, to) => {
      this.#offsets[to] = offsets[from]!
      this.#timestamps[to] = timestamps[from]!
    })
  }
}
