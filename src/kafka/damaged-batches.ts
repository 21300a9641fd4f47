// Decides what happens to batches that cannot be read. A damaged batch is fetched again with a backoff, because the leader may move to an
// intact replica. If the batch stays damaged, its partition stops, or a finite read fails. A stopped partition is still tried every 30 s,
// and resumes by itself. A batch above the memory limit stops its partition at once. Only a batch that the user has named is skipped, and
// only if it cannot be read.
import type { AlertStreamError } from '../pipeline/errors.ts'
import type { Logger } from '../pipeline/log.ts'
import type { BatchLimits } from './batch-records.ts'
import type { Clock } from './clock.ts'
import { kafkaErrors } from './errors.ts'
import { OutageBackoff } from './outage-backoff.ts'
import { partitionKey, type TopicPartition } from './offset-tracker.ts'
import type { BatchDamage, PartitionBuffer } from './partition-buffer.ts'
import { partitionIdKey } from './partition-leaders.ts'

/** A record in the batch to skip. */
export interface BatchPosition extends TopicPartition {
  readonly offset: bigint
}

/** A partition that is stopped at a damaged batch. */
export interface StoppedPartition extends BatchPosition {
  readonly reason: string
  /** Whether the batch is intact, but too large for the memory limit. */
  readonly oversized: boolean
}

/** How a source reads record batches. */
export interface BatchOptions {
  /** Default: `defaultBatchLimits`. */
  readonly limits?: BatchLimits | undefined
  /** Batches to skip if they cannot be read. Default: none. */
  readonly skipBatches?: readonly BatchPosition[] | undefined
}

export interface SkippedBatches extends TopicPartition {
  readonly batches: number
}

export interface DamagedBatchesOptions {
  readonly clock: Clock
  readonly log: Logger
  readonly signal: AbortSignal
  readonly skip: readonly BatchPosition[]
  /** Whether a batch that stays damaged fails the whole read. */
  readonly isFatal: boolean
  /** Called when the batch should be fetched again. */
  onRetry (): void
  onFatal (error: AlertStreamError): void
}

interface State {
  readonly damage: BatchDamage
  stopped: boolean
}

/** Waits after each of the first attempts, about 12 s in total. */
const BACKOFF_MS = [100, 250, 500, 1000, 2000, 3000, 5000]
const STOPPED_MS = 30_000

export class DamagedBatches {
  readonly #options: DamagedBatchesOptions
  readonly #backoff: OutageBackoff
  readonly #states = new Map<PartitionBuffer, State>()
  readonly #skipped = new Map<string, SkippedBatches>()

  constructor (options: DamagedBatchesOptions) {
    this.#options = options
    const { clock, signal, onRetry } = options
    this.#backoff = new OutageBackoff({ clock, signal, delaysMs: [...BACKOFF_MS, STOPPED_MS], onElapsed: () => { onRetry() } })
  }

  get stopped (): StoppedPartition[] {
    return [...this.#states].flatMap(([{ topic, partition }, { damage: { offset, reason, oversized }, stopped }]) =>
      stopped ? [{ topic, partition, offset, reason, oversized }] : [])
  }

  get skipped (): SkippedBatches[] {
    return [...this.#skipped.values()]
  }

  /** Whether the partition must not be fetched now. */
  isWaiting (buffer: PartitionBuffer): boolean {
    return this.#backoff.isWaiting(partitionIdKey(buffer))
  }

  /** Handles a damaged batch at the fetch position of the buffer. */
  found (buffer: PartitionBuffer, damage: BatchDamage): void {
    if (this.#skip(buffer, damage)) return
    let state = this.#states.get(buffer)
    if (state === undefined || state.damage.offset !== damage.offset) {
      this.forget(buffer)
      state = { damage, stopped: false }
      this.#states.set(buffer, state)
    }
    const { topic, partition } = buffer
    const { offset, reason, oversized } = damage
    const fields = { topic, partition, offset: String(offset), reason }
    const attempts = this.#backoff.fail(partitionIdKey(buffer))
    if (attempts === 1 && !oversized) this.#options.log.warn(fields, 'a record batch is damaged: fetching it again')
    if ((oversized || attempts > BACKOFF_MS.length) && !state.stopped) {
      state.stopped = true
      const at = { topic, partition, offset, reason, oversized }
      if (this.#options.isFatal) this.#options.onFatal(unreadableError(at))
      else if (oversized) this.#options.log.error(fields, 'a record batch exceeds --max-batch-mib: its partition is stopped')
      else this.#options.log.error({ ...fields, skip: flagOf(at) }, 'a record batch stays damaged: its partition is stopped')
    }
  }

  /** Ends the damage if the buffer has passed it. Cheap if no partition has a damaged batch. */
  passed (buffer: PartitionBuffer): void {
    if (this.#states.size === 0) return
    const state = this.#states.get(buffer)
    if (state === undefined || buffer.position <= state.damage.offset) return
    this.forget(buffer)
    const { topic, partition } = buffer
    this.#options.log.info({ topic, partition, offset: String(state.damage.offset) }, 'the damaged record batch can be read again')
  }

  /** Forgets a partition that is not read any more. */
  forget (buffer: PartitionBuffer): void {
    this.#states.delete(buffer)
    this.#backoff.recover(partitionIdKey(buffer))
  }

  #skip (buffer: PartitionBuffer, { offset, reason, oversized, next }: BatchDamage): boolean {
    const { topic, partition } = buffer
    const named = this.#options.skip.some(at => at.topic === topic && at.partition === partition && at.offset >= offset && at.offset < next)
    if (!named) return false
    this.forget(buffer)
    const key = partitionKey(topic, partition)
    this.#skipped.set(key, { topic, partition, batches: (this.#skipped.get(key)?.batches ?? 0) + 1 })
    const fields = { topic, partition, offset: String(offset), next: String(next), reason }
    this.#options.log.warn(fields, `skipping ${oversized ? 'an oversized' : 'a damaged'} record batch because of --skip-batch`)
    buffer.skipTo(next)
    return true
  }
}

/** The error of a batch that is too large or stays damaged. */
export function unreadableError ({ topic, partition, offset, reason, oversized }: StoppedPartition): AlertStreamError {
  const where = `${topic}[${partition}]@${offset}`
  if (oversized) return kafkaErrors.KAFKA_BATCH_TOO_LARGE(`a record batch is too large: ${reason}`, { where })
  const hint = 'Move the leader of the partition to an intact replica, or skip the batch, whose records are then lost, with ' +
    `${flagOf({ topic, partition, offset })}.`
  return kafkaErrors.KAFKA_BATCH_DAMAGED(`a record batch is damaged: ${reason}`, { where, hint })
}

function flagOf ({ topic, partition, offset }: BatchPosition): string {
  return `--skip-batch ${topic}:${partition}:${offset}`
}
