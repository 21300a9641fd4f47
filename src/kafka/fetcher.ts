// Fetches assigned partitions by topic id, with at most one request in flight per broker for all its partitions. Buffers about
// `maxBytes` per broker. Each partition can be paused individually. Survives broker restarts and leader changes. An outage of one partition
// or broker does not delay the others. Reports deleted topics, offsets out of range and permission errors to the owner of the fetcher.
import type { AlertStreamError } from '../pipeline/errors.ts'
import type { Logger } from '../pipeline/log.ts'
import { aclFailure } from './access-errors.ts'
import { BatchMemory, defaultBatchLimits } from './batch-records.ts'
import { BrokerRequests, nameOf, readError, type RequestedPartition } from './broker-requests.ts'
import { type Clock, systemClock } from './clock.ts'
import type { KafkaConnection } from './connection.ts'
import { type BatchOptions, DamagedBatches } from './damaged-batches.ts'
import { kafkaErrors } from './errors.ts'
import type { FetchClient } from './fetch-client.ts'
import { type FailedPartition, FetchOutages } from './fetch-outages.ts'
import type { FetchResponse } from './fetch-response.ts'
import type { EpochEnd } from './leader-epochs.ts'
import { type BufferOwner, PartitionBuffer, type PartitionStart } from './partition-buffer.ts'
import { partitionIdKey, PartitionLeaders } from './partition-leaders.ts'
import type { RecordBatch } from './record-batch.ts'
import type { KafkaRecord } from './record.ts'

export interface FetcherOptions extends BatchOptions {
  readonly client: FetchClient
  /** Connection whose brokers and user are named in errors and logs. */
  readonly connection: Pick<KafkaConnection, 'brokers' | 'authState'>
  /** Maximum size of one response, and approximate limit of the buffered records per broker, in bytes. */
  readonly maxBytes: number
  /** How long a broker may hold a request while no records are available, in ms. */
  readonly maxWaitMs: number
  /** Maximum time in ms for which a partition may be unreadable. A longer outage is fatal. If undefined, no outage is fatal. */
  readonly giveUpAfterMs?: number | undefined
  /** Whether to fetch partitions with an empty buffer even if other buffers are full. Required for merging partitions. */
  readonly everyPartition?: boolean | undefined
  /** Whether a batch that stays damaged is fatal. Default false: it stops its partition. */
  readonly damageIsFatal?: boolean | undefined
  readonly clock?: Clock | undefined
  readonly log: Logger
  /** Called when records can be taken, or when everything before the end offset of a partition was fetched. */
  onProgress (): void
  /** Called when the topic with this id was deleted or recreated. Its partitions are not fetched any more. */
  onTopicGone (topic: string, topicId: string): void
  /** Called after the records of a partition from `truncation.offset` on were replaced. The buffer continues there. */
  onTruncated (buffer: PartitionBuffer, truncation: Truncation): void
  /** Called if the fetch position of a partition is out of range. The partition is paused until the owner resets or removes the buffer. */
  onOutOfRange (buffer: PartitionBuffer): void
  /** Called once, when an error ends all fetching. */
  onFatal (error: AlertStreamError): void
}

/** A truncation of a partition's log: after an unclean leader election or the loss of a disk, records that were read are gone. */
export interface Truncation {
  /** The divergence: the first offset whose record may be another one now. */
  readonly offset: bigint
  /** Offset of the next record to take before the truncation was found. */
  readonly position: bigint
  /** The last leader epoch before the divergence. */
  readonly leaderEpoch: number
}

// Error codes of the Kafka protocol.
const OFFSET_OUT_OF_RANGE = 1
const CORRUPT_MESSAGE = 2
const TOPIC_AUTHORIZATION_FAILED = 29

export class Fetcher {
  /** The damaged batches of the partitions that are read. */
  readonly damaged: DamagedBatches
  readonly #options: FetcherOptions
  readonly #leaders: PartitionLeaders
  readonly #bufferOwner: BufferOwner
  readonly #stop = new AbortController()
  readonly #requests: BrokerRequests
  readonly #outages: FetchOutages
  #buffers: PartitionBuffer[] = []
  /** Index of the partition that `take` tries first. The partitions take turns. */
  #turn = 0
  #lookingUp = false
  /** Whether a partition is ready to be fetched, but the buffers of its broker are full. */
  #throttled = false

