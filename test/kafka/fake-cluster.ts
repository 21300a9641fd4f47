// An in-memory Kafka cluster: topics with ids, partition leaders and record batches, served through the clients that the consumer uses.
// Tests inject outages, error codes, leader changes and deleted records.
import { NetworkError, type fetchV17 } from '@platformatic/kafka'
import type { KafkaAdmin } from '../../src/kafka/admin.ts'
import type { Clock } from '../../src/kafka/clock.ts'
import { kafkaErrors, mapKafkaError } from '../../src/kafka/errors.ts'
import type { FetchClient } from '../../src/kafka/fetch-client.ts'
import type { FetchedPartition, FetchResponse } from '../../src/kafka/fetch-response.ts'
import { lastOffset, type RecordBatch } from '../../src/kafka/record-batch.ts'
import { recordBatch } from './encode-batch.ts'

type FetchRequest = Parameters<FetchClient['fetch']>[0]

/** Error codes of the Kafka protocol. */
export const codes = {
  OFFSET_OUT_OF_RANGE: 1, CORRUPT_MESSAGE: 2, NOT_LEADER_OR_FOLLOWER: 6, TOPIC_AUTHORIZATION_FAILED: 29, FETCH_SESSION_ID_NOT_FOUND: 70,
  FENCED_LEADER_EPOCH: 74, UNKNOWN_LEADER_EPOCH: 75, UNKNOWN_TOPIC_ID: 100
} as const

const IS_CONTROL = 1 << 5
const IS_TRANSACTIONAL = 1 << 4

/** A control batch that commits or aborts a transaction. */
export function transactionMarker (firstOffset: bigint, producerId: bigint, outcome: 'abort' | 'commit'): RecordBatch {
  const key = Buffer.from([0, 0, 0, outcome === 'abort' ? 0 : 1])
  const records = [{ offsetDelta: 0, key, value: null }]
  return recordBatch({ firstOffset, records, attributes: IS_CONTROL | IS_TRANSACTIONAL, producerId })
}

/** A batch of records in a transaction. */
export function transactionBatch (firstOffset: bigint, producerId: bigint, values: readonly string[]): RecordBatch {
  return recordBatch({ firstOffset, records: recordsOf(values), attributes: IS_TRANSACTIONAL, producerId })
}

/** One partition of a fetch response. */
export function fetchedPartition (batches: readonly RecordBatch[], fields: Partial<FetchedPartition> = {}): FetchedPartition {
  return {
    partitionIndex: 0, errorCode: 0, highWatermark: 100n, lastStableOffset: 100n, logStartOffset: 0n, abortedTransactions: [],
    preferredReadReplica: -1, batches, ...fields
  }
}

const recordsOf = (values: readonly string[]) => values.map((value, offsetDelta) => ({ offsetDelta, value: Buffer.from(value) }))

class FakePartition {
  leader = 1
  leaderEpoch = 0
  /** Error code that fetch requests for this partition return; 0 for none. */
  errorCode = 0
  start = 0n
  end = 0n
  batches: RecordBatch[] = []
  abortedTransactions: Array<{ readonly producerId: bigint, readonly firstOffset: bigint }> = []

  /** The first offset of each leader epoch, in ascending order. */
  epochs: Array<{ readonly epoch: number, readonly offset: bigint }> = [{ epoch: 0, offset: 0n }]

  /** Makes a broker the leader in the next epoch. */
  lead (node: number): void {
    this.leader = node
    this.epochs.push({ epoch: ++this.leaderEpoch, offset: this.end })
  }

  /** Removes the records from `offset` on. */
  truncate (offset: bigint): void {
    this.batches = this.batches.filter(({ firstOffset }) => firstOffset < offset)
    this.epochs = this.epochs.filter(start => start.offset < offset)
    this.end = offset
  }

  /** Returns the last epoch up to `epoch` and the offset after its records, as a broker does. */
  endOf (epoch: number): { readonly epoch: number, readonly endOffset: bigint } | undefined {
    if (epoch === this.leaderEpoch) return { epoch, endOffset: this.end }
    const next = this.epochs.find(start => start.epoch > epoch)
    const found = this.epochs.findLast(start => start.epoch <= epoch)
    return next && { epoch: found?.epoch ?? epoch, endOffset: next.offset }
  }

  append (batch: RecordBatch): void {
    this.batches.push(batch)
    this.end = lastOffset(batch) + 1n
  }
}

export class FakeCluster {
  /** All fetch requests so far. */
  readonly requests: FetchRequest[] = []
  /** Topics of all lookups of leaders so far. */
  readonly lookups: string[] = []
  /** Each request for start or end offsets removes the first promise of this list, if any, and waits for it. */
  readonly offsetDelays: Array<Promise<void>> = []
  readonly #topics = new Map<string, { readonly id: string, readonly partitions: FakePartition[] }>()
  readonly #clock: Clock
  #down = false
  readonly #downBrokers = new Set<number>()
  #sessionError = 0
  #nextId = 1
  #changed = Promise.withResolvers<void>()

