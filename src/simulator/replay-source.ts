// Plays the static topic repeatedly: one pass per interval, on a grid of ticks that does not drift. A pass begins only when the topic can
// be played, and ends when all its records have settled. With `overlaps`, a pass begins at its tick although the previous one has not
// ended. The source reads the topic by topic id, so a pass never mixes two loads. An interrupted pass continues after the outage.
// Emits: each record once per pass. With a visit size, emits only the first records, or each record several times in a row. Two overlapping
// passes are emitted in the order of their due times. With `wholeBatchesTo`, emits whole batches where they can be copied. Backpressures:
// by credits. Completes: after one pass if the interval is negative (a single pass), otherwise when drained (a loop). If the topic is
// missing, incomplete, too small or being recreated, a single pass fails and a loop waits. Both wait for unavailable brokers.
import { KafkaAdmin, type TopicSnapshot } from '../kafka/admin.ts'
import type { KafkaConnection } from '../kafka/connection.ts'
import type { BatchOptions } from '../kafka/damaged-batches.ts'
import { asError, isRetryable, type NodeContext, type Source, type SourceRecord } from '../pipeline/index.ts'
import { WholeBatch } from '../kafka/whole-batch.ts'
import { readTopic } from '../sources/kafka-topic.ts'
import { timeOffset, type Profile } from './profiles.ts'
import { earliest, Pass, type PassReport, type ReplayItem, type ReplayRecord, type RunningPass } from './replay-pass.ts'
import { DueOrder } from './due-order.ts'
import { isTopicChanged, isUnplayable, playableTopic, recordCount, recordIndexer, type PlayRequirements } from './static-topic.ts'
import { nextTick, sleepUntil, type PassSeconds } from './ticks.ts'
import { wholeBatchLimit } from './whole-batch-limit.ts'

export interface ReplayOptions extends PlayRequirements {
  readonly connection: KafkaConnection
  /** Milliseconds from the start of one pass to the start of the next. Negative: one pass only. */
  readonly intervalMs: number
  readonly profile: Profile
  /** Whether a pass begins before the previous pass has ended. */
  readonly overlaps?: boolean
  /** Limits of record batches, and damaged batches of the static topic to skip. */
  readonly batches?: BatchOptions | undefined
  /** Assigns a distinct second to each pass. The pass begins when the assigned second begins. */
  readonly seconds?: PassSeconds | undefined
  /**
   * Topic to which the alerts are copied unmodified. A pass emits whole batches if this topic has as many partitions as the static topic,
   * the profile is not ordered, and the pass has all alerts. Default: no pass does.
   */
  readonly wholeBatchesTo?: string | undefined
  readonly onPass: (report: PassReport) => void
}

export interface ReplaySource<T extends ReplayItem = ReplayItem> extends Source<T> {
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
export function replaySource (options: ReplayOptions & { readonly wholeBatchesTo?: undefined }): ReplaySource<ReplayRecord>
export function replaySource (options: ReplayOptions): ReplaySource
export function replaySource (options: ReplayOptions): ReplaySource {
  return new Replay(options)
}

interface PlayableTopic {
  readonly topic: TopicSnapshot
  /** Maximum size of a batch that can be copied whole; 0 if no batch can. */
  readonly maxWholeBatchBytes: number
  /** Whether the topic could not be played at first. A wait for unavailable brokers does not count. */
  readonly waited: boolean
}

/** The pass that begins next. */
interface Upcoming {
  /** Records that are due later wait for the pass. */
  readonly tick: number
  /** Resolves with undefined if the source is drained first. */
  readonly begun: Promise<RunningPass | undefined>
  ready: boolean
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
  /** Passes that have begun and have not been reported, by number. */
  readonly #passes = new Map<number, Pass>()
  #begun = 0

  constructor (options: ReplayOptions) {
    this.#options = options
    const { topic, intervalMs, wholeBatchesTo } = options
    const repeated = intervalMs < 0 ? 'once' : `every ${intervalMs / 1000} s`
    this.detail = `${topic}, ${repeated}${wholeBatchesTo === undefined ? '' : ', in whole batches'}`
  }

