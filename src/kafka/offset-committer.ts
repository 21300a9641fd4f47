// Commits the settled offsets of a group consumer, one request at a time. Commits only in a generation whose partitions were compared with
// the group's committed offsets, and only offsets of partitions that are assigned in this generation.
import type { AlertStreamError } from '../pipeline/errors.ts'
import type { Logger } from '../pipeline/log.ts'
import { isRetryable } from '../pipeline/retry.ts'
import type { Clock } from './clock.ts'
import { hasProtocolError } from './errors.ts'
import type { Membership } from './group-client.ts'
import type { GroupMember } from './group-member.ts'
import type { GroupStatsCollector } from './group-stats.ts'
import { type OffsetToCommit, type OffsetTracker, partitionKey } from './offset-tracker.ts'
import type { PartitionBuffer } from './partition-buffer.ts'

export interface OffsetCommitterOptions {
  readonly tracker: OffsetTracker
  readonly member: Pick<GroupMember, 'membership' | 'commit'>
  /** Buffers of the assigned partitions, by partition key. */
  readonly buffers: ReadonlyMap<string, PartitionBuffer>
  readonly stats: GroupStatsCollector
  readonly clock: Clock
  readonly log: Logger
  /** Called when a commit fails because a topic does not exist. */
  onTopicMissing (): void
  onFatal (error: AlertStreamError): void
}

const RETRY_MS = 500

export class OffsetCommitter {
  readonly #options: OffsetCommitterOptions
  /** Offset in the last commit request, by partition key. The response to the request may have been lost. */
  readonly #attempted = new Map<string, bigint>()
  #allowed: Membership | undefined
  #last: Promise<void> = Promise.resolve()

  constructor (options: OffsetCommitterOptions) {
    this.#options = options
  }

  /** Allows commits only in the given generation, or no commits if `membership` is undefined. */
  allow (membership: Membership | undefined): void {
    this.#allowed = membership
  }

  attempted (key: string): bigint | undefined {
    return this.#attempted.get(key)
  }

  forget (key: string): void {
    this.#attempted.delete(key)
  }

  /** Waits for any commit in progress, then commits the settled offsets of assigned partitions. Rejects if this commit fails. */
  async commit (): Promise<void> {
    const run = this.#last.then(async () => { await this.#commit() })
    this.#last = run.catch(() => {})
    await run
  }

  /** Commits, and retries for up to `timeoutMs` ms. If partitions are revoked meanwhile, the new owners commit the offsets. */
  async flush (timeoutMs: number): Promise<void> {
    const { clock, log } = this.#options
    const deadline = clock.now() + timeoutMs
    for (;;) {
      try {
        await this.commit()
        if (this.#uncommitted().length === 0) return
      } catch (error) {
        // The partitions of a deleted topic are dropped after the next topic check. The offsets of other topics must still be committed.
        if (!isRetryable(error) && !isStaleGeneration(error) && !hasProtocolError(error, 'UNKNOWN_TOPIC_OR_PARTITION')) throw error
        if (clock.now() >= deadline) throw error
      }
      if (clock.now() >= deadline) {
        log.warn({ partitions: this.#uncommitted().length }, 'consumer group is rebalancing: uncommitted records will be read again')
        return
      }
      await clock.sleep(RETRY_MS)
    }
  }

  #uncommitted (): OffsetToCommit[] {
    const { tracker, buffers } = this.#options
    // Commit past trailing offsets without records (transaction markers, compacted records): an empty buffer's position is past them.
    for (const { topic, partition, position: offset, positionEpoch: leaderEpoch } of buffers.values()) {
      tracker.skipTo({ topic, partition, offset, leaderEpoch })
    }
    return tracker.committable()
  }

  async #commit (): Promise<void> {
    const { tracker, member, buffers, stats, onTopicMissing, onFatal } = this.#options
    const { membership } = member
    if (membership === undefined || membership !== this.#allowed) return
    const offsets = this.#uncommitted()
    if (offsets.length === 0) return
    for (const { topic, partition, offset } of offsets) this.#attempted.set(partitionKey(topic, partition), offset)
    const topicIds = new Map([...buffers.values()].map(({ topic, topicId }) => [topic, topicId]))
    try {
      await member.commit(membership, offsets, topic => topicIds.get(topic))
    } catch (error) {
      stats.failedCommits++
      if (hasProtocolError(error, 'FENCED_INSTANCE_ID', 'GROUP_AUTHORIZATION_FAILED')) onFatal(error as AlertStreamError)
      if (hasProtocolError(error, 'UNKNOWN_TOPIC_OR_PARTITION')) onTopicMissing()
      throw error
    }
    // If the member has rejoined in the meantime, the tracker may already hold committed offsets that were read after the join.
    if (member.membership === membership) tracker.committed(offsets)
    stats.committed(tracker.outstanding)
  }
}

/** Whether a commit was rejected because the partitions may have new owners. */
export function isStaleGeneration (error: unknown): boolean {
  return hasProtocolError(error, 'ILLEGAL_GENERATION', 'UNKNOWN_MEMBER_ID', 'REBALANCE_IN_PROGRESS')
}
