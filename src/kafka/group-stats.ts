// In-process counters of a group consumer.
import type { SkippedBatches, StoppedPartition } from './damaged-batches.ts'
import { partitionKey, type TopicPartition } from './offset-tracker.ts'

/** A number of records of a partition. */
export interface PartitionRecords extends TopicPartition {
  readonly records: number
}

/** Offsets of an assigned partition. */
interface GroupPartition extends TopicPartition {
  readonly committed: bigint | undefined
  /** Every record below this offset has settled. */
  readonly settled: bigint
}

export interface GroupStats {
  readonly partitions: readonly GroupPartition[]
  /** Current generation of the group; -1 before the first join. */
  readonly generation: number
  readonly joins: number
  readonly commits: number
  readonly failedCommits: number
  /** Time in ms since the last commit, or since the first later delivery if that commit covered all deliveries. 0 if all is committed. */
  readonly commitAgeMs: number
  /** Records that retention deleted before they were read. */
  readonly lost: readonly PartitionRecords[]
  /** Records that were read and that a truncation of the log then removed. */
  readonly truncated: readonly PartitionRecords[]
  /** Subscribed topics that do not exist yet. */
  readonly missing: readonly string[]
  /** Partitions that are stopped at a damaged record batch. */
  readonly stopped: readonly StoppedPartition[]
  readonly skipped: readonly SkippedBatches[]
}

export const emptyGroupStats: GroupStats = {
  partitions: [], generation: -1, joins: 0, commits: 0, failedCommits: 0, commitAgeMs: 0, lost: [], truncated: [], missing: [],
  stopped: [], skipped: []
}

export class GroupStatsCollector {
  commits = 0
  failedCommits = 0
  joins = 0
  /** Start of the commit age: time of the last commit, or of the first later delivery if that commit covered all deliveries. */
  #uncommittedSince: number | undefined
  readonly #lost = new Map<string, PartitionRecords>()
  readonly #truncated = new Map<string, PartitionRecords>()
  readonly #now: () => number

  /** @param now returns monotonic time in ms */
  constructor (now: () => number) {
    this.#now = now
  }

  get lost (): PartitionRecords[] {
    return [...this.#lost.values()]
  }

  get truncated (): PartitionRecords[] {
    return [...this.#truncated.values()]
  }

  /** Starts to measure the commit age, unless it is already being measured. */
  delivered (): void {
    this.#uncommittedSince ??= this.#now()
  }

  /** Counts a successful commit. `outstanding` is true if uncommitted offsets remain. */
  committed (outstanding: boolean): void {
    this.commits++
    this.#uncommittedSince = outstanding ? this.#now() : undefined
  }

  /** Returns the commit age in ms (see `commitAgeMs`). If no uncommitted offsets remain, resets the commit age to 0. */
  commitAge (outstanding: boolean): number {
    if (!outstanding) this.#uncommittedSince = undefined
    return this.#uncommittedSince === undefined ? 0 : this.#now() - this.#uncommittedSince
  }

  lose (topic: string, partition: number, records: number): void {
    add(this.#lost, topic, partition, records)
  }

  truncate (topic: string, partition: number, records: number): void {
    add(this.#truncated, topic, partition, records)
  }
}

function add (counts: Map<string, PartitionRecords>, topic: string, partition: number, records: number): void {
  const key = partitionKey(topic, partition)
  counts.set(key, { topic, partition, records: (counts.get(key)?.records ?? 0) + records })
}
