// What a group's consumer has done so far, as plain numbers, and for how long something has been waiting for its commit.
import type { TopicPartition } from './offset-tracker.ts'

/** Records that were removed before they were read. */
export interface LostRecords extends TopicPartition {
  readonly records: number
}

/** One partition that is owned now. */
export interface GroupPartition extends TopicPartition {
  /** Offset of the next record to hand out. */
  readonly position: bigint
  readonly committed: bigint | undefined
  /** Offset before which everything has settled. */
  readonly settled: bigint
  /** Handed out and not yet committable. */
  readonly pending: number
  /** End of what can be read, as of the last fetch. */
  readonly end: bigint | undefined
}

/** Plain numbers for metrics. */
export interface GroupStats {
  readonly partitions: readonly GroupPartition[]
  /** -1 before the first join. */
  readonly generation: number
  readonly joins: number
  readonly commits: number
  readonly failedCommits: number
  /** Milliseconds since the last successful commit, or since the first record after it; 0 while nothing is uncommitted. */
  readonly commitAgeMs: number
  readonly lost: readonly LostRecords[]
  /** Topics that are waited for. */
  readonly missing: readonly string[]
}

/** Of a consumer that has not begun. */
export const nothingYet: GroupStats = { partitions: [], generation: -1, joins: 0, commits: 0, failedCommits: 0, commitAgeMs: 0, lost: [], missing: [] }

export class GroupStatsCollector {
  commits = 0
  failedCommits = 0
  /** How often the group has given partitions. */
  joins = 0
  /** Since when something is uncommitted that was delivered, or since the last commit after that. */
  #since: number | undefined
  readonly #lost = new Map<string, LostRecords>()
  readonly #now: () => number

  /** @param now milliseconds of a clock that nobody sets */
  constructor (now: () => number = () => performance.now()) {
    this.#now = now
  }

  get lost (): LostRecords[] {
    return [...this.#lost.values()]
  }

  /** A record was handed out. */
  delivered (): void {
    this.#since ??= this.#now()
  }

  /** A commit succeeded. */
  committed (outstanding: boolean): void {
    this.commits++
    this.#since = outstanding ? this.#now() : undefined
  }

  /** Milliseconds since the last commit, or since the first record that was delivered after it; 0 where nothing is outstanding. */
  commitAge (outstanding: boolean): number {
    if (!outstanding) this.#since = undefined
    return this.#since === undefined ? 0 : this.#now() - this.#since
  }

  lose (topic: string, partition: number, records: number): void {
    const key = `${topic}/${partition}`
    this.#lost.set(key, { topic, partition, records: (this.#lost.get(key)?.records ?? 0) + records })
  }
}
