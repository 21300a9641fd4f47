// One partition being fetched: its position, the records that were fetched and not yet taken, and where it ends. Taking a record copies its
// bytes out of the fetch response unless they are most of it: a record that waits long downstream would else keep megabytes of neighbours
// alive, unseen by the byte credits. (A copy of 80 KB costs about 25 microseconds of CPU, a gzip of it a hundred times that.)
import type { fetchV17, KafkaRecord as RawRecord, RecordsBatch } from '@platformatic/kafka'
import { type KafkaHeader, type KafkaRecord, recordBytes } from './record.ts'

const IS_TRANSACTIONAL = 1 << 4
const IS_CONTROL = 1 << 5
const IS_LOG_APPEND_TIME = 1 << 3
const ABORT_MARKER = 0
/** What a record costs beside its bytes: objects, array slots, bigints. */
const RECORD_OVERHEAD = 256

interface Buffered {
  readonly offset: bigint
  readonly timestamp: bigint
  readonly raw: RawRecord
  readonly bytes: number
}

export interface FeedStart {
  readonly topic: string
  /** UUID of the topic: records of a recreated one can never be mixed in. */
  readonly topicId: string
  readonly partition: number
  readonly position: bigint
  /** Offset before which to stop; endless without it. */
  readonly end?: bigint | undefined
}

export class Feed {
  readonly topic: string
  readonly topicId: string
  readonly partition: number
  readonly end: bigint | undefined
  /** Bytes fetched and not yet taken. */
  bytes = 0
  /** No longer wanted: responses on their way are dropped. */
  removed = false
  /** Not to be fetched nor taken for now. */
  paused = false
  /** The broker's word at the last fetch: end of what can be read, and first offset kept. */
  highWatermark: bigint | undefined
  logStart: bigint | undefined
  #fetched: bigint
  #taken: bigint
  #queue: Buffered[] = []
  #head = 0

  constructor (start: FeedStart) {
    this.topic = start.topic
    this.topicId = start.topicId
    this.partition = start.partition
    this.end = start.end
    this.#fetched = start.position
    this.#taken = start.position
  }

  /** Offset of the next record to fetch. */
  get fetchPosition (): bigint {
    return this.#fetched
  }

  /** Offset of the next record to take; past what the log skips once nothing is waiting. */
  get position (): bigint {
    return this.waiting === 0 ? this.#fetched : this.#taken
  }

  /** Records fetched and not yet taken. */
  get waiting (): number {
    return this.#queue.length - this.#head
  }

  /** Whether everything before `end` was fetched. */
  get complete (): boolean {
    return this.end !== undefined && this.#fetched >= this.end
  }

  /** Starts again elsewhere, dropping what was fetched. */
  reset (position: bigint): void {
    this.#queue = []
    this.#head = 0
    this.bytes = 0
    this.#fetched = position
    this.#taken = position
  }

  /** Takes in one partition of a fetch response that was asked for at `requested`; returns how many records came. */
  accept (response: fetchV17.FetchResponsePartition, requested: bigint): number {
    if (this.removed || requested !== this.#fetched) return 0
    this.highWatermark = response.lastStableOffset >= 0n ? response.lastStableOffset : response.highWatermark
    this.logStart = response.logStartOffset
    let count = 0
    const aborted = new AbortedTransactions(response.abortedTransactions ?? [])
    for (const batch of response.records ?? []) {
      const last = batch.firstOffset + BigInt(batch.lastOffsetDelta)
      const skip = aborted.covers(batch, last)
      if (last < this.#fetched) continue
      if (!skip && (batch.attributes & IS_CONTROL) === 0) {
        for (const raw of batch.records) {
          const offset = batch.firstOffset + BigInt(raw.offsetDelta)
          if (offset < this.#fetched || (this.end !== undefined && offset >= this.end)) continue
          const timestamp = (batch.attributes & IS_LOG_APPEND_TIME) === 0 ? batch.firstTimestamp + raw.timestampDelta : batch.maxTimestamp
          const bytes = recordBytes(raw as unknown as KafkaRecord) + RECORD_OVERHEAD
          this.#queue.push({ offset, timestamp, raw, bytes })
          this.bytes += bytes
          count++
        }
      }
      this.#fetched = last + 1n
    }
    return count
  }

  /** The oldest waiting record, left where it is (its bytes still belong to the fetch). */
  peek (): KafkaRecord | undefined {
    const next = this.#queue[this.#head]
    return next === undefined ? undefined : this.#record(next, next.raw as unknown as Bytes)
  }

  /** The oldest waiting record, with bytes of its own. */
  take (): KafkaRecord | undefined {
    const next = this.#queue[this.#head]
    if (next === undefined) return undefined
    this.#queue[this.#head++] = undefined as unknown as Buffered
    if (this.#head === this.#queue.length) {
      this.#queue = []
      this.#head = 0
    }
    this.bytes -= next.bytes
    this.#taken = next.offset + 1n
    return this.#record(next, own(next.raw as unknown as Bytes))
  }

  #record ({ offset, timestamp }: Buffered, { key, value, headers }: Bytes): KafkaRecord {
    return { topic: this.topic, partition: this.partition, offset, timestamp, key, value, headers }
  }
}

/**
 * Tells batches of aborted transactions, as Java's client does: from a transaction's first offset to its producer's abort marker. (The library
 * filters them too, but forgets all but the last of several by one producer.)
 */
class AbortedTransactions {
  readonly #ahead: Array<{ readonly producerId: bigint, readonly firstOffset: bigint }>
  readonly #open = new Set<bigint>()

  constructor (transactions: ReadonlyArray<{ readonly producerId: bigint, readonly firstOffset: bigint }>) {
    this.#ahead = transactions.toSorted((a, b) => a.firstOffset < b.firstOffset ? -1 : a.firstOffset > b.firstOffset ? 1 : 0)
  }

  covers (batch: RecordsBatch, last: bigint): boolean {
    while (this.#ahead.length > 0 && this.#ahead[0]!.firstOffset <= last) this.#open.add(this.#ahead.shift()!.producerId)
    if ((batch.attributes & IS_CONTROL) !== 0) {
      const key = batch.records[0]?.key as Buffer | null | undefined
      if (key?.readInt16BE(2) === ABORT_MARKER) this.#open.delete(batch.producerId)
      return false
    }
    return (batch.attributes & IS_TRANSACTIONAL) !== 0 && this.#open.has(batch.producerId)
  }
}

/** Bytes that a taken record keeps in memory. */
export function retainedBytes (record: KafkaRecord): number {
  const backing = (record.value ?? record.key)?.buffer.byteLength ?? 0
  return Math.max(backing, recordBytes(record)) + RECORD_OVERHEAD
}

interface Bytes {
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly headers: readonly KafkaHeader[]
}

function own (raw: Bytes): Bytes {
  const size = recordBytes(raw)
  const backing = (raw.value ?? raw.key)?.buffer.byteLength ?? 0
  if (backing <= size * 2) return { key: raw.key, value: raw.value, headers: raw.headers }
  const memory = Buffer.allocUnsafeSlow(size)
  let at = 0
  const copy = (bytes: Buffer): Buffer => {
    memory.set(bytes, at)
    const slice = memory.subarray(at, at + bytes.length)
    at += bytes.length
    return slice
  }
  return {
    key: raw.key && copy(raw.key),
    value: raw.value && copy(raw.value),
    headers: raw.headers.map(([name, value]) => [copy(name), value && copy(value)])
  }
}
