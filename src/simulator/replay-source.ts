// Plays the static topic repeatedly: one pass per interval, on a grid of ticks that does not drift. A pass begins only when the topic can
// be played, and ends when all its records have settled. The source reads the topic by topic id, so a pass never mixes two loads. A pass
// that is interrupted by an outage continues with the next record after the outage.
// Emits: each record once per pass. With a visit size, emits only the first records, or each record several times in a row. Backpressures:
// by credits. Completes: after one pass if the interval is negative (a single pass), otherwise when drained (a loop). If the topic is
// missing, incomplete, too small or being recreated, a single pass fails and a loop waits. Both wait for unavailable brokers.
import { KafkaAdmin, type TopicSnapshot } from '../kafka/admin.ts'
import type { KafkaConnection } from '../kafka/connection.ts'
import type { BatchOptions } from '../kafka/damaged-batches.ts'
import { recordBytes, type KafkaRecord } from '../kafka/record.ts'
import { asError, isRetryable, type NodeContext, type Source, type SourceRecord } from '../pipeline/index.ts'
import { readTopic } from '../sources/kafka-topic.ts'
import { timeOffset, type Profile } from './profiles.ts'
import { isTopicChanged, isUnplayable, playableTopic, recordCount, recordIndexer, type PlayRequirements } from './static-topic.ts'
import { nextTick, sleepUntil, type PassSeconds } from './ticks.ts'

export interface ReplayRecord {
  readonly record: KafkaRecord
  readonly pass: number
  /** Index of the alert, the same in every pass. Repeat n of a record has the index of the record + n * (records in the topic). */
  readonly index: number
  /** Unix time in seconds that identifies the pass, or 0 without the option `seconds`. */
  readonly second: number
  /** Due time on the clock of `performance.now()`. */
  readonly dueAt: number
}

export interface PassReport {
  readonly pass: number
  /** Number of published alerts. Smaller than the visit size if the pass was interrupted. */
  readonly alerts: number
  /** Key, value and header bytes of the published alerts, as stored in the static topic. */
  readonly bytes: number
  readonly seconds: number
  /** Longest delay between an alert's due time and its acknowledgement; undefined if the profile sets no due times. */
  readonly lateSeconds: number | undefined
  /** Why the pass ended early, such as `stopped` or an error message. Undefined if the pass was complete. */
  readonly interrupted: string | undefined
}

export interface ReplayOptions extends PlayRequirements {
  readonly connection: KafkaConnection
  /** Milliseconds from the start of one pass to the start of the next. Negative: one pass only. */
  readonly intervalMs: number
  readonly profile: Profile
  /** Limits of record batches, and damaged batches of the static topic to skip. */
  readonly batches?: BatchOptions | undefined
  /** Assigns a distinct second to each pass. The pass begins when the assigned second begins. */
  readonly seconds?: PassSeconds | undefined
  readonly onPass: (report: PassReport) => void
}

export interface ReplaySource extends Source<ReplayRecord> {
  readonly passes: number
  /** Why the next pass cannot begin yet. Undefined if the pass can begin. */
  readonly waitingFor: string | undefined
  /** Whether the source waits because the brokers are unavailable, and not because the topic cannot be played. */
  readonly outage: boolean
  /** Total delay of pass starts in milliseconds, and the number of ticks at which no pass began. */
  readonly overruns: { readonly lateMs: number, readonly ticksSkipped: number }
  /** Aborted when the graph drains or fails. Records in flight then need not wait for their due time. */
  readonly ending: AbortSignal
}

const POLL_MS = 1000
const MIN_OUTAGE_LIMIT_MS = 120_000
const MAX_OUTAGE_LIMIT_MS = 3_600_000

/** Returns how long the brokers may be unavailable, between passes and within a pass, in ms: one interval, within limits. */
export function outageLimitMs (intervalMs: number): number {
  return Math.min(Math.max(intervalMs, MIN_OUTAGE_LIMIT_MS), MAX_OUTAGE_LIMIT_MS)
}

/** Errors: STATIC_TOPIC_INCOMPLETE and STATIC_TOPIC_SMALL if the interval is negative; KAFKA_*. */
export function replaySource (options: ReplayOptions): ReplaySource {
  return new Replay(options)
}