  get ending (): AbortSignal { return this.#ending.signal }

  get #loops (): boolean { return this.#options.intervalMs >= 0 }

  async * records (context: NodeContext): AsyncIterable<SourceRecord<ReplayItem>> {
    const { drain } = context
    if (drain.aborted) this.#ending.abort()
    else drain.addEventListener('abort', () => { this.#ending.abort() }, { once: true })
    const finishing = new Set<Promise<void>>()
    const finish = (pass: Pass, interrupted?: string): void => {
      const finished = this.#finish(pass, interrupted, context).finally(() => finishing.delete(finished))
      finishing.add(finished)
    }
    let running: RunningPass[] = []
    let upcoming: Upcoming | undefined = this.#upcoming([], context)
    try {
      while (!drain.aborted) {
        const first = earliest(running)
        if (upcoming !== undefined && (first === undefined || upcoming.ready || isDueAfter(first, upcoming.tick))) {
          // The first records of the next pass may be due before the next record of this one.
          await (first === undefined || upcoming.ready ? upcoming.begun : Promise.race([upcoming.begun, untilDue(first, drain)]))
          if (upcoming.ready) {
            const begun = await upcoming.begun
            if (begun === undefined) break
            running.push(begun)
            upcoming = this.#loops ? this.#upcoming(running, context) : undefined
            continue
          }
        }
        if (first === undefined) break
        if (first.next.done === true) {
          running = running.filter(each => each !== first)
          finish(first.pass, first.next.value)
          if (running.length === 0 && upcoming === undefined) break
          continue
        }
        first.pass.emitted(first.next.value.records ?? 1)
        yield first.next.value
        first.next = await first.records.next()
      }
    } finally {
      for (const { records } of running) await records.return(undefined)
    }
    for (const { pass } of running) finish(pass)
    await Promise.all(finishing)
  }

  settled ({ value }: SourceRecord<ReplayItem>, failure?: Error): void {
    this.#passes.get(value.pass)?.settled(value, failure)
  }

  /** Reports the current passes if the graph has ended during a pass. */
  async flush (): Promise<void> {
    for (const pass of this.#passes.values()) this.#report(pass, pass.stoppedEarly)
  }

  /** Begins the next pass at its tick. With `overlaps`, the pass before the last running one must have ended. */
  #upcoming (running: readonly RunningPass[], context: NodeContext): Upcoming {
    const { overlaps = false, intervalMs } = this.#options
    const last = running.at(-1)?.pass
    const blocking = overlaps ? this.#passes.get((last?.number ?? 0) - 1) : last
    const begin = async (): Promise<RunningPass | undefined> => {
      await blocking?.ended.promise
      const tick = last === undefined ? undefined : await this.#waitForTick(last.tick, blocking ?? last, context)
      return this.#begin(tick, context)
    }
    const begun = begin().finally(() => { upcoming.ready = true })
    // The error is thrown where `begun` is awaited.
    begun.catch(() => {})
    const upcoming = { tick: overlaps && last !== undefined ? last.tick + intervalMs : Infinity, begun, ready: false }
    return upcoming
  }

  /** Returns undefined if the source is drained. */
  async #begin (tick: number | undefined, context: NodeContext): Promise<RunningPass | undefined> {
    const { seconds, intervalMs, visitSize } = this.#options
    const { drain } = context
    const found = drain.aborted ? undefined : await this.#waitForTopic(context)
    if (found === undefined) return undefined
    // After a wait for the topic, or an outage of an interval or more, the grid restarts, so that the wait does not count as lateness.
    if (tick === undefined || found.waited || performance.now() - tick >= intervalMs) tick = performance.now()
    const second = await seconds?.next(drain) ?? 0
    if (drain.aborted) return undefined
    const held = recordCount(found.topic)
    const pass = new Pass({ number: ++this.#begun, second, tick, held, expected: visitSize ?? held })
    this.#passes.set(pass.number, pass)
    const records = this.#onePass(found, pass, context)
    return { pass, records, next: await records.next() }
  }

  /** Reports the pass when all its records have settled. */
  async #finish (pass: Pass, interrupted: string | undefined, { abort, drain }: NodeContext): Promise<void> {
    await pass.allSettled(abort)
    this.#report(pass, interrupted ?? (drain.aborted ? pass.stoppedEarly : undefined))
    pass.ended.resolve()
  }

  #report (pass: Pass, interrupted: string | undefined): void {
    if (!this.#passes.delete(pass.number)) return
    this.passes++
    this.#options.onPass(pass.report(this.#options.profile.timed, interrupted))
  }

  /** Emits the records of a pass. Returns why the pass was interrupted, or undefined if all its records were emitted. */
  async * #onePass (
    { topic: snapshot, maxWholeBatchBytes }: PlayableTopic, pass: Pass, context: NodeContext
  ): AsyncGenerator<SourceRecord<ReplayItem>, string | undefined> {
    const { connection, topic, profile, intervalMs, batches } = this.#options
    const { number, started, second, held, expected } = pass
    // If the visit is smaller than the topic, every profile plays the alerts with the lowest time offsets.
    const ordered = profile.ordered || expected < held
    const reader = readTopic({
      connection, topic, snapshot, from: snapshot.start, to: snapshot.end, giveUpAfterMs: outageLimitMs(intervalMs), batches,
      ...(ordered ? { orderBy: timeOffset } : {})
    })
    const { due, earliestFrom } = profile.schedule(number, expected)
    const indexOf = recordIndexer(snapshot)
    const waiting = new DueOrder()
    let read = 0
    try {
      await reader.open?.(context)
      const inBatches = maxWholeBatchBytes > 0 && !ordered && expected === held
      const source = inBatches ? reader.batchesAndRecords(context, maxWholeBatchBytes) : reader.records(context)
      for await (const { value: record, bytes, position, records = 1 } of source) {
        if (record instanceof WholeBatch) {
          read += records
          yield { value: { batch: record, pass: number, dueAt: started }, bytes, position, records }
          continue
        }
        const index = indexOf(record)
        const times = playCount(index, held, expected)
        for (let repeat = 0; repeat < times; repeat++) {
          const dueAt = started + due(record, read++)
          const emitted = { value: { record, pass: number, index: index + repeat * held, second, dueAt }, bytes, position }
          if (earliestFrom === undefined) yield emitted
          else waiting.add(emitted)
        }
        if (earliestFrom !== undefined) yield * waiting.dueBefore(started + earliestFrom(read))
        if (read === expected) break
      }
      if (!context.drain.aborted) yield * waiting.dueBefore(Infinity)
      return undefined
    } catch (error) {
      // A loop continues with the next pass if the topic was recreated.
      if (!this.#loops || !isTopicChanged(error)) throw error
      const { message: reason } = asError(error)
      context.log.warn({ pass: number, pulled: read, reason }, 'the static topic was recreated: ending the pass early')
      return reason
    } finally {
      await reader.close?.()
    }
  }

  /** Resolves with the topic when the topic can be played, or with undefined if the source is drained first. */
  async #waitForTopic ({ log, drain }: NodeContext): Promise<PlayableTopic | undefined> {
    const { connection, topic, intervalMs, wholeBatchesTo } = this.#options
    const admin = new KafkaAdmin(connection)
    let outageSince: number | undefined
    try {
      let waited = false
      while (!drain.aborted) {
        try {
          const snapshot = await playableTopic(admin, connection, this.#options)
          const maxWholeBatchBytes = wholeBatchesTo === undefined ? 0 : await wholeBatchLimit(admin, snapshot, wholeBatchesTo)
          if (this.waitingFor !== undefined) log.info({ topic }, 'the static topic is complete: playing it')
          this.waitingFor = undefined
          this.outage = false
          return { topic: snapshot, maxWholeBatchBytes, waited }
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

  /** Waits for the next tick of the grid. Logs an overrun of the pass if the next tick has already passed. */
  async #waitForTick (tick: number, { alerts, tookMs }: Pass, context: NodeContext): Promise<number> {
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

/** Whether the next record of a pass is due after `time`. */
function isDueAfter ({ next }: RunningPass, time: number): boolean {
  return next.done !== true && next.value.value.dueAt > time
}

async function untilDue ({ next }: RunningPass, signal: AbortSignal): Promise<void> {
  if (next.done !== true) await sleepUntil(next.value.value.dueAt, signal)
}

function seconds (ms: number): number {
  return Math.round(ms) / 1000
}
