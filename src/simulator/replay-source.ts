// The static topic, played again and again: one pass every interval, on a grid of ticks that does not drift. A pass begins only when the topic
// is whole, reads it by its topic id (so that a recreated topic is never mixed in), and ends when all its records have settled.
// Emits: each record of the topic once per pass, as the profile says; for a visit of another size the first of them, or each of them several times
// in a row. Backpressures: by credits. Completes: after the one pass of once-only mode; else only by drain. A topic that is missing, incomplete,
// too small or recreated is waited for in loop mode, an error in once-only mode.
import { KafkaAdmin, type TopicSnapshot } from '../kafka/admin.ts'
import type { KafkaConnection } from '../kafka/connection.ts'
import { recordBytes, type KafkaRecord } from '../kafka/record.ts'
import { AlertStreamError, defineErrors, type NodeContext, type Source, type SourceRecord } from '../pipeline/index.ts'
import { readTopic } from '../sources/kafka-topic.ts'
import { copies, places } from './replay-order.ts'
import { timeOffset, type Profile } from './profiles.ts'
import { countOf, topicChanged, wholeTopic } from './static-topic.ts'
import { nextTick, sleepUntil, type PassSeconds } from './ticks.ts'

export const replayErrors = defineErrors({
  STATIC_TOPIC_INCOMPLETE: { hint: 'Load it with create-stream --create-topic, or wait for the load that is under way; with a --repeat-interval play-stream waits for it.' },
  STATIC_TOPIC_SMALL: { hint: 'Give --fresh-ids, so that alerts may be played more than once, or a smaller --visit-size.' }
})

/** One record and when it is due. */
export interface ReplayRecord {
  readonly record: KafkaRecord
  readonly pass: number
  /** The same alert of the topic has the same number in every pass: its place in the topic, partition after partition, plus the topic's size for each copy. */
  readonly place: number
  /** Seconds since 1970: the pass's own, where `seconds` is given; else 0. */
  readonly second: number
  /** By `performance.now()`. */
  readonly dueAt: number
}

export interface PassReport {
  readonly pass: number
  /** Alerts that were published; all of the visit unless it was interrupted. */
  readonly alerts: number
  /** Key, value and header bytes, as they are in the static topic. */
  readonly bytes: number
  readonly seconds: number
  /** How long after it was due the latest alert was acknowledged; undefined where none is due at a time of its own. */
  readonly lateSeconds: number | undefined
  /** Why it ended early: the topic was recreated in the midst of it, or the graph stopped. */
  readonly interrupted: string | undefined
}

export interface ReplayOptions {
  readonly connection: KafkaConnection
  readonly topic: string
  /** Milliseconds from the beginning of one pass to that of the next; negative: one pass only. */
  readonly intervalMs: number
  /** Take a topic without the mark of a finished load for whole (one that another program loaded). */
  readonly acceptUnmarked: boolean
  readonly profile: Profile
  /** Alerts of one pass; default: what the topic holds. */
  readonly visitSize?: number | undefined
  /** Whether a visit may be larger than the topic. */
  readonly repeats?: boolean | undefined
  /** Gives each pass a second of its own: it begins when that has come. */
  readonly seconds?: PassSeconds | undefined
  readonly onPass: (report: PassReport) => void
}

export interface ReplaySource extends Source<ReplayRecord> {
  readonly passes: number
  /** Why the next pass cannot begin yet, or undefined. */
  readonly waitingFor: string | undefined
  /** Whether that is for the brokers to answer, and no matter of the topic. */
  readonly outage: boolean
  /** How late passes have begun so far, added up, and the ticks that none began at. */
  readonly overruns: { readonly lateMs: number, readonly leftOut: number }
  /** Aborted when the graph drains or fails: what is in hand need not wait until it is due. */
  readonly ending: AbortSignal
}

const POLL_MS = 1000
/** How long an outage may last between passes; within one, the reader has the same patience. */
const GIVE_UP_MS = 120_000

/** Errors: STATIC_TOPIC_INCOMPLETE, STATIC_TOPIC_SMALL (once-only mode), and those of reaching Kafka. */
export function replaySource (options: ReplayOptions): ReplaySource {
  return new Replay(options)
}