  constructor (options: FetcherOptions) {
    this.#options = options
    this.#leaders = new PartitionLeaders(options)
    const { clock = systemClock, log, onProgress, limits = defaultBatchLimits, skipBatches = [], damageIsFatal = false } = options
    const shared = {
      clock, log, signal: this.#stop.signal,
      onFatal: (error: AlertStreamError) => { this.#fail(error) }
    }
    this.#outages = new FetchOutages({
      ...shared, brokers: options.connection.brokers, giveUpAfterMs: options.giveUpAfterMs,
      onElapsed: () => { this.fetchMore() }
    })
    this.#requests = new BrokerRequests({
      ...shared, client: options.client, connection: options.connection, maxBytes: options.maxBytes, maxWaitMs: options.maxWaitMs,
      leaders: this.#leaders, outages: this.#outages,
      onResponse: (response, requested) => { this.#accept(response, requested) }
    })
    this.damaged = new DamagedBatches({
      ...shared, skip: skipBatches, isFatal: damageIsFatal,
      onRetry: () => { this.fetchMore() }
    })
    this.#bufferOwner = {
      // Merging needs the next record of every partition, so it must stream all of them at the same time.
      memory: new BatchMemory(limits, options.everyPartition === true ? Infinity : 1),
      onReady: onProgress,
      onDamaged: (buffer, damage) => {
        // Another replica may be intact, and become the leader.
        this.#leaders.forget(buffer)
        this.damaged.found(buffer, damage)
        this.fetchMore()
      }
    }
  }

  add (start: PartitionStart): PartitionBuffer {
    const buffer = new PartitionBuffer(start, this.#bufferOwner)
    this.#leaders.restore(start.topicId)
    this.#buffers = [...this.#buffers.filter(other => partitionIdKey(other) !== partitionIdKey(start)), buffer]
    this.fetchMore()
    return buffer
  }

  /** Stops fetching a partition and drops its buffered records. */
  remove (buffer: PartitionBuffer): void {
    buffer.removed = true
    buffer.reset(buffer.fetchPosition)
    this.#outages.forget(buffer)
    this.damaged.forget(buffer)
    this.#buffers = this.#buffers.filter(other => other !== buffer)
  }

  /** Takes the next record; partitions take turns. Pauses partitions that `admit` rejects. Returns undefined if there is no record. */
  take (admit?: (buffer: PartitionBuffer) => boolean): { buffer: PartitionBuffer, record: KafkaRecord } | undefined {
    return this.#takeInTurn(buffer => {
      const record = this.takeFrom(buffer)
      return record === undefined ? undefined : { buffer, record }
    }, admit)
  }

  /** Takes the next batch whole, if `accept` converts it, otherwise the next record; partitions take turns. */
  takeBatchOrRecord<T> (accept: (batch: RecordBatch, buffer: PartitionBuffer) => T | undefined): T | KafkaRecord | undefined {
    return this.#takeInTurn(buffer => this.#taken(buffer, () => buffer.takeBatch(batch => accept(batch, buffer)) ?? buffer.take()))
  }

  takeFrom (buffer: PartitionBuffer): KafkaRecord | undefined {
    return this.#taken(buffer, () => buffer.take())
  }

  #takeInTurn<T> (take: (buffer: PartitionBuffer) => T | undefined, admit?: (buffer: PartitionBuffer) => boolean): T | undefined {
    for (let step = 0; step < this.#buffers.length; step++) {
      const buffer = this.#buffers[(this.#turn + step) % this.#buffers.length]!
      if (buffer.waiting === 0 || buffer.paused) continue
      if (admit !== undefined && !admit(buffer)) {
        buffer.paused = true
        continue
      }
      const taken = take(buffer)
      if (taken === undefined) continue
      this.#turn = (this.#turn + step + 1) % this.#buffers.length
      return taken
    }
    return undefined
  }

  /** Calls `take`, and fetches more if the buffer is no longer full. */
  #taken<T> (buffer: PartitionBuffer, take: () => T): T {
    const wasReady = this.#readyToFetch(buffer)
    const taken = take()
    this.damaged.passed(buffer)
    if (this.#throttled || (!wasReady && this.#readyToFetch(buffer))) this.fetchMore()
    return taken
  }

  /** Sends fetch requests for partitions that need records, and looks up missing leaders. Cheap if no partition needs records. */
  fetchMore (): void {
    if (this.#stopped) return
    const byNode = new Map<number, PartitionBuffer[]>()
    const leaderless = new Set<string>()
    for (const buffer of this.#buffers) {
      if (!this.#readyToFetch(buffer) || this.#waits(buffer)) continue
      const node = this.#leaders.leaderOf(buffer)?.node
      if (node === undefined) leaderless.add(buffer.topic)
      else if (!this.#requests.isBusy(node) && !this.#outages.brokerWaits(node)) byNode.set(node, [...byNode.get(node) ?? [], buffer])
    }
    if (leaderless.size > 0) void this.#lookUpLeaders([...leaderless])
    this.#throttled = false
    for (const [node, ready] of byNode) {
      const bufferedBytes = this.#bufferedBytes(node)
      const full = bufferedBytes >= this.#options.maxBytes / 2
      const wanted = !full ? ready : this.#options.everyPartition === true ? ready.filter(({ waiting }) => waiting === 0) : []
      if (wanted.length > 0) void this.#fetch(node, wanted, bufferedBytes > 0)
      else this.#throttled = true
    }
  }

  async close (): Promise<void> {
    this.#stop.abort()
    for (const buffer of this.#buffers) this.remove(buffer)
    await this.#options.client.close()
  }

  get #stopped (): boolean {
    return this.#stop.signal.aborted
  }

  #waits (buffer: PartitionBuffer): boolean {
    return this.#leaders.isGone(buffer.topicId) || this.#outages.partitionWaits(buffer) || this.damaged.isWaiting(buffer)
  }

  #readyToFetch (buffer: PartitionBuffer): boolean {
    return !buffer.removed && !buffer.paused && !buffer.complete && buffer.bytes < this.#options.maxBytes / (2 * this.#buffers.length)
  }

  #bufferedBytes (node: number): number {
    let bytes = 0
    for (const buffer of this.#buffers) if (!buffer.paused && this.#leaders.leaderOf(buffer)?.node === node) bytes += buffer.bytes
    return bytes
  }

  async #fetch (node: number, buffers: readonly PartitionBuffer[], short: boolean): Promise<void> {
    await this.#requests.send(node, buffers, this.#turn, short)
    this.fetchMore()
  }

  #accept (response: FetchResponse, requested: ReadonlyMap<string, RequestedPartition>): void {
    let progress = false
    const read: PartitionBuffer[] = []
    const failed: FailedPartition[] = []
    for (const { topicId, partitions } of response.responses) {
      for (const partition of partitions) {
        const request = requested.get(partitionIdKey({ topicId, partition: partition.partitionIndex }))
        if (request === undefined || request.buffer.removed) continue
        if (partition.errorCode !== 0) {
          const reason = this.#partitionFailed(request.buffer, partition.errorCode)
          if (reason !== undefined) failed.push({ partition: request.buffer, reason })
          continue
        }
        read.push(request.buffer)
        const { buffer, offset } = request
        const { divergingEpoch: end } = partition
        if (end !== undefined && end.endOffset >= 0n && offset === buffer.fetchPosition) this.#truncated(buffer, end)
        else buffer.append(partition, offset)
        this.damaged.passed(buffer)
        progress ||= buffer.fetchPosition !== offset || buffer.complete
      }
    }
    this.#outages.partitionsFailed(failed)
    this.#outages.partitionsRead(read)
    if (progress) this.#options.onProgress()
  }

  #truncated (buffer: PartitionBuffer, end: EpochEnd): void {
    const { position } = buffer
    const offset = buffer.truncate(end)
    this.#options.onTruncated(buffer, { offset, position, leaderEpoch: end.epoch })
  }

  /** Handles the error of one partition in a response. Returns the reason if the partition has to wait until it is tried again. */
  #partitionFailed (buffer: PartitionBuffer, errorCode: number): string | undefined {
    if (errorCode === CORRUPT_MESSAGE) {
      buffer.damaged('the broker cannot read it (CORRUPT_MESSAGE)')
      return undefined
    }
    if (errorCode === OFFSET_OUT_OF_RANGE) {
      buffer.paused = true
      this.#options.onOutOfRange(buffer)
      return undefined
    }
    if (errorCode === TOPIC_AUTHORIZATION_FAILED) {
      const { brokers, authState } = this.#options.connection
      const { why, hint } = aclFailure('TOPIC_AUTHORIZATION_FAILED', { authState, request: 'Fetch' }, { topic: buffer.topic })
      this.#fail(kafkaErrors.KAFKA_NOT_AUTHORISED(`cannot read ${buffer.topic}: ${why}`, { where: `${buffer.topic} at ${brokers}`, hint }))
      return undefined
    }
    // The leader has changed (NOT_LEADER_OR_FOLLOWER, FENCED_LEADER_EPOCH, UNKNOWN_LEADER_EPOCH), or the topic is new or was deleted.
    this.#leaders.forget(buffer)
    return nameOf(errorCode)
  }

  /** Reports a fatal error and sends no more requests. Buffered records can still be taken. */
  #fail (error: AlertStreamError): void {
    if (this.#stopped) return
    this.#stop.abort()
    this.#options.onFatal(error)
  }

  async #lookUpLeaders (topics: readonly string[]): Promise<void> {
    if (this.#lookingUp) return
    this.#lookingUp = true
    await Promise.all(topics.map(topic => this.#lookUpLeadersOf(topic)))
    this.#lookingUp = false
    this.fetchMore()
  }

  async #lookUpLeadersOf (topic: string): Promise<void> {
    const leaderless = this.#buffers.filter(buffer => buffer.topic === topic && this.#leaders.leaderOf(buffer) === undefined)
    // A partition that waits was not the cause of this lookup, so its wait does not grow.
    const failed = (buffer: PartitionBuffer): boolean => !buffer.removed && !this.#outages.partitionWaits(buffer)
    try {
      const unknown = await this.#leaders.lookUp(topic, leaderless)
      if (this.#stopped) return
      this.#outages.lookupSucceeded()
      this.#outages.partitionsFailed(unknown.filter(({ partition }) => failed(partition)))
    } catch (error) {
      if (this.#stopped) return
      const mapped = readError(this.#options.connection, error, leaderless)
      if (mapped.retryable) this.#outages.lookupFailed(leaderless.filter(failed), mapped)
      else this.#fail(mapped)
    }
  }
}
