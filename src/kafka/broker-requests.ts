// Sends the Fetch requests of a fetcher: at most one at a time to each broker, for all its partitions. After a failure, the broker has to
// wait, and the leaders of its partitions are looked up again.
import { protocolErrorsCodesById } from './client-library.ts'
import type { AlertStreamError } from '../pipeline/errors.ts'
import type { KafkaConnection } from './connection.ts'
import { kafkaErrors, mapKafkaError } from './errors.ts'
import type { FetchClient } from './fetch-client.ts'
import type { FetchOutages } from './fetch-outages.ts'
import { fetchTopics } from './fetch-request.ts'
import type { FetchResponse } from './fetch-response.ts'
import type { PartitionBuffer } from './partition-buffer.ts'
import { partitionIdKey, type PartitionLeaders } from './partition-leaders.ts'

export interface BrokerRequestsOptions {
  readonly client: Pick<FetchClient, 'fetch'>
  readonly connection: Pick<KafkaConnection, 'brokers' | 'authState'>
  readonly maxBytes: number
  readonly maxWaitMs: number
  readonly leaders: PartitionLeaders
  readonly outages: FetchOutages
  /** Once it is aborted, responses and failures are dropped. */
  readonly signal: AbortSignal
  /** Called with each response that has partitions, and the requested partitions by `partitionIdKey`. */
  onResponse (response: FetchResponse, requested: ReadonlyMap<string, RequestedPartition>): void
  onFatal (error: AlertStreamError): void
}

export interface RequestedPartition {
  readonly buffer: PartitionBuffer
  readonly offset: bigint
}

/** Replaces `maxWaitMs` while records are buffered, so that partitions without records do not delay the next fetch of busy partitions. */
const SHORT_WAIT_MS = 20

export class BrokerRequests {
  readonly #options: BrokerRequestsOptions
  /** Ids of brokers with a request in flight. */
  readonly #busy = new Set<number>()
  /** Ids of brokers that rejected their fetch session in the last response. */
  readonly #sessionless = new Set<number>()

  constructor (options: BrokerRequestsOptions) {
    this.#options = options
  }

  isBusy (node: number): boolean {
    return this.#busy.has(node)
  }

  /**
   * Resolves when the response or the failure has been handled.
   * @param turn number by which the list of partitions is rotated
   * @param short whether the broker may hold the request only briefly
   */
  async send (node: number, buffers: readonly PartitionBuffer[], turn: number, short: boolean): Promise<void> {
    const { client, leaders, maxBytes, maxWaitMs } = this.#options
    this.#busy.add(node)
    const requested = new Map(buffers.map(buffer => [partitionIdKey(buffer), { buffer, offset: buffer.fetchPosition }]))
    const topics = fetchTopics(buffers, leaders, maxBytes, turn)
    try {
      const maxWaitTime = short ? Math.min(SHORT_WAIT_MS, maxWaitMs) : maxWaitMs
      const response = await client.fetch({ node, topics, maxBytes, maxWaitTime })
      if (response.errorCode !== 0) this.#sessionLost(node, response.errorCode, buffers)
      else this.#accept(node, response, requested)
    } catch (error) {
      this.#failed(node, error, buffers)
    } finally {
      this.#busy.delete(node)
    }
  }

  #accept (node: number, response: FetchResponse, requested: ReadonlyMap<string, RequestedPartition>): void {
    const { signal, outages, onResponse } = this.#options
    if (signal.aborted) return
    this.#sessionless.delete(node)
    outages.brokerResponded(node)
    onResponse(response, requested)
  }

  /**
   * Handles the error of an entire response: the broker does not know the fetch session. The next request opens a new session, so the first
   * error delays nothing.
   */
  #sessionLost (node: number, errorCode: number, buffers: readonly PartitionBuffer[]): void {
    if (this.#sessionless.has(node)) {
      const reason = `cannot read: broker ${node} rejects the fetch session (${nameOf(errorCode)})`
      this.#failed(node, kafkaErrors.KAFKA_REFUSED(reason, { where: this.#options.connection.brokers, retryable: true }), buffers)
    }
    this.#sessionless.add(node)
  }

  #failed (node: number, error: unknown, buffers: readonly PartitionBuffer[]): void {
    const { connection, signal, leaders, outages, onFatal } = this.#options
    if (signal.aborted) return
    const mapped = readError(connection, error, buffers)
    if (!mapped.retryable) {
      onFatal(mapped)
      return
    }
    // The partitions may get another leader.
    leaders.forgetBroker(node)
    outages.brokerFailed(node, mapped, buffers.filter(({ removed }) => !removed))
  }
}

/** Maps an error of a request about these partitions. */
export function readError (
  { brokers, authState }: Pick<KafkaConnection, 'brokers' | 'authState'>, error: unknown, buffers: readonly PartitionBuffer[]
): AlertStreamError {
  const topics = [...new Set(buffers.map(({ topic }) => topic))].join(',')
  return mapKafkaError(error, { action: `read ${topics}`, brokers, authState })
}

/** Name of an error code of the Kafka protocol. */
export function nameOf (errorCode: number): string {
  return protocolErrorsCodesById[errorCode] ?? `error ${errorCode}`
}
