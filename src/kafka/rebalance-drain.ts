// What a member does before it joins its group again: it hands out no more records, waits until those in flight have settled, and commits. So a
// partition that goes to another member goes whole: nothing of it is read twice. The wait has a limit, for the session must not time out; what
// is in flight then is read again by whoever owns it next. Nor do records wait for ever where the others are slow to join.
import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from '../pipeline/log.ts'

export interface HandoverOptions {
  /** Longest wait for what is in flight, in ms. */
  readonly limitMs: number
  /** Longest wait for the join after that, in ms: the others have to hear of it and to do the same. */
  readonly othersMs: number
  readonly log: Logger
  /** Records that were handed out, are owned and have not settled. */
  unsettled (): number
  /** Commits what has settled. */
  commit (): Promise<void>
  /** Records may be handed out again. */
  resume (): void
}

export class Handover {
  readonly #options: HandoverOptions
  #paused = false
  #quiet: PromiseWithResolvers<void> | undefined
  #timer: NodeJS.Timeout | undefined

  constructor (options: HandoverOptions) {
    this.#options = options
  }

  /** Whether no record may be handed out now. */
  get paused (): boolean {
    return this.#paused
  }

  /** Resolves when everything has settled and is committed, or at the limit; never rejects. */
  async prepare (): Promise<void> {
    const { limitMs, othersMs, log, unsettled, commit } = this.#options
    this.#paused = true
    clearTimeout(this.#timer)
    const inFlight = unsettled()
    if (inFlight > 0) {
      log.info({ inFlight }, 'the kafka group is being rebalanced: waiting for what is in flight')
      this.#quiet = Promise.withResolvers()
      const over = new AbortController()
      await Promise.race([this.#quiet.promise, sleep(limitMs, undefined, { signal: over.signal }).catch(() => {})])
      over.abort()
      this.#quiet = undefined
      const left = unsettled()
      if (left > 0) log.warn({ unsettled: left }, 'the kafka group is being rebalanced, and not all that is in flight has settled in time')
    }
    // What cannot be committed now is someone else's, or is committed after the join.
    await commit().catch(() => {})
    if (!this.#paused) return
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => { this.end() }, othersMs)
  }

  /** A record has settled, or is no longer owned. */
  settled (): void {
    if (this.#quiet !== undefined && this.#options.unsettled() === 0) this.#quiet.resolve()
  }

  /** The member has joined, or leaves for good. */
  end (): void {
    clearTimeout(this.#timer)
    this.#quiet?.resolve()
    if (!this.#paused) return
    this.#paused = false
    this.#options.resume()
  }
}
