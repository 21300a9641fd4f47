// Fetches assigned partitions by topic id, with at most one request in flight per broker for all its partitions. Buffers about
// `maxBytes` per broker. Each partition can be paused individually. Survives broker restarts and leader changes. Reports deleted topics,
// offsets out of range and permission errors to the owner of the fetcher.
import type { fetchV17 } from '@platformatic/kafka'
import type { AlertStreamError } from '../pipeline/errors.ts'
import type { Logger } from '../pipeline/log.ts'
import { aclFailure } from './access-errors.ts'
import { BatchMemory, defaultBatchLimits } from './batch-records.ts'
import { type Clock, systemClock } from './clock.ts'
import type { KafkaConnection } from './connection.ts'
import { type BatchOptions, DamagedBatches } from './damaged-batches.ts'
import { kafkaErrors, mapKafkaError } from './errors.ts'
import type { FetchClient } from './fetch-client.ts'
import type { FetchResponse } from './fetch-response.ts'
import { type BufferOwner, PartitionBuffer, type PartitionStart } from './partition-buffer.ts'
import { partitionIdKey, PartitionLeaders } from './partition-leaders.ts'
import type { KafkaRecord } from './record.ts'

export interface FetcherOptions extends BatchOptions {
  readonly client: FetchClient
  /** Connection whose brokers and user are named in errors and logs. */
  readonly connection: Pick<KafkaConnection, 'brokers' | 'authState'>
  /** Maximum size of one response, and approximate limit of the buffered records per broker, in bytes. */
  readonly maxBytes: number
  /** How long a broker may hold a request while no records are available, in ms. */
  readonly maxWaitMs: number
  /** Maximum time without any response, in ms. A longer outage is fatal. If undefined, no outage is fatal. */
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
  /** Called if the fetch position of a partition is out of range. The partition is paused until the owner resets or removes the buffer. */
  onOutOfRange (buffer: PartitionBuffer): void
  /** Called once, when an error ends all fetching. */
  onFatal (error: AlertStreamError): void
}

interface Requested {
  readonly buffer: PartitionBuffer
  readonly offset: bigint
}

/** Replaces `maxWaitMs` while records are buffered, so that partitions without records do not delay the next fetch of busy partitions. */
const SHORT_WAIT_MS = 20
const MIN_PARTITION_BYTES = 1024 * 1024
const BACKOFF_MS = [100, 250, 500, 1000] as const
const NO_LEADER_BACKOFF_MS = 250
// Error codes of the Kafka protocol.
const OFFSET_OUT_OF_RANGE = 1
const CORRUPT_MESSAGE = 2
const TOPIC_AUTHORIZATION_FAILED = 29

export class Fetcher {
  /** The damaged batches of the partitions that are read. */
  readonly damaged: DamagedBatches
  readonly #options: FetcherOptions
  readonly #clock: Clock
  readonly #leaders: PartitionLeaders
  readonly #bufferOwner: BufferOwner
  readonly #stop = new AbortController()
  /** Ids of brokers with a request in flight. */
  readonly #busy = new Set<number>()
  /** Codes of errors that were logged in the current outage. */
  readonly #logged = new Set<string>()
  #buffers: PartitionBuffer[] = []
  /** Index of the partition that `take` tries first. The partitions take turns. */
  #turn = 0
  #lookingUp = false
  /** Whether a partition is ready to be fetched, but the buffers of its broker are full. */
  #throttled = false
  #backOffs = 0
  #failures = 0
  #lastResponse: number

