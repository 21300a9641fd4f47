// The leader epochs of the records that were read from a partition. After an unclean leader election or the loss of a disk, the log of the
// new leader may end before records that were already read, and continue with other records at the same offsets. A broker compares the
// epoch of the last record that was read with its own log. Its response and these epochs determine the divergence: the first offset at
// which the old and the new log differ.

/** The epoch of a record whose epoch is unknown, for example because an earlier version or another client committed its offset. */
export const UNKNOWN_EPOCH = -1

/** Response of a broker: the last epoch of its log up to the requested epoch, and the first offset after the records of this epoch. */
export interface EpochEnd {
  readonly epoch: number
  readonly endOffset: bigint
}

/** Leaders change rarely. Without a limit, the list would grow without bound if the leader of a partition keeps changing. */
const MAX_EPOCHS = 100

export class LeaderEpochs {
  /** The first offset of each epoch as far as it is known, in ascending order. */
  readonly #starts: Array<{ readonly epoch: number, readonly offset: bigint }> = []

  /** @param epoch epoch of the last record before `position` */
  constructor (position: bigint, epoch = UNKNOWN_EPOCH) {
    this.append(epoch, position - 1n)
  }

  /** Notes the epoch of the next record or batch. */
  append (epoch: number, offset: bigint): void {
    if (epoch <= (this.#starts.at(-1)?.epoch ?? UNKNOWN_EPOCH)) return
    this.#starts.push({ epoch, offset })
    if (this.#starts.length > MAX_EPOCHS) this.#starts.shift()
  }

  /** Returns the epoch of the last record before `offset`. */
  before (offset: bigint): number {
    return this.#starts.findLast(start => start.offset < offset)?.epoch ?? UNKNOWN_EPOCH
  }

  /** Returns the first offset up to `position` at which the log of the broker differs from what was read. */
  divergence ({ epoch, endOffset }: EpochEnd, position: bigint): bigint {
    // The broker has no record of the later epochs, so all records that were read in these epochs are gone.
    const gone = this.#starts.find(start => start.epoch > epoch)?.offset ?? position
    return [position, endOffset, gone].reduce((least, offset) => offset < least ? offset : least)
  }

  /** Forgets the records from `offset` on. `epoch` is the last epoch before `offset` according to the broker. */
  truncate (offset: bigint, epoch: number): void {
    while (this.#starts.length > 0 && this.#starts.at(-1)!.offset >= offset) this.#starts.pop()
    this.append(epoch, offset - 1n)
  }
}
