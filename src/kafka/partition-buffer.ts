// Buffer of one fetched partition: fetch position, end, and the batches that were fetched but not taken yet. Batches stay compressed until
// their records are taken. A taken record has memory of its own, so a record that waits downstream does not retain the fetch response.
// A damaged batch stops the buffer at the first record that cannot be read. The buffer reports it to its owner, and skips nothing itself.
import { AbortedTransactions } from './aborted-transactions.ts'
import { BatchError } from './batch-errors.ts'
import { type BatchMemory, BatchRecords } from './batch-records.ts'
import type { FetchedPartition } from './fetch-response.ts'
import { type EpochEnd, LeaderEpochs } from './leader-epochs.ts'
import type { TopicPartition } from './offset-tracker.ts'
import { checkBatch, IS_CONTROL, IS_LOG_APPEND_TIME, lastOffset, offsetAfter, type RecordBatch } from './record-batch.ts'
import type { BatchRecord } from './record-body.ts'
import type { KafkaRecord } from './record.ts'

/** A response may hold records beyond the high watermark that it states, but not by this many. */
const MAX_OFFSETS_PAST_HIGH_WATERMARK = 1_000_000n

/** A batch that cannot be read. */
export interface BatchDamage {
  /** Offset of the first record that cannot be read. */
  readonly offset: bigint
  readonly reason: string
  /** Whether the batch is intact, but too large for the memory limit. */
  readonly oversized: boolean
  /** First offset after the batch, as far as it can be told. */
  readonly next: bigint
}

export interface PartitionStart extends TopicPartition {
  /** UUID of the topic. A fetch by id never returns records of a recreated topic. */
  readonly topicId: string
  readonly position: bigint
  /** Leader epoch of the last record before `position`. If undefined, the epoch is unknown. */
  readonly leaderEpoch?: number | undefined
  /** Offset before which reading stops. If undefined, the partition is read indefinitely. */
  readonly end?: bigint | undefined
}

export interface BufferOwner {
  readonly memory: BatchMemory
  /** Called when a record of a streamed batch, which `take` could not return at once, can be taken. */
  onReady (): void
  /** Called when the buffer stops at a damaged batch. The fetch position is then the offset of the damage. */
  onDamaged (buffer: PartitionBuffer, damage: BatchDamage): void
}

/** The batch whose records are being taken. */
interface OpenBatch {
  readonly batch: RecordBatch
  readonly records: BatchRecords
  reading: boolean
}

export class PartitionBuffer {
  readonly topic: string
  readonly topicId: string
  readonly partition: number
  readonly end: bigint | undefined
  /** While true, the partition is not read, and responses that arrive are dropped. */
  removed = false
  /** While true, the partition is not fetched and its records are not delivered. */
  paused = false
  /** Log start offset of the last fetch response. */
  logStart: bigint | undefined
  readonly #owner: BufferOwner
  #epochs: LeaderEpochs
  #fetched: bigint
  #taken: bigint
  /** Whether the fetch position is known to be the end of a batch. */
  #atBatchEnd = false
  #queue: RecordBatch[] = []
  #queuedBytes = 0
  /** Number of records in the queued batches. */
  #queued = 0
  #open: OpenBatch | undefined
  /** The next record, if `peek` has read it. */
  #next: KafkaRecord | undefined

  constructor (start: PartitionStart, owner: BufferOwner) {
    this.topic = start.topic
    this.topicId = start.topicId
    this.partition = start.partition
    this.end = start.end
    this.#owner = owner
    this.#fetched = start.position
    this.#taken = start.position
    this.#epochs = new LeaderEpochs(start.position, start.leaderEpoch)
  }

  /** Offset of the next record to fetch. */
  get fetchPosition (): bigint {
    return this.#fetched
  }

  /** Offset of the next record to take. If the buffer is empty, this is the fetch position, past any trailing offsets without records. */
  get position (): bigint {
    return this.#isEmpty ? this.#fetched : this.#taken
  }

  /** Leader epoch of the last record before the fetch position; -1 if unknown. */
  get lastFetchedEpoch (): number {
    return this.#epochs.before(this.#fetched)
  }

  /** Leader epoch of the last record before `position`; -1 if unknown. */
  get positionEpoch (): number {
    return this.#epochs.before(this.position)
  }

  /** Bytes that the buffer holds: compressed batches, and the decompressed part of the batch that is being taken. */
  get bytes (): number {
    return this.#queuedBytes + (this.#open?.records.held ?? 0)
  }

