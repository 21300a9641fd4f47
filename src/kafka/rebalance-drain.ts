// Drains a member before it rejoins its group: pauses delivery, waits until the records in flight have settled, and commits. The new owner
// of a partition then does not read these records again. The wait is limited to `settleTimeoutMs`, because the member sends no heartbeats
// meanwhile. Delivery resumes after the join, or after `joinTimeoutMs` if other members are slow to join.
import type { Logger } from '../pipeline/log.ts'
import type { Clock } from './clock.ts'

export interface RebalanceDrainOptions {
  /** Longest wait for records in flight, in ms. */
  readonly settleTimeoutMs: number
  /** Longest wait for the join after the drain, in ms. The other members also drain before they join. */
  readonly joinTimeoutMs: number
  readonly clock: Clock
  readonly log: Logger
  /** Returns the number of unsettled records of owned partitions. */
  unsettled (): number
  commit (): Promise<void>
  /** Called when records may be delivered again. */
  onResume (): void
}

export class RebalanceDrain {
  readonly #options: RebalanceDrainOptions
  #paused = false
  #allSettled: PromiseWithResolvers<void> | undefined
  #joinTimeout = new AbortController()

  constructor (options: RebalanceDrainOptions) {
    this.#options = options
  }

  get paused (): boolean {
    return this.#paused
  }

  /** Resolves when all records in flight have settled and are committed, or at the time limit. Never rejects. */
  async drain (): Promise<void> {
    const { settleTimeoutMs, clock, log, unsettled, commit } = this.#options
    this.#paused = true
    this.#joinTimeout.abort()
    const inFlight = unsettled()
    if (inFlight > 0) {
      log.info({ inFlight }, 'consumer group is rebalancing: waiting for records in flight to settle')
      this.#allSettled = Promise.withResolvers()
      const timeout = new AbortController()
      await Promise.race([this.#allSettled.promise, clock.sleep(settleTimeoutMs, timeout.signal)])
      timeout.abort()
      this.#allSettled = undefined
      const left = unsettled()
      if (left > 0) log.warn({ unsettled: left }, 'consumer group is rebalancing: records in flight did not settle in time')
    }
    // Ignore a failed commit: either another member already owns the partitions, or the offsets are committed after the join.
    await commit().catch(() => {})
    if (this.#paused) void this.#resumeAfterTimeout()
  }

  /** Call when a record has settled or its partition was revoked. */
  settled (): void {
    if (this.#allSettled !== undefined && this.#options.unsettled() === 0) this.#allSettled.resolve()
  }

  /** Call when the member has joined or leaves the group. */
  end (): void {
    this.#joinTimeout.abort()
    this.#allSettled?.resolve()
    if (!this.#paused) return
    this.#paused = false
    this.#options.onResume()
  }

  async #resumeAfterTimeout (): Promise<void> {
    this.#joinTimeout.abort()
    const { signal } = this.#joinTimeout = new AbortController()
    await this.#options.clock.sleep(this.#options.joinTimeoutMs, signal)
    if (!signal.aborted) this.end()
  }
}
