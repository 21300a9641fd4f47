// One pass over the static topic: how many of its records have been emitted and have settled, and its report.
import { recordBytes, type KafkaRecord } from '../kafka/record.ts'
import type { WholeBatch } from '../kafka/whole-batch.ts'
import type { SourceRecord } from '../pipeline/index.ts'

interface Scheduled {
  readonly pass: number
  /** Due time on the clock of `performance.now()`. */
  readonly dueAt: number
}

export interface ReplayRecord extends Scheduled {
  readonly record: KafkaRecord
  /** Index of the alert, the same in every pass. Repeat n of a record has the index of the record + n * (records in the topic). */
  readonly index: number
  /** Unix time in seconds that identifies the pass, or 0 without the option `seconds`. */
  readonly second: number
}

/** Alerts that are copied as one record batch. */
interface ReplayBatch extends Scheduled {
  readonly batch: WholeBatch
}

export type ReplayItem = ReplayRecord | ReplayBatch

export interface PassReport {
  readonly pass: number
  /** Number of published alerts. Smaller than the visit size if the pass was interrupted. */
  readonly alerts: number
  /** Number of published alerts that were copied in whole record batches. */
  readonly inWholeBatches: number
  /** Key, value and header bytes of the published alerts, as stored in the static topic. */
  readonly bytes: number
  readonly seconds: number
  /** Longest delay between an alert's due time and its acknowledgement; undefined if the profile sets no due times. */
  readonly lateSeconds: number | undefined
  /** Why the pass ended early, such as `stopped` or an error message. Undefined if the pass was complete. */
  readonly interrupted: string | undefined
}

interface PassOptions {
  readonly number: number
  readonly second: number
  /** Tick at which the pass was due to begin, on the clock of `performance.now()`. */
  readonly tick: number
  /** Number of records in the topic. */
  readonly held: number
  /** Number of alerts that a complete pass publishes. */
  readonly expected: number
}

export class Pass {
  readonly number: number
  readonly second: number
  readonly tick: number
  readonly held: number
  readonly expected: number
  readonly started = performance.now()
  /** Resolves when all records have settled and the pass has been reported. */
  readonly ended = Promise.withResolvers<void>()
  /** Number of alerts emitted so far. */
  pulled = 0
  /** Number of alerts published so far: those that settled without failure. */
  alerts = 0
  /** Duration in milliseconds; 0 before the pass has ended. */
  tookMs = 0
  #inWholeBatches = 0
  #lateMs = 0
  #bytes = 0
  #failed = false
  #open = 0
  #idle: PromiseWithResolvers<void> | undefined

  constructor ({ number, second, tick, held, expected }: PassOptions) {
    this.number = number
    this.second = second
    this.tick = tick
    this.held = held
    this.expected = expected
  }

  /** @param alerts number of alerts of the item */
  emitted (alerts: number): void {
    this.pulled += alerts
    this.#open++
  }

  settled (item: ReplayItem, failure: Error | undefined): void {
    if (failure === undefined) {
      this.#lateMs = Math.max(this.#lateMs, performance.now() - item.dueAt)
      if ('batch' in item) {
        this.alerts += item.batch.count
        this.#inWholeBatches += item.batch.count
        this.#bytes += item.batch.contentBytes
      } else {
        this.alerts++
        this.#bytes += recordBytes(item.record)
      }
    } else {
      this.#failed = true
    }
    if (--this.#open === 0) this.#idle?.resolve()
  }

  /** Resolves when all emitted records have settled, or when the signal aborts. */
  async allSettled (abort: AbortSignal): Promise<void> {
    if (this.#open === 0) return
    const idle = this.#idle = Promise.withResolvers()
    const giveUp = (): void => idle.resolve()
    abort.addEventListener('abort', giveUp, { once: true })
    await idle.promise
    abort.removeEventListener('abort', giveUp)
  }

  /** Why the pass ended early if the source has been drained or the graph has failed. */
  get stoppedEarly (): string | undefined {
    if (this.#failed) return 'failed'
    return this.alerts < this.expected ? 'stopped' : undefined
  }

  report (timed: boolean, interrupted: string | undefined): PassReport {
    this.tookMs = performance.now() - this.started
    const { number: pass, alerts } = this
    const lateSeconds = timed ? this.#lateMs / 1000 : undefined
    return { pass, alerts, inWholeBatches: this.#inWholeBatches, bytes: this.#bytes, seconds: this.tookMs / 1000, lateSeconds, interrupted }
  }
}

/** A pass whose records are being read. `next` is the next record to emit. */
export interface RunningPass {
  readonly pass: Pass
  /** Returns why the pass was interrupted, or undefined if it is complete. */
  readonly records: AsyncGenerator<SourceRecord<ReplayItem>, string | undefined>
  next: IteratorResult<SourceRecord<ReplayItem>, string | undefined>
}

/** Returns the running pass whose next record is due first. A pass without a next record comes first. */
export function earliest (running: readonly RunningPass[]): RunningPass | undefined {
  const dueAt = ({ next }: RunningPass): number => next.done === true ? -Infinity : next.value.value.dueAt
  return running.toSorted((a, b) => dueAt(a) - dueAt(b))[0]
}