interface Pass {
  readonly number: number
  readonly started: number
  readonly second: number
  /** Records of the topic. */
  readonly held: number
  /** Alerts of the visit. */
  readonly expected: number
  lateMs: number
  pulled: number
  /** Settled without failure: published. */
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
  readonly overruns = { lateMs: 0, leftOut: 0 }
  readonly #options: ReplayOptions
  readonly #ending = new AbortController()
  /** The one that is under way; undefined when it has been reported. */
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
      const found = await this.#whole(context)
      if (found === undefined) return
      // The time of a wait is no pass's fault: the grid begins anew.
      if (tick === undefined || found.waited) tick = performance.now()
      const second = await this.#options.seconds?.next(drain) ?? 0
      if (drain.aborted) return
      const pass = this.#pass = this.#begin(found.topic, second)
      const interrupted = yield * this.#onePass(found.topic, pass, context)
      await this.#allSettled(pass, context)
      const took = performance.now() - pass.started
      this.#report(pass, interrupted ?? (drain.aborted ? stoppedShort(pass) : undefined))
      if (!this.#loops) return
      tick = await this.#nextPass(tick, pass, took, context)
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

  /** A pass that was cut short by the graph's end is reported too, now that all its records have settled. */
  async flush (): Promise<void> {
    if (this.#pass !== undefined) this.#report(this.#pass, stoppedShort(this.#pass))
  }

  #begin (topic: TopicSnapshot, second: number): Pass {
    const held = countOf(topic)
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

  async * #onePass (whole: TopicSnapshot, pass: Pass, context: NodeContext): AsyncGenerator<SourceRecord<ReplayRecord>, string | undefined> {
    const { connection, topic, profile } = this.#options
    const { number, started, second, held, expected } = pass
    // Which alerts are the first is decided by their order in time.
    const ordered = profile.ordered || expected < held
    const reader = readTopic({ connection, topic, topicId: whole.id, from: whole.start, to: whole.end, ...(ordered ? { orderBy: timeOffset } : {}) })
    const due = profile.schedule(number, expected)
    const placeOf = places(whole)
    try {
      await reader.open?.(context)
      for await (const { value: record, bytes, position } of reader.records(context)) {
        const place = placeOf(record)
        const times = copies(place, held, expected)
        for (let copy = 0; copy < times; copy++) {
          const dueAt = started + due(record, pass.pulled)
          pass.pulled++
          pass.open++
          yield { value: { record, pass: number, place: place + copy * held, second, dueAt }, bytes, position }
        }
        if (pass.pulled === expected) break
      }
      return undefined
    } catch (error) {
      // In loop mode the next pass begins when the topic is whole again, or can be asked for: brokers may go just as it begins.
      const gone = error instanceof AlertStreamError && error.retryable && pass.pulled === 0
      if (!this.#loops || !(gone || topicChanged(error))) throw error
      const what = gone ? 'the pass ends before it began: the static topic is out of reach' : 'the pass ends early: the static topic is no longer what it was'
      context.log.warn({ pass: pass.number, pulled: pass.pulled, reason: error.message }, what)
      return error.message
    } finally {
      await reader.close?.()
    }
  }

  async #allSettled (pass: Pass, context: NodeContext): Promise<void> {
    if (pass.open === 0) return
    pass.settled = Promise.withResolvers()
    const give = (): void => pass.settled?.resolve()
    context.abort.addEventListener('abort', give, { once: true })
    await pass.settled.promise
    context.abort.removeEventListener('abort', give)
  }

  /** The topic as it is, once it is whole; undefined when drained before. */
  async #whole (context: NodeContext): Promise<{ readonly topic: TopicSnapshot, readonly waited: boolean } | undefined> {
    const { connection, topic } = this.#options
    const admin = new KafkaAdmin(connection)
    let outage: number | undefined
    try {
      for (let waited = false; !context.drain.aborted; waited = true) {
        let found: TopicSnapshot | string
        try {
          found = await wholeTopic(admin, connection, topic, this.#options.acceptUnmarked)
          outage = undefined
          this.outage = false
        } catch (error) {
          outage ??= performance.now()
          const patient = this.#loops && error instanceof AlertStreamError && error.retryable && performance.now() - outage < GIVE_UP_MS
          if (!patient) throw error
          found = error.message
          this.outage = true
        }
        const small = typeof found === 'string' ? undefined : this.#tooSmall(found)
        if (typeof found !== 'string' && small === undefined) {
          if (waited) context.log.info({ topic }, 'the static topic is whole: playing it')
          this.waitingFor = undefined
          return { topic: found, waited }
        }
        const reason = small ?? found as string
        const fail = replayErrors[small === undefined ? 'STATIC_TOPIC_INCOMPLETE' : 'STATIC_TOPIC_SMALL']
        if (!this.#loops) throw fail(`the static topic cannot be played: ${reason}`, { where: `${topic} at ${connection.brokers}` })
        if (this.waitingFor !== reason) context.log.warn({ topic, reason }, 'waiting for the static topic')
        this.waitingFor = reason
        await sleepUntil(performance.now() + POLL_MS, context.drain)
      }
      return undefined
    } finally {
      await admin.close()
    }
  }

  #tooSmall (topic: TopicSnapshot): string | undefined {
    const { visitSize = 0, repeats } = this.#options
    const held = countOf(topic)
    return visitSize > held && repeats !== true ? `it holds ${held} alerts, a visit is to have ${visitSize}` : undefined
  }

  /** Waits for the next tick of the grid; where it is over already, says so with figures. */
  async #nextPass (tick: number, { alerts }: Pass, tookMs: number, context: NodeContext): Promise<number> {
    const { intervalMs } = this.#options
    const next = nextTick(tick, intervalMs, performance.now())
    if (next.lateMs > 0) {
      this.overruns.lateMs += next.lateMs
      this.overruns.leftOut += next.leftOut
      context.log.warn({ alerts, tookSeconds: seconds(tookMs), intervalSeconds: seconds(intervalMs), lateSeconds: seconds(next.lateMs), ticksLeftOut: next.leftOut },
        'cannot keep up: the pass took longer than the repeat interval')
    }
    await sleepUntil(next.tick, context.drain)
    return next.tick
  }
}

function stoppedShort ({ alerts, expected, failed }: Pass): string | undefined {
  if (failed) return 'failed'
  return alerts < expected ? 'stopped' : undefined
}

function seconds (ms: number): number {
  return Math.round(ms) / 1000
}