interface Pass {
  readonly number: number
  readonly started: number
  readonly second: number
  /** Number of records in the topic. */
  readonly held: number
  /** Number of alerts that a complete pass publishes. */
  readonly expected: number
  lateMs: number
  pulled: number
  /** Number of alerts published so far: those that settled without failure. */
  alerts: number
  failed: boolean
  bytes: number
  open: number
  settled: PromiseWithResolvers<void> | undefined
}

class Replay implements ReplaySource {
  readonly kind = 'kafka topic, repeated'
  readonly detail: string
  passes = 0
  waitingFor: string | undefined
  outage = false
  readonly overruns = { lateMs: 0, ticksSkipped: 0 }
  readonly #options: ReplayOptions
  readonly #ending = new AbortController()
  /** The current pass; undefined once it has been reported. */
  #pass: Pass | undefined

  constructor (options: ReplayOptions) {
    this.#options = options
    this.detail = `${options.topic}, ${options.intervalMs < 0 ? 'once' : `every ${options.intervalMs / 1000} s`}`
  }

  get ending (): AbortSignal { return this.#ending.signal }

  get #loops (): boolean { return this.#options.intervalMs >= 0 }

  async * records (context: NodeContext): AsyncIterable<SourceRecord<ReplayRecord>> {
    const { drain } = context
    if (drain.aborted) this.#ending.abort()
    else drain.addEventListener('abort', () => { this.#ending.abort() }, { once: true })
    let tick: number | undefined
    while (!drain.aborted) {
      const found = await this.#waitForTopic(context)
      if (found === undefined) return
      // After a wait for the topic, or an outage of an interval or more, the grid restarts, so that the wait does not count as lateness.
      if (tick === undefined || found.waited || performance.now() - tick >= this.#options.intervalMs) tick = performance.now()
      const second = await this.#options.seconds?.next(drain) ?? 0
      if (drain.aborted) return
      const pass = this.#pass = this.#begin(found.topic, second)
      const interrupted = yield * this.#onePass(found.topic, pass, context)
      await this.#allSettled(pass, context)
      const tookMs = performance.now() - pass.started
      this.#report(pass, interrupted ?? (drain.aborted ? stoppedEarly(pass) : undefined))
      if (!this.#loops) return
      tick = await this.#waitForTick(tick, pass, tookMs, context)
    }
  }

  settled ({ value }: SourceRecord<ReplayRecord>, failure?: Error): void {
    const pass = this.#pass
    if (pass === undefined) return
    if (failure === undefined) {
      pass.alerts++
      pass.lateMs = Math.max(pass.lateMs, performance.now() - value.dueAt)
      pass.bytes += recordBytes(value.record)
    } else {
      pass.failed = true
    }
    if (--pass.open === 0) pass.settled?.resolve()
  }

  /** Reports the current pass if the graph has ended during the pass. */
  async flush (): Promise<void> {
    if (this.#pass !== undefined) this.#report(this.#pass, stoppedEarly(this.#pass))
  }

  #begin (topic: TopicSnapshot, second: number): Pass {
    const held = recordCount(topic)
    return {
      number: this.passes + 1, started: performance.now(), second, held, expected: this.#options.visitSize ?? held,
      lateMs: 0, pulled: 0, alerts: 0, failed: false, bytes: 0, open: 0, settled: undefined
    }
  }

  #report (pass: Pass, interrupted: string | undefined): void {
    if (this.#pass !== pass) return
    this.#pass = undefined
    this.passes++
    const { number, alerts, bytes, started, lateMs } = pass
    const lateSeconds = this.#options.profile.timed ? lateMs / 1000 : undefined
    this.#options.onPass({ pass: number, alerts, bytes, seconds: (performance.now() - started) / 1000, lateSeconds, interrupted })
  }

  /** Emits the records of a pass. Returns why the pass was interrupted, or undefined if all its records were emitted. */
  async * #onePass (
    snapshot: TopicSnapshot, pass: Pass, context: NodeContext
  ): AsyncGenerator<SourceRecord<ReplayRecord>, string | undefined> {
    const { connection, topic, profile, intervalMs, batches } = this.#options
    const { number, started, second, held, expected } = pass
    // If the visit is smaller than the topic, every profile plays the alerts with the lowest time offsets.
    const ordered = profile.ordered || expected < held
    const reader = readTopic({
      connection, topic, snapshot, from: snapshot.start, to: snapshot.end, giveUpAfterMs: outageLimitMs(intervalMs), batches,
      ...(ordered ? { orderBy: timeOffset } : {})
    })
    const due = profile.schedule(number, expected)
    const indexOf = recordIndexer(snapshot)
    try {
      await reader.open?.(context)
      for await (const { value: record, bytes, position } of reader.records(context)) {
        const index = indexOf(record)
        const times = playCount(index, held, expected)
        for (let repeat = 0; repeat < times; repeat++) {
          const dueAt = started + due(record, pass.pulled)
          pass.pulled++
          pass.open++
          yield { value: { record, pass: number, index: index + repeat * held, second, dueAt }, bytes, position }
        }
        if (pass.pulled === expected) break
      }
      return undefined
    } catch (error) {
      // A loop continues with the next pass if the topic was recreated.
      if (!this.#loops || !isTopicChanged(error)) throw error
      const { message: reason } = asError(error)
      context.log.warn({ pass: number, pulled: pass.pulled, reason }, 'the static topic was recreated: ending the pass early')
      return reason
    } finally {
      await reader.close?.()
    }
  }

  async #allSettled (pass: Pass, context: NodeContext): Promise<void> {
    if (pass.open === 0) return
    pass.settled = Promise.withResolvers()
    const giveUp = (): void => pass.settled?.resolve()
    context.abort.addEventListener('abort', giveUp, { once: true })
    await pass.settled.promise
    context.abort.removeEventListener('abort', giveUp)
  }

  /**
   * Resolves with the topic when the topic can be played, or with undefined if the source is drained first. `waited` tells whether the
   * topic could not be played at first; a wait for unavailable brokers does not count.
   */
  async #waitForTopic ({ log, drain }: NodeContext): Promise<{ readonly topic: TopicSnapshot, readonly waited: boolean } | undefined> {
    const { connection, topic, intervalMs } = this.#options
    const admin = new KafkaAdmin(connection)
    let outageSince: number | undefined
    try {
      let waited = false
      while (!drain.aborted) {
        try {
          const snapshot = await playableTopic(admin, connection, this.#options)
          if (this.waitingFor !== undefined) log.info({ topic }, 'the static topic is complete: playing it')
          this.waitingFor = undefined
          this.outage = false
          return { topic: snapshot, waited }
        } catch (error) {
          const outage = isRetryable(error)
          outageSince = outage ? outageSince ?? performance.now() : undefined
          const canWait = outageSince === undefined
            ? this.#loops && isUnplayable(error)
            : performance.now() - outageSince < outageLimitMs(intervalMs)
          if (!canWait) throw error
          const { message: reason } = asError(error)
          if (this.waitingFor !== reason) log.warn({ topic, reason }, 'waiting for the static topic')
          this.waitingFor = reason
          this.outage = outage
          waited ||= !outage
        }
        await sleepUntil(performance.now() + POLL_MS, drain)
      }
      return undefined
    } finally {
      await admin.close()
    }
  }

  /** Waits for the next tick of the grid. Logs an overrun if the next tick has already passed. */
  async #waitForTick (tick: number, { alerts }: Pass, tookMs: number, context: NodeContext): Promise<number> {
    const { intervalMs } = this.#options
    const next = nextTick(tick, intervalMs, performance.now())
    if (next.lateMs > 0) {
      this.overruns.lateMs += next.lateMs
      this.overruns.ticksSkipped += next.skipped
      context.log.warn({
        alerts, tookSeconds: seconds(tookMs), intervalSeconds: seconds(intervalMs), lateSeconds: seconds(next.lateMs),
        ticksSkipped: next.skipped
      }, 'cannot keep up: the pass took longer than the repeat interval')
    }
    await sleepUntil(next.tick, context.drain)
    return next.tick
  }
}

/** Number of times in a row that the record at `index` is played. If `expected` exceeds `held`, the sum over all records is `expected`. */
function playCount (index: number, held: number, expected: number): number {
  return expected <= held ? 1 : Math.floor((index + 1) * expected / held) - Math.floor(index * expected / held)
}

function stoppedEarly ({ alerts, expected, failed }: Pass): string | undefined {
  if (failed) return 'failed'
  return alerts < expected ? 'stopped' : undefined
}

function seconds (ms: number): number {
  return Math.round(ms) / 1000
}