  /** Number of records that were fetched but not taken yet. An upper bound if the topic is compacted. */
  get waiting (): number {
    return this.#queued + (this.#open === undefined ? 0 : this.#countOf(this.#open.batch))
  }

  /** Whether everything before `end` was fetched. */
  get complete (): boolean {
    return this.end !== undefined && this.#fetched >= this.end
  }

  /** Drops the buffered records and continues at `position`. */
  reset (position: bigint): void {
    this.#moveTo(position)
    this.#epochs = new LeaderEpochs(position)
  }

  /**
   * Drops the buffered records after the log of the partition was truncated, and continues at the divergence or, if no taken record is
   * gone, at the next record to take. Returns the divergence.
   */
  truncate (end: EpochEnd): bigint {
    const divergence = this.#epochs.divergence(end, this.#fetched)
    this.#epochs.truncate(divergence, end.epoch)
    this.#moveTo(divergence < this.position ? divergence : this.position)
    return divergence
  }

  /** Continues to fetch at `position`, behind a damaged batch. Keeps the records before it. */
  skipTo (position: bigint): void {
    if (this.#isEmpty) this.#taken = position
    this.#fetched = position
    this.#atBatchEnd = false
  }

  /**
   * Appends the batches of a fetch response, up to the first damaged one. Ignores the response if `requestedOffset` is not the fetch
   * position.
   */
  append (response: FetchedPartition, requestedOffset: bigint): void {
    if (this.removed || requestedOffset !== this.#fetched) return
    this.logStart = response.logStartOffset
    const { batches, highWatermark } = response
    const aborted = new AbortedTransactions(response.abortedTransactions)
    for (const [index, batch] of batches.entries()) {
      const last = lastOffset(batch)
      const reason = checkBatch(batch) ?? this.#checkOffsets(batch, highWatermark)
      if (reason !== undefined) {
        const next = offsetAfter(batch, batches[index + 1])
        // A broker returns a batch with a damaged header again after it was skipped.
        if (next !== undefined && next <= this.#fetched) continue
        this.damaged(reason, next)
        return
      }
      try {
        const skip = aborted.includes(batch)
        if (last < this.#fetched) continue
        this.#epochs.append(batch.partitionLeaderEpoch, batch.firstOffset)
        if (!skip && (batch.attributes & IS_CONTROL) === 0) this.#enqueue(batch)
      } catch (error) {
        if (!(error instanceof BatchError)) throw error
        this.damaged(error.message, last + 1n)
        return
      }
      this.#fetched = last + 1n
      this.#atBatchEnd = true
    }
    if (response.damage !== undefined) this.damaged(response.damage)
  }

  /** Reports that the batch at the fetch position cannot be read. `next`: first offset after the batch, if it is known. */
  damaged (reason: string, next?: bigint, oversized = false): void {
    const offset = this.#fetched
    this.#owner.onDamaged(this, { offset, reason, oversized, next: next !== undefined && next > offset ? next : offset + 1n })
  }

  /** Returns the next record without removing it. Returns undefined if there is none, or if it is still being decompressed. */
  peek (): KafkaRecord | undefined {
    while (this.#next === undefined) {
      const open = this.#openBatch()
      if (open === undefined || open.reading) return undefined
      const record = this.#attempt(open.batch, () => open.records.next())
      if (record === 'damaged') return undefined
      if (record === undefined) {
        if (open.records.done) this.#closeBatch()
        else if (this.#owner.memory.startStream(this)) void this.#readMore(open)
        else return undefined
        continue
      }
      const offset = open.batch.firstOffset + BigInt(record.offsetDelta)
      if (this.end !== undefined && offset >= this.end) this.#closeBatch()
      else if (offset >= this.#taken) this.#next = this.#recordAt(offset, open.batch, record)
    }
    return this.#next
  }

  /** Removes and returns the next record, as `peek` does. */
  take (): KafkaRecord | undefined {
    const record = this.peek()
    if (record === undefined) return undefined
    this.#next = undefined
    this.#taken = record.offset + 1n
    if (this.#open?.records.done === true || (this.end !== undefined && this.#taken >= this.end)) this.#closeBatch()
    return record
  }

  /**
   * Removes the next batch and returns it as `accept` has converted it. Returns undefined if `accept` does so, if records of the batch were
   * taken, or if it is not entirely before `end`. Its records can then be taken one by one.
   */
  takeBatch<T> (accept: (batch: RecordBatch) => T | undefined): T | undefined {
    const batch = this.#queue[0]
    if (this.#open !== undefined || batch === undefined || batch.firstOffset < this.#taken) return undefined
    const next = lastOffset(batch) + 1n
    if (this.end !== undefined && next > this.end) return undefined
    const accepted = accept(batch)
    if (accepted === undefined) return undefined
    this.#dequeue(batch)
    this.#taken = next
    return accepted
  }

  #moveTo (position: bigint): void {
    this.#closeBatch()
    this.#queue = []
    this.#queued = this.#queuedBytes = 0
    this.#next = undefined
    this.#fetched = position
    this.#taken = position
    this.#atBatchEnd = false
  }

  get #isEmpty (): boolean {
    return this.#queue.length === 0 && this.#open === undefined
  }

  /** Number of records of a batch that will be taken. */
  #countOf (batch: RecordBatch): number {
    const first = batch.firstOffset > this.#taken ? batch.firstOffset : this.#taken
    const last = lastOffset(batch)
    const end = this.end !== undefined && this.end <= last ? this.end - 1n : last
    return Math.min(batch.count, Math.max(Number(end - first) + 1, 0))
  }

  /** Checks the offsets of a batch, which its checksum does not cover. */
  #checkOffsets ({ firstOffset, lastOffsetDelta }: RecordBatch, highWatermark: bigint): string | undefined {
    const last = firstOffset + BigInt(lastOffsetDelta)
    const overlaps = this.#atBatchEnd && firstOffset < this.#fetched && last >= this.#fetched
    const exists = highWatermark < 0n || last < highWatermark + MAX_OFFSETS_PAST_HIGH_WATERMARK
    return overlaps || !exists ? `its offsets, ${firstOffset} to ${last}, are wrong` : undefined
  }

  #enqueue (batch: RecordBatch): void {
    this.#queue.push(batch)
    this.#queuedBytes += batch.bytes
    this.#queued += this.#countOf(batch)
  }

  /** Removes the first batch of the queue. */
  #dequeue (batch: RecordBatch): void {
    this.#queue.shift()
    this.#queuedBytes -= batch.bytes
    this.#queued -= this.#countOf(batch)
  }

  #openBatch (): OpenBatch | undefined {
    if (this.#open !== undefined) return this.#open
    const batch = this.#queue[0]
    if (batch === undefined) return undefined
    this.#dequeue(batch)
    const records = this.#attempt(batch, () => new BatchRecords(batch, this.#owner.memory))
    if (records === 'damaged') return undefined
    this.#open = { batch, records, reading: false }
    return this.#open
  }

  #closeBatch (): void {
    if (this.#open === undefined) return
    const { batch, records } = this.#open
    records.close()
    this.#open = undefined
    if (this.#owner.memory.endStream(this)) this.#owner.onReady()
    const next = lastOffset(batch) + 1n
    if (next > this.#taken) this.#taken = next
  }

  /** Reads the next part of a streamed batch. */
  async #readMore (open: OpenBatch): Promise<void> {
    open.reading = true
    let failure: unknown
    try {
      await open.records.readMore()
    } catch (error) {
      failure = error
    }
    if (this.#open !== open) return
    open.reading = false
    if (failure !== undefined) {
      this.#attempt(open.batch, () => { throw failure })
      return
    }
    if (this.peek() !== undefined || this.#isEmpty) this.#owner.onReady()
  }

  #recordAt (offset: bigint, batch: RecordBatch, { timestampDelta, key, value, headers, omitted }: BatchRecord): KafkaRecord {
    const { topic, topicId, partition } = this
    const timestampType = (batch.attributes & IS_LOG_APPEND_TIME) === 0 ? 'CreateTime' : 'LogAppendTime'
    const timestamp = timestampType === 'CreateTime' ? batch.firstTimestamp + timestampDelta : batch.maxTimestamp
    return {
      topic, topicId, partition, offset, leaderEpoch: batch.partitionLeaderEpoch, timestamp, timestampType, key, value, headers,
      ...omitted === undefined ? {} : { omitted }
    }
  }

  /** Calls a function that reads a batch. If the batch is damaged, drops all buffered records from the first unreadable one on. */
  #attempt<T> (batch: RecordBatch, read: () => T): T | 'damaged' {
    try {
      return read()
    } catch (error) {
      if (!(error instanceof BatchError)) throw error
      this.#moveTo(this.#taken > batch.firstOffset ? this.#taken : batch.firstOffset)
      this.damaged(error.message, lastOffset(batch) + 1n, error.oversized)
      return 'damaged'
    }
  }
}
