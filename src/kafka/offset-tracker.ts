// Which offsets may be committed. Per partition: the highest contiguous settled offset + 1, never past an unsettled record, whatever the
// order of settlement and whatever gaps the log has (compaction, transaction markers). Each assignment of a partition is an epoch: offsets
// delivered again within it are dropped, settlements from an earlier one are ignored, and only what is assigned now is committable.
// Delivered-minus-committable is capped, so one stuck record cannot grow memory without limit. Pure; O(1) amortised per record.

export interface TopicPartition {
  readonly topic: string
  readonly partition: number
}

/** A position to commit: the offset of the next record to read. */
export interface OffsetToCommit extends TopicPartition {
  readonly offset: bigint
}

/** One delivered record; give it back to `settle`. */
export interface Delivery extends TopicPartition {
  readonly offset: bigint
}

interface Entry extends Delivery {
  readonly lane: Lane
  settled: boolean
}

interface Lane extends TopicPartition {
  live: boolean
  /** Delivered and not settled. */
  unsettled: number
  readonly start: bigint
  /** Everything below was delivered in this epoch, or did not have to be. */
  next: bigint
  committable: bigint
  committed: bigint | undefined
  /** Delivered and not yet part of `committable`, oldest first, from `head` on. */
  entries: Entry[]
  head: number
}

export interface OffsetTrackerOptions {
  /** Delivered records beyond the committable offset, per partition, at which `admit` says to wait. */
  readonly cap: number
}

export class OffsetTracker {
  readonly #lanes = new Map<string, Lane>()
  readonly #cap: number

  constructor ({ cap }: OffsetTrackerOptions) {
    if (!(cap >= 1)) throw new RangeError(`cap must be at least 1, not ${cap}`)
    this.#cap = cap
  }

  /**
   * Begins an epoch for a partition that was assigned: records from `start` on will be delivered. `committed` is what the group has
   * committed already; where that differs from `start`, `start` itself is committable.
   */
  assign (topic: string, partition: number, start: bigint, committed?: bigint): void {
    this.revoke(topic, partition)
    this.#lanes.set(laneKey(topic, partition), {
      topic, partition, live: true, unsettled: 0, start, next: start, committable: start, committed, entries: [], head: 0
    })
  }

  /** Ends the epoch: the partition belongs to someone else, or to nobody. */
  revoke (topic: string, partition: number): void {
    const key = laneKey(topic, partition)
    const lane = this.#lanes.get(key)
    if (lane === undefined) return
    lane.live = false
    lane.entries = []
    this.#lanes.delete(key)
  }

  /** Whether a record of this partition may be delivered now; false at the cap and where it is not assigned. */
  admit (topic: string, partition: number): boolean {
    const lane = this.#lanes.get(laneKey(topic, partition))
    return lane !== undefined && lane.entries.length - lane.head < this.#cap
  }

  /** Notes a record about to be delivered; undefined where it must be dropped (not assigned, or seen in this epoch). */
  deliver (topic: string, partition: number, offset: bigint): Delivery | undefined {
    const lane = this.#lanes.get(laneKey(topic, partition))
    if (lane === undefined || offset < lane.next) return undefined
    const entry: Entry = { topic, partition, offset, lane, settled: false }
    lane.entries.push(entry)
    lane.unsettled++
    lane.next = offset + 1n
    return entry
  }

  /** Says that no record below `offset` remains to be delivered: what the log skips at its end becomes committable in its turn. */
  skipTo (topic: string, partition: number, offset: bigint): void {
    const lane = this.#lanes.get(laneKey(topic, partition))
    if (lane === undefined || offset <= lane.next) return
    // Joined with a settled entry before it, so that skipping behind a stuck record does not add up.
    if (lane.entries.length > lane.head && lane.entries.at(-1)!.settled) lane.entries.pop()
    lane.entries.push({ topic, partition, offset: offset - 1n, lane, settled: true })
    lane.next = offset
    advance(lane)
  }

  /** Notes that a delivered record is done with; false where its epoch is over or it was settled before. */
  settle (delivery: Delivery): boolean {
    const entry = delivery as Entry
    if (!entry.lane.live || entry.settled) return false
    entry.settled = true
    entry.lane.unsettled--
    advance(entry.lane)
    return true
  }

  /** Records that were delivered, whose partition is assigned now and that have not settled. */
  get unsettled (): number {
    let count = 0
    for (const lane of this.#lanes.values()) count += lane.unsettled
    return count
  }

  /** Offsets of these partitions that were delivered and are not committed: what another member would read again. */
  uncommitted (of: (partition: TopicPartition) => boolean): bigint {
    let count = 0n
    for (const lane of this.#lanes.values()) if (of(lane)) count += lane.next - (lane.committed ?? lane.start)
    return count
  }

  /** What has to be committed: assigned partitions whose committable offset is not the committed one. */
  committable (): OffsetToCommit[] {
    const offsets: OffsetToCommit[] = []
    for (const { topic, partition, committable, committed } of this.#lanes.values()) {
      if (committable !== committed) offsets.push({ topic, partition, offset: committable })
    }
    return offsets
  }

  /** Notes that these were committed. */
  committed (offsets: Iterable<OffsetToCommit>): void {
    for (const { topic, partition, offset } of offsets) {
      const lane = this.#lanes.get(laneKey(topic, partition))
      if (lane !== undefined) lane.committed = offset
    }
  }

  /** The state of one assigned partition. */
  state (topic: string, partition: number): { next: bigint, committable: bigint, committed: bigint | undefined, pending: number } | undefined {
    const lane = this.#lanes.get(laneKey(topic, partition))
    if (lane === undefined) return undefined
    return { next: lane.next, committable: lane.committable, committed: lane.committed, pending: lane.entries.length - lane.head }
  }

  /** Whether anything was delivered, or is to be committed, that is not. */
  get outstanding (): boolean {
    for (const { next, committed } of this.#lanes.values()) if (next !== committed) return true
    return false
  }

  /** Every partition assigned now. */
  assigned (): TopicPartition[] {
    return [...this.#lanes.values()].map(({ topic, partition }) => ({ topic, partition }))
  }
}

/** The key of a partition in maps. */
export function laneKey (topic: string, partition: number): string {
  return `${topic}/${partition}`
}

function advance (lane: Lane): void {
  const { entries } = lane
  while (lane.head < entries.length && entries[lane.head]!.settled) lane.committable = entries[lane.head++]!.offset + 1n
  // Dropping the done half when it is half keeps the array short at a constant cost per record.
  if (lane.head > 32 && lane.head * 2 > entries.length) {
    entries.splice(0, lane.head)
    lane.head = 0
  }
}
