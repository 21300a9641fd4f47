// In-process counters of a group consumer.
import { partitionKey, type TopicPartition } from './offset-tracker.ts'

/** Records that the broker deleted before they were read. */
export interface LostRecords extends TopicPartition {
  readonly records: number
}

/** An assigned partition. */
interface GroupPartition extends TopicPartition {
  readonly committed: bigint | undefined
  /** Every record below this offset has settled. */
  readonly settled: bigint
}

export interface GroupStats {
  readonly partitions: readonly GroupPartition[]
  /** -1 before the first join. */
  readonly generation: number
  readonly joins: number
  readonly commits: number
  readonly failedCommits: number
  /** ms since the last successful commit, or since the first record delivered after it. 0 if everything is committed. */
  readonly commitAgeMs: number
  readonly lost: readonly LostRecords[]
  /** Subscribed topics that do not exist yet. */
  readonly missing: readonly string[]
}

export const emptyGroupStats: GroupStats = {
  partitions: [], generation: -1, joins: 0, commits: 0, failedCommits: 0, commitAgeMs: 0, lost: [], missing: []
}

export class GroupStatsCollector {
  commits = 0
  failedCommits = 0
  joins = 0
  /** Time of the first delivery without a commit, or of the last commit that did not cover all deliveries. */
  #uncommittedSince: number | undefined
  readonly #lost = new Map<string, LostRecords>()
  readonly #now: () => number

  /** @param now monotonic time, in ms */
  constructor (now: () => number) {
    this.#now = now
  }

  get lost (): LostRecords[] {
    return [...this.#lost.values()]
  }

  /** Starts the commit age, unless it is running. */
  delivered (): void {
    this.#uncommittedSince ??= this.#now()
  }

  /** Counts a successful commit; `outstanding`: uncommitted offsets remain. */
  committed (outstanding: boolean): void {
    this.commits++
    this.#uncommittedSince = outstanding ? this.#now() : undefined
  }

  /** ms since the last commit, or since the first record delivered after it. Restarts at 0 if nothing is outstanding. */
  commitAge (outstanding: boolean): number {
    if (!outstanding) this.#uncommittedSince = undefined
    return this.#uncommittedSince === undefined ? 0 : this.#now() - this.#uncommittedSince
  }

  lose (topic: string, partition: number, records: number): void {
    const key = partitionKey(topic, partition)
    this.#lost.set(key, { topic, partition, records: (this.#lost.get(key)?.records ?? 0) + records })
  }
}