  constructor (clock: Clock) {
    this.#clock = clock
  }

  /** Creates a topic. Broker 1 leads each partition that has no entry in `leaders`. Returns the topic id. */
  createTopic (topic: string, partitions = 1, leaders: readonly number[] = []): string {
    const id = `id-${this.#nextId++}`
    this.#topics.set(topic, { id, partitions: Array.from({ length: partitions }, (_, index) => {
      const partition = new FakePartition()
      partition.leader = leaders[index] ?? 1
      return partition
    }) })
    this.#change()
    return id
  }

  deleteTopic (topic: string): void {
    this.#topics.delete(topic)
    this.#change()
  }

  addPartition (topic: string): void {
    this.#topics.get(topic)!.partitions.push(new FakePartition())
  }

  topicId (topic: string): string {
    return this.#topics.get(topic)!.id
  }

  /** Appends one batch of records with the given values. */
  append (topic: string, partition: number, ...values: string[]): void {
    const log = this.#partition(topic, partition)
    log.append(recordBatch({ firstOffset: log.end, leaderEpoch: log.leaderEpoch, records: recordsOf(values) }))
    this.#change()
  }

  /** Appends a batch. `end`: end offset of the partition then. Default: after the last offset of the batch. */
  appendBatch (topic: string, partition: number, batch: RecordBatch, end?: bigint): void {
    const log = this.#partition(topic, partition)
    log.append(batch)
    log.end = end ?? log.end
    this.#change()
  }

  /** Replaces the batch with the same first offset, as if the next leader had other bytes. */
  replaceBatch (topic: string, partition: number, batch: RecordBatch): void {
    const log = this.#partition(topic, partition)
    log.batches = log.batches.map(old => old.firstOffset === batch.firstOffset ? batch : old)
  }

  abortTransaction (topic: string, partition: number, producerId: bigint, firstOffset: bigint): void {
    this.#partition(topic, partition).abortedTransactions.push({ producerId, firstOffset })
  }

  /** Deletes the records before `offset`, as retention does. */
  deleteRecords (topic: string, partition: number, offset: bigint): void {
    const log = this.#partition(topic, partition)
    log.start = offset
    if (log.end < offset) log.end = offset
  }

  /** Removes the records from `offset` on, which must begin a batch, as an unclean leader election does. The next leader epoch begins. */
  truncate (topic: string, partition: number, offset: bigint): void {
    const log = this.#partition(topic, partition)
    log.truncate(offset)
    log.lead(log.leader)
    this.#change()
  }

  /** Replaces the log by one record per entry of `epochs`, with the values `new-0`, `new-1`, ... The last epoch is the leader's. */
  replaceLog (topic: string, partition: number, epochs: readonly number[]): void {
    const log = this.#partition(topic, partition)
    log.truncate(0n)
    for (const [index, epoch] of epochs.entries()) {
      if (log.epochs.at(-1)?.epoch !== epoch) log.epochs.push({ epoch, offset: log.end })
      log.append(recordBatch({ firstOffset: log.end, leaderEpoch: epoch, records: recordsOf([`new-${index}`]) }))
    }
    log.leaderEpoch = epochs.at(-1)!
    this.#change()
  }

  /** Makes another broker the leader of the partition. With -1, the partition has no leader. */
  setLeader (topic: string, partition: number, node: number): void {
    this.#partition(topic, partition).lead(node)
    this.#change()
  }

  /** Makes fetch requests for the partition return an error code. With 0, fetch requests succeed again. */
  failPartition (topic: string, partition: number, errorCode: number): void {
    this.#partition(topic, partition).errorCode = errorCode
    this.#change()
  }

  /** Stops one broker (`down`) or starts it again. Fetch requests to a stopped broker fail; the others still answer metadata requests. */
  setBrokerDown (node: number, down: boolean): void {
    if (down) this.#downBrokers.add(node)
    else this.#downBrokers.delete(node)
    this.#change()
  }

  /** Makes the next fetch response contain only this error code, without partitions. */
  failSession (errorCode: number): void {
    this.#sessionError = errorCode
    this.#change()
  }

  /** Stops the cluster (`down`) or starts it again. While the cluster is stopped, all requests fail. */
  setDown (down: boolean): void {
    this.#down = down
    this.#change()
  }

  fetchClient (): FetchClient {
    let closed = false
    return {
      fetch: async request => {
        this.requests.push({ ...request, topics: structuredClone(request.topics) })
        const timeout = new AbortController()
        const expired = this.#clock.sleep(request.maxWaitTime, timeout.signal).then(() => 'expired' as const)
        try {
          for (let wait = true; ;) {
            if (closed || this.#down || this.#downBrokers.has(request.node)) throw connectionError()
            const response = this.#respond(request)
            if (response !== undefined || !wait) return response ?? fetchResponse([])
            wait = await Promise.race([this.#changed.promise, expired]) !== 'expired'
          }
        } finally {
          timeout.abort()
        }
      },
      findTopic: async topic => {
        this.lookups.push(topic)
        if (this.#down) throw connectionError()
        const found = this.#topics.get(topic)
        const partitions = found?.partitions.map(({ leader, leaderEpoch }) => ({ leader, leaderEpoch, replicas: [leader] }))
        return found && { id: found.id, partitions: partitions! }
      },
      close: async () => {
        closed = true
        this.#change()
      }
    }
  }

  admin (): Pick<KafkaAdmin, 'describeTopic' | 'positions' | 'close'> {
    const partitionsOf = async (topic: string): Promise<FakePartition[]> => {
      await this.offsetDelays.shift()
      if (this.#down) throw unreachable('read the offsets')
      const found = this.#topics.get(topic)
      if (found === undefined) throw kafkaErrors.KAFKA_TOPIC_MISSING('the topic does not exist')
      return found.partitions
    }
    return {
      describeTopic: async topic => {
        if (this.#down) throw unreachable('describe the topic')
        const found = this.#topics.get(topic)
        return found && { id: found.id, partitions: found.partitions.length, replicas: 1 }
      },
      positions: async (topic, at) => (await partitionsOf(topic)).map(({ leader, start, end, leaderEpoch }) =>
        leader < 0 ? undefined : { offset: at === 'earliest' ? start : end, leaderEpoch }),
      close: async () => {}
    }
  }

  partitionCount (topic: string): number {
    return this.#topics.get(topic)?.partitions.length ?? 0
  }

  #partition (topic: string, partition: number): FakePartition {
    return this.#topics.get(topic)!.partitions[partition]!
  }

  #change (): void {
    const { resolve } = this.#changed
    this.#changed = Promise.withResolvers()
    resolve()
  }

  /** Returns the response to a fetch request, or undefined if no records or errors are available yet. */
  #respond (request: FetchRequest): FetchResponse | undefined {
    if (this.#sessionError !== 0) {
      const errorCode = this.#sessionError
      this.#sessionError = 0
      return { ...fetchResponse([]), errorCode }
    }
    const budget = { bytes: request.maxBytes }
    const responses = request.topics.map(({ topicId, partitions }) => ({
      topicId, partitions: partitions.flatMap(partition => this.#respondPartition(request.node, topicId, partition, budget) ?? [])
    }))
    return responses.some(({ partitions }) => partitions.length > 0) ? fetchResponse(responses) : undefined
  }

  #respondPartition (
    node: number, topicId: string,
    { partition: partitionIndex, fetchOffset, currentLeaderEpoch, lastFetchedEpoch, partitionMaxBytes }: fetchV17.FetchRequestPartition,
    budget: { bytes: number }
  ): FetchedPartition | undefined {
    const log = [...this.#topics.values()].find(({ id }) => id === topicId)?.partitions[partitionIndex]
    const failed = (errorCode: number) => fetchedPartition([], { partitionIndex, errorCode })
    if (log === undefined) return failed(codes.UNKNOWN_TOPIC_ID)
    if (log.errorCode !== 0) return failed(log.errorCode)
    if (log.leader !== node) return failed(codes.NOT_LEADER_OR_FOLLOWER)
    if (currentLeaderEpoch >= 0 && currentLeaderEpoch < log.leaderEpoch) return failed(codes.FENCED_LEADER_EPOCH)
    if (currentLeaderEpoch > log.leaderEpoch) return failed(codes.UNKNOWN_LEADER_EPOCH)
    const end = lastFetchedEpoch < 0 ? undefined : log.endOf(lastFetchedEpoch)
    if ((lastFetchedEpoch >= 0 && end === undefined) || fetchOffset < log.start) return failed(codes.OFFSET_OUT_OF_RANGE)
    if (end !== undefined && (end.epoch < lastFetchedEpoch || end.endOffset < fetchOffset)) {
      return fetchedPartition([], { partitionIndex, highWatermark: log.end, divergingEpoch: end })
    }
    if (fetchOffset > log.end) return failed(codes.OFFSET_OUT_OF_RANGE)
    const batches: RecordBatch[] = []
    let left = Math.min(budget.bytes, partitionMaxBytes)
    for (const batch of log.batches) {
      if (lastOffset(batch) < fetchOffset) continue
      if (left <= 0) break
      batches.push(batch)
      left -= batch.bytes
      budget.bytes -= batch.bytes
    }
    if (batches.length === 0) return undefined
    return fetchedPartition(batches, {
      partitionIndex, highWatermark: log.end, lastStableOffset: log.end, logStartOffset: log.start,
      abortedTransactions: log.abortedTransactions
    })
  }
}

function fetchResponse (responses: FetchResponse['responses']): FetchResponse {
  return { throttleTimeMs: 0, errorCode: 0, sessionId: 0, responses, nodeEndpoints: [] }
}

function connectionError (): Error {
  return new NetworkError('Connection to broker-1:9092 failed.')
}

function unreachable (action: string): Error {
  return mapKafkaError(connectionError(), { action, brokers: 'broker-1:9092' })
}
