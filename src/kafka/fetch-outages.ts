// Outages of partitions and brokers during fetching: which of them have to wait before the next request, what is logged (one line when an
// outage begins and one when it ends), and when a finite read gives up. An outage of one partition or broker never delays another.
import type { AlertStreamError } from '../pipeline/errors.ts'
import type { Logger } from '../pipeline/log.ts'
import type { Clock } from './clock.ts'
import { kafkaErrors } from './errors.ts'
import { OutageBackoff } from './outage-backoff.ts'
import type { PartitionBuffer } from './partition-buffer.ts'
import { partitionIdKey } from './partition-leaders.ts'

export interface FetchOutagesOptions {
  /** Bootstrap brokers as configured. */
  readonly brokers: string
  readonly clock: Clock
  readonly log: Logger
  readonly signal: AbortSignal
  /** Maximum time in ms for which a partition may fail. A longer outage of any partition is fatal. If undefined, no outage is fatal. */
  readonly giveUpAfterMs?: number | undefined
  /** Called when a partition or broker has waited. */
  onElapsed (): void
  onFatal (error: AlertStreamError): void
}

type Partition = Pick<PartitionBuffer, 'topic' | 'topicId' | 'partition'>

export interface FailedPartition {
  readonly partition: Partition
  readonly reason: string
}

/** A change of leader takes a few attempts, so fewer failures are not logged. */
const WARN_AFTER_FAILURES = 3

export class FetchOutages {
  readonly #options: FetchOutagesOptions
  readonly #partitions: OutageBackoff
  readonly #brokers: OutageBackoff
  /** Time of the first failure since a partition was last read, by partition. */
  readonly #failingSince = new Map<string, number>()
  /** Partitions whose current outage was logged. */
  readonly #loggedPartitions = new Set<string>()
  /** Codes of the errors that were logged in the current outage, by broker. An outage can have several codes. */
  readonly #logged = new Map<number, Set<string>>()
  /** Codes of the errors that were logged since the last successful lookup. */
  readonly #loggedLookups = new Set<string>()

  constructor (options: FetchOutagesOptions) {
    this.#options = options
    this.#partitions = new OutageBackoff(options)
    this.#brokers = new OutageBackoff(options)
  }

  partitionWaits (partition: Partition): boolean {
    return this.#partitions.isWaiting(partitionIdKey(partition))
  }

  brokerWaits (node: number): boolean {
    return this.#brokers.isWaiting(String(node))
  }

  /** Makes partitions wait. Partitions that fail together for the same reason share a line. */
  partitionsFailed (failed: readonly FailedPartition[]): void {
    const long = failed.filter(({ partition }) => {
      const key = partitionIdKey(partition)
      if (this.#partitions.fail(key) < WARN_AFTER_FAILURES || this.#loggedPartitions.has(key)) return false
      this.#loggedPartitions.add(key)
      return true
    })
    const { brokers, log } = this.#options
    for (const [reason, list] of Map.groupBy(long, each => each.reason)) {
      log.warn({ partitions: namesOf(list.map(({ partition }) => partition)), reason }, 'cannot read partitions: retrying')
    }
    for (const { partition, reason } of failed) {
      const where = `${namesOf([partition])} at ${brokers}`
      this.#checkDeadline([partition], () => kafkaErrors.KAFKA_PARTITION_UNAVAILABLE(`cannot read the partition: ${reason}`, { where }))
    }
  }

  partitionsRead (partitions: readonly Partition[]): void {
    const recovered = partitions.filter(partition => {
      const key = partitionIdKey(partition)
      this.#failingSince.delete(key)
      this.#partitions.recover(key)
      return this.#loggedPartitions.delete(key)
    })
    if (recovered.length > 0) this.#options.log.info({ partitions: namesOf(recovered) }, 'partitions can be read again')
  }

  /** Makes a broker wait that could not be reached. `partitions` are those of the failed request. */
  brokerFailed (node: number, error: AlertStreamError, partitions: readonly Partition[]): void {
    this.#brokers.fail(String(node))
    const logged = this.#logged.get(node) ?? new Set()
    this.#logged.set(node, logged)
    if (!logged.has(error.code)) this.#warn({ broker: node }, error)
    logged.add(error.code)
    this.#checkDeadline(partitions, () => error)
  }

  brokerResponded (node: number): void {
    this.#brokers.recover(String(node))
    if (this.#logged.delete(node)) this.#options.log.info({ broker: node, brokers: this.#options.brokers }, 'kafka is available again')
  }

  /** Makes partitions wait whose leaders could not be looked up. No line is logged if a broker's line already reports the error. */
  lookupFailed (partitions: readonly Partition[], error: AlertStreamError): void {
    for (const partition of partitions) this.#partitions.fail(partitionIdKey(partition))
    const known = this.#loggedLookups.has(error.code) || [...this.#logged.values()].some(codes => codes.has(error.code))
    if (!known) {
      this.#warn({}, error)
      this.#loggedLookups.add(error.code)
    }
    this.#checkDeadline(partitions, () => error)
  }

  lookupSucceeded (): void {
    if (this.#loggedLookups.size === 0) return
    this.#loggedLookups.clear()
    this.#options.log.info({ brokers: this.#options.brokers }, 'kafka is available again')
  }

  /** Ends the outage of a partition that is not read any more. */
  forget (partition: Partition): void {
    const key = partitionIdKey(partition)
    this.#failingSince.delete(key)
    this.#loggedPartitions.delete(key)
    this.#partitions.recover(key)
  }

  #warn (fields: object, { code, message }: AlertStreamError): void {
    this.#options.log.warn({ ...fields, code, reason: message }, 'kafka is unavailable: retrying')
  }

  #checkDeadline (partitions: readonly Partition[], errorOf: () => AlertStreamError): void {
    const { clock, giveUpAfterMs = Infinity, onFatal } = this.#options
    const now = clock.now()
    for (const partition of partitions) {
      const key = partitionIdKey(partition)
      const since = this.#failingSince.get(key) ?? now
      this.#failingSince.set(key, since)
      if (now - since > giveUpAfterMs) onFatal(errorOf())
    }
  }
}

function namesOf (partitions: readonly Partition[]): string {
  return partitions.map(({ topic, partition }) => `${topic}[${partition}]`).join(' ')
}