  constructor (options: FetcherOptions) {
    this.#options = options
    this.#clock = options.clock ?? systemClock
    this.#leaders = new PartitionLeaders(options)
    this.#lastResponse = this.#clock.now()
    const { limits = defaultBatchLimits, skipBatches = [], damageIsFatal = false, everyPartition = false, log, onProgress } = options
    this.damaged = new DamagedBatches({
      clock: this.#clock, log, signal: this.#stop.signal, skip: skipBatches, isFatal: damageIsFatal,
      onRetry: () => { this.fetchMore() },
      onFatal: error => { this.#fail(error) }
    })
    this.#bufferOwner = {
      // Merging needs the next record of every partition, so it must stream all of them at the same time.
      memory: new BatchMemory(limits, everyPartition ? Infinity : 1),
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
    this.damaged.forget(buffer)
    this.#buffers = this.#buffers.filter(other => other !== buffer)
  }

  /** Takes the next record; partitions take turns. Pauses partitions that `admit` rejects. Returns undefined if there is no record. */
  take (admit?: (buffer: PartitionBuffer) => boolean): { buffer: PartitionBuffer, record: KafkaRecord } | undefined {
    for (let step = 0; step < this.#buffers.length; step++) {
      const buffer = this.#buffers[(this.#turn + step) % this.#buffers.length]!
      if (buffer.waiting === 0 || buffer.paused) continue
      if (admit !== undefined && !admit(buffer)) {
        buffer.paused = true
        continue
      }
      const record = this.takeFrom(buffer)
      if (record === undefined) continue
      this.#turn = (this.#turn + step + 1) % this.#buffers.length
      return { buffer, record }
    }
    return undefined
  }

  takeFrom (buffer: PartitionBuffer): KafkaRecord | undefined {
    const wasReady = this.#readyToFetch(buffer)
    const record = buffer.take()
    this.damaged.passed(buffer)
    if (this.#throttled || (!wasReady && this.#readyToFetch(buffer))) this.fetchMore()
    return record
  }

  /** Sends fetch requests for partitions that need records, and looks up missing leaders. Cheap if no partition needs records. */
  fetchMore (): void {
    if (this.#stopped || this.#backOffs > 0) return
    const byNode = new Map<number, PartitionBuffer[]>()
    let leaderless = false
    for (const buffer of this.#buffers) {
      if (!this.#readyToFetch(buffer) || this.#leaders.isGone(buffer.topicId) || this.damaged.isWaiting(buffer)) continue
      const node = this.#leaders.leaderOf(buffer)
      if (node === undefined) leaderless = true
      else if (!this.#busy.has(node)) byNode.set(node, [...byNode.get(node) ?? [], buffer])
    }
    if (leaderless) void this.#lookUpLeaders()
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

  #readyToFetch (buffer: PartitionBuffer): boolean {
    return !buffer.removed && !buffer.paused && !buffer.complete && buffer.bytes < this.#options.maxBytes / (2 * this.#buffers.length)
  }

  #bufferedBytes (node: number): number {
    let bytes = 0
    for (const buffer of this.#buffers) if (!buffer.paused && this.#leaders.leaderOf(buffer) === node) bytes += buffer.bytes
    return bytes
  }

  async #fetch (node: number, buffers: readonly PartitionBuffer[], short: boolean): Promise<void> {
    const { client, maxBytes, maxWaitMs } = this.#options
    this.#busy.add(node)
    const requested = new Map<string, Requested>()
    const partitionMaxBytes = Math.max(MIN_PARTITION_BYTES, Math.ceil(maxBytes / buffers.length))
    const topics = new Map<string, fetchV17.FetchRequestTopic>()
    for (const buffer of rotated(buffers, this.#turn)) {
      requested.set(partitionIdKey(buffer), { buffer, offset: buffer.fetchPosition })
      const topic = topics.get(buffer.topicId) ?? { topicId: buffer.topicId, partitions: [] }
      topics.set(buffer.topicId, topic)
      topic.partitions.push({
        partition: buffer.partition, fetchOffset: buffer.fetchPosition, currentLeaderEpoch: -1, lastFetchedEpoch: -1, partitionMaxBytes
      })
    }
    try {
      const maxWaitTime = short ? Math.min(SHORT_WAIT_MS, maxWaitMs) : maxWaitMs
      const response = await client.fetch({ node, topics: [...topics.values()], maxBytes, maxWaitTime })
      // An error of the whole response means that the broker lost the fetch session. The next request opens a new session.
      if (response.errorCode !== 0) this.#backOff(BACKOFF_MS[0])
      else this.#accept(response, requested)
    } catch (error) {
      this.#failed(error)
    } finally {
      this.#busy.delete(node)
    }
    this.fetchMore()
  }

  #accept (response: FetchResponse, requested: ReadonlyMap<string, Requested>): void {
    if (this.#stopped) return
    let progress = false
    for (const { topicId, partitions } of response.responses) {
      for (const partition of partitions) {
        const request = requested.get(partitionIdKey({ topicId, partition: partition.partitionIndex }))
        if (request === undefined || request.buffer.removed) continue
        if (partition.errorCode !== 0) {
          this.#partitionFailed(request.buffer, partition.errorCode)
          continue
        }
        request.buffer.append(partition, request.offset)
        this.damaged.passed(request.buffer)
        progress ||= request.buffer.fetchPosition !== request.offset || request.buffer.complete
      }
    }
    if (progress) this.#options.onProgress()
    this.#succeeded()
  }

  #partitionFailed (buffer: PartitionBuffer, errorCode: number): void {
    if (errorCode === CORRUPT_MESSAGE) {
      buffer.damaged('the broker cannot read it (CORRUPT_MESSAGE)')
    } else if (errorCode === OFFSET_OUT_OF_RANGE) {
      buffer.paused = true
      this.#options.onOutOfRange(buffer)
    } else if (errorCode === TOPIC_AUTHORIZATION_FAILED) {
      const { brokers, authState } = this.#options.connection
      const { why, hint } = aclFailure('TOPIC_AUTHORIZATION_FAILED', { authState, request: 'Fetch' }, { topic: buffer.topic })
      this.#fail(kafkaErrors.KAFKA_NOT_AUTHORISED(`cannot read ${buffer.topic}: ${why}`, { where: `${buffer.topic} at ${brokers}`, hint }))
    } else {
      // The leader has changed, or the topic is new or was deleted, so look up the leader again after a backoff.
      this.#leaders.forget(buffer)
      this.#backOff(BACKOFF_MS[0])
    }
  }

  #succeeded (): void {
    if (this.#failures > 0) this.#options.log.info({ brokers: this.#options.connection.brokers }, 'kafka is available again')
    this.#failures = 0
    this.#logged.clear()
    this.#lastResponse = this.#clock.now()
  }

  #failed (error: unknown): void {
    if (this.#stopped) return
    const { connection: { brokers, authState }, giveUpAfterMs, log } = this.#options
    const topics = [...new Set(this.#buffers.map(({ topic }) => topic))].join(',')
    const mapped = mapKafkaError(error, { action: `read ${topics}`, brokers, authState })
    if (!mapped.retryable || (giveUpAfterMs !== undefined && this.#clock.now() - this.#lastResponse > giveUpAfterMs)) {
      this.#fail(mapped)
      return
    }
    // Log each error code once per outage. An outage can have several codes: for example, a restarted broker may reject the credentials.
    if (!this.#logged.has(mapped.code)) log.warn({ code: mapped.code, reason: mapped.message }, 'kafka is unavailable: retrying')
    this.#logged.add(mapped.code)
    this.#leaders.clear()
    this.#backOff(BACKOFF_MS[Math.min(this.#failures++, BACKOFF_MS.length - 1)]!)
  }

  /** Reports a fatal error and sends no more requests. Buffered records can still be taken. */
  #fail (error: AlertStreamError): void {
    if (this.#stopped) return
    this.#stop.abort()
    this.#options.onFatal(error)
  }

  /** Sends no requests for `ms` milliseconds. */
  #backOff (ms: number): void {
    this.#backOffs++
    void this.#clock.sleep(ms, this.#stop.signal).then(() => {
      if (--this.#backOffs === 0) this.fetchMore()
    })
  }

  async #lookUpLeaders (): Promise<void> {
    if (this.#lookingUp) return
    this.#lookingUp = true
    try {
      if (await this.#leaders.lookUp(this.#buffers)) this.#backOff(NO_LEADER_BACKOFF_MS)
      if (!this.#stopped) this.#succeeded()
    } catch (error) {
      this.#failed(error)
    } finally {
      this.#lookingUp = false
    }
    this.fetchMore()
  }
}

/** Rotates the list. Each partition must come first in turn, because the first partition of a request may fill the entire response. */
function rotated<T> (list: readonly T[], by: number): T[] {
  const start = list.length === 0 ? 0 : by % list.length
  return [...list.slice(start), ...list.slice(0, start)]
}
