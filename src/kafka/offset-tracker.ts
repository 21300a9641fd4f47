// Decides which offsets may be committed. The committable offset of a partition is the highest contiguous settled offset + 1, for any order
// of settlement and any gaps in the log (compaction, transaction markers). Each assignment of a partition starts an epoch. A record that is
// delivered twice in an epoch is dropped, and settlements of an earlier epoch are ignored. The number of delivered records beyond the
// committable offset is capped, so memory does not grow without limit behind one stuck record. The amortised cost per record is O(1).

export interface TopicPartition {
  readonly topic: string
  readonly partition: number
}

/** An offset to commit: the offset of the next record to read. */
export interface OffsetToCommit extends TopicPartition {
  readonly offset: bigint
  /** Leader epoch of the last record before `offset`; -1 if unknown. */
  readonly leaderEpoch: number
}

/** A delivered record, the argument of `settle`. */
export interface Delivery extends TopicPartition {
  readonly offset: bigint
}

interface Entry extends Delivery {
  readonly leaderEpoch: number
  readonly state: PartitionState
  settled: boolean
}

interface PartitionState extends TopicPartition {
  assigned: boolean
  /** Number of delivered records that have not settled. */
  unsettled: number
  readonly start: bigint
  /** Every offset below `next` either was delivered in this epoch or will never be delivered in it. */
  next: bigint
  committable: bigint
  /** Leader epoch of the last record before `committable`. */
  leaderEpoch: number
  committed: bigint | undefined
  /** Delivered records at or beyond `committable`, oldest first, starting at index `head`. */
  entries: Entry[]
  head: number
}

export class OffsetTracker {
  readonly #partitions = new Map<string, PartitionState>()
  readonly #cap: number

  /** @param cap maximum number of delivered records beyond the committable offset, per partition */
  constructor (cap: number) {
    if (!(cap >= 1)) throw new RangeError(`cap must be at least 1, not ${cap}`)
    this.#cap = cap
  }

  /**
   * Starts an epoch for an assigned partition: records from `start` on will be delivered. `committed` is the group's committed offset.
   * If `committed` differs from `start`, `start` itself is committable. `leaderEpoch` is the epoch of the last record before `start`.
   */
  assign (topic: string, partition: number, start: bigint, leaderEpoch: number, committed?: bigint): void {
    this.revoke(topic, partition)
    this.#partitions.set(partitionKey(topic, partition), {
      topic, partition, assigned: true, unsettled: 0, start, next: start, committable: start, leaderEpoch, committed, entries: [], head: 0
    })
  }

  /** Ends the epoch of a partition. */
  revoke (topic: string, partition: number): void {
    const key = partitionKey(topic, partition)
    const state = this.#partitions.get(key)
    if (state === undefined) return
    state.assigned = false
    state.entries = []
    this.#partitions.delete(key)
  }

  /** Whether a record of this partition may be delivered now. False if the cap is reached or the partition is not assigned. */
  admit (topic: string, partition: number): boolean {
    const state = this.#partitions.get(partitionKey(topic, partition))
    return state !== undefined && state.entries.length - state.head < this.#cap
  }

  /** Records the delivery of a record. Returns undefined if the partition is not assigned or the epoch already delivered the record. */
  deliver ({ topic, partition, offset, leaderEpoch }: OffsetToCommit): Delivery | undefined {
    const state = this.#partitions.get(partitionKey(topic, partition))
    if (state === undefined || offset < state.next) return undefined
    const entry: Entry = { topic, partition, offset, leaderEpoch, state, settled: false }
    state.entries.push(entry)
    state.unsettled++
    state.next = offset + 1n
    return entry
  }

  /** Declares that no more records below `offset` will be delivered, so that offsets without records become committable. */
  skipTo ({ topic, partition, offset, leaderEpoch }: OffsetToCommit): void {
    const state = this.#partitions.get(partitionKey(topic, partition))
    if (state === undefined || offset <= state.next) return
    // The new entry replaces a settled last entry, so that repeated skips behind a stuck record use no additional memory.
    if (state.entries.length > state.head && state.entries.at(-1)!.settled) state.entries.pop()
    state.entries.push({ topic, partition, offset: offset - 1n, leaderEpoch, state, settled: true })
    state.next = offset
    advance(state)
  }

  /**
   * Continues at `offset` after the log of the partition was truncated there: later records count as not delivered, and a higher committed
   * offset is replaced at the next commit. Records before `offset` that have not settled are still awaited.
   */
  rewind ({ topic, partition, offset, leaderEpoch }: OffsetToCommit): void {
    const state = this.#partitions.get(partitionKey(topic, partition))
    if (state === undefined || offset >= state.next) return
    state.next = offset
    for (const entry of state.entries.slice(state.head)) {
      if (entry.offset < offset || entry.settled) continue
      entry.settled = true
      state.unsettled--
    }
    state.entries = state.entries.slice(state.head).filter(entry => entry.offset < offset)
    state.head = 0
    if (state.committable <= offset) return
    state.committable = offset
    state.leaderEpoch = leaderEpoch
  }

  /** Marks a delivered record as settled. Returns false if its epoch has ended or the record had already settled. */
  settle (delivery: Delivery): boolean {
    const entry = delivery as Entry
    if (!entry.state.assigned || entry.settled) return false
    entry.settled = true
    entry.state.unsettled--
    advance(entry.state)
    return true
  }

  /** Number of delivered, unsettled records of assigned partitions. */
  get unsettled (): number {
    let count = 0
    for (const { unsettled } of this.#partitions.values()) count += unsettled
    return count
  }

  /** Returns the number of delivered but uncommitted offsets of the selected partitions. The next owners read these offsets again. */
  uncommitted (includes: (partition: TopicPartition) => boolean): bigint {
    let count = 0n
    for (const state of this.#partitions.values()) if (includes(state)) count += outstandingOf(state)
    return count
  }

  /** Returns the committable offset of each assigned partition, unless that offset is already committed. */
  committable (): OffsetToCommit[] {
    const offsets: OffsetToCommit[] = []
    for (const { topic, partition, committable, leaderEpoch, committed } of this.#partitions.values()) {
      if (committable !== committed) offsets.push({ topic, partition, offset: committable, leaderEpoch })
    }
    return offsets
  }

  committed (offsets: Iterable<OffsetToCommit>): void {
    for (const { topic, partition, offset } of offsets) {
      const state = this.#partitions.get(partitionKey(topic, partition))
      if (state !== undefined) state.committed = offset
    }
  }

  state (topic: string, partition: number): Readonly<Pick<PartitionState, 'committable' | 'committed'>> | undefined {
    return this.#partitions.get(partitionKey(topic, partition))
  }

  /** Whether any offset is delivered or committable, but not committed yet. */
  get outstanding (): boolean {
    for (const { next, committed } of this.#partitions.values()) if (next !== committed) return true
    return false
  }
}

export function partitionKey (topic: string, partition: number): string {
  return `${topic}/${partition}`
}

function outstandingOf ({ next, committed, start }: PartitionState): bigint {
  const from = committed ?? start
  return next > from ? next - from : 0n
}

function advance (state: PartitionState): void {
  const { entries } = state
  while (state.head < entries.length && entries[state.head]!.settled) {
    const { offset, leaderEpoch } = entries[state.head++]!
    state.committable = offset + 1n
    state.leaderEpoch = leaderEpoch
  }
  // Settled entries are dropped only when they fill more than half of the array. The array stays short at constant cost per record.
  if (state.head > 32 && state.head * 2 > entries.length) {
    entries.splice(0, state.head)
    state.head = 0
  }
}
