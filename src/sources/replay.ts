// The static topic, played again and again: one pass every interval, on a grid of ticks that does not drift. A pass begins only when the topic
// is whole, reads it by its topic id (so that a recreated topic is never mixed in), and ends when all its records have settled.
// Emits: each record of the topic once per pass, in order of time offsets. Backpressures: by credits. Completes: after the one pass of
// once-only mode; else only by drain. A topic that is missing, incomplete or recreated is waited for in loop mode, an error in once-only mode.
import { setTimeout as sleep } from 'node:timers/promises'
import { KafkaAdmin, type TopicSnapshot } from '../kafka/admin.ts'
import type { KafkaConnection } from '../kafka/connection.ts'
import { headerText, recordBytes, type KafkaRecord } from '../kafka/record.ts'
import { defineErrors, type NodeContext, type Source, type SourceRecord } from '../pipeline/index.ts'
import { readTopic } from './kafka-topic.ts'
import { topicChanged, wholeTopic } from './static-topic.ts'

export const replayErrors = defineErrors({
  STATIC_TOPIC_INCOMPLETE: { hint: 'Load it with create-stream --create-topic, or wait for the load that is under way; with a --repeat-interval play-stream waits for it.' }
})

/** One record and when it is due. */
export interface ReplayRecord {
  readonly record: KafkaRecord
  readonly pass: number
  /** Milliseconds since 1970. */
  readonly dueAt: number
}

export interface PassReport {
  readonly pass: number
  /** Alerts that were published; all of the topic unless it was interrupted. */
  readonly alerts: number
  /** Key, value and header bytes. */
  readonly bytes: number
  readonly seconds: number
  /** Why it ended early: the topic was recreated in the midst of it. */
  readonly interrupted: string | undefined
}

export interface ReplayOptions {
  readonly connection: KafkaConnection
  readonly topic: string
  /** Milliseconds from the beginning of one pass to that of the next; negative: one pass only. */
  readonly intervalMs: number
  /** Take a topic without the mark of a finished load for whole (one that another program loaded). */
  readonly acceptUnmarked: boolean
  /** Send as fast as possible instead of by time offsets. */
  readonly burst: boolean
  readonly onPass: (report: PassReport) => void
}

export interface ReplaySource extends Source<ReplayRecord> {
  readonly passes: number
  /** Why the next pass cannot begin yet, or undefined. */
  readonly waitingFor: string | undefined
}

const POLL_MS = 1000

/** Seconds since the first alert of the load, from the header; 0 where there is none. */
export function timeOffset (record: KafkaRecord): number {
  const seconds = Number(headerText(record, 'alertsim-time-offset') ?? 0)
  return Number.isFinite(seconds) ? seconds : 0
}

/** Errors: STATIC_TOPIC_INCOMPLETE (once-only mode), and those of reaching Kafka. */
export function replaySource (options: ReplayOptions): ReplaySource {
  return new Replay(options)
}

interface Pass {
  alerts: number
  bytes: number
  open: number
  settled: PromiseWithResolvers<void> | undefined
}

class Replay implements ReplaySource {
  readonly kind = 'kafka topic, repeated'
  readonly detail: string
  passes = 0
  waitingFor: string | undefined
  readonly #options: ReplayOptions
  #pass: Pass = { alerts: 0, bytes: 0, open: 0, settled: undefined }

  constructor (options: ReplayOptions) {
    this.#options = options
    this.detail = `${options.topic}, ${options.intervalMs < 0 ? 'once' : `every ${options.intervalMs / 1000} s`}`
  }

  get #loops (): boolean { return this.#options.intervalMs >= 0 }

  async * records (context: NodeContext): AsyncIterable<SourceRecord<ReplayRecord>> {
    let tick = Date.now()
    while (!context.drain.aborted) {
      const whole = await this.#whole(context)
      if (whole === undefined) return
      const started = performance.now()
      this.#pass = { alerts: 0, bytes: 0, open: 0, settled: undefined }
      const interrupted = yield * this.#onePass(whole, context)
      await this.#allSettled(context)
      const { alerts, bytes } = this.#pass
      this.passes++
      this.#options.onPass({ pass: this.passes, alerts, bytes, seconds: (performance.now() - started) / 1000, interrupted })
      if (!this.#loops) return
      tick = await this.#nextTick(tick, (performance.now() - started) / 1000, alerts, context)
    }
  }

  settled (): void {
    const pass = this.#pass
    if (--pass.open === 0) pass.settled?.resolve()
  }

  async * #onePass (whole: TopicSnapshot, context: NodeContext): AsyncGenerator<SourceRecord<ReplayRecord>, string | undefined> {
    const { connection, topic, burst } = this.#options
    const start = Date.now()
    const pass = this.passes + 1
    const reader = readTopic({ connection, topic, topicId: whole.id, from: whole.start, to: whole.end, ...(burst ? {} : { orderBy: timeOffset }) })
    try {
      await reader.open?.(context)
      for await (const { value: record, bytes, position } of reader.records(context)) {
        this.#pass.alerts++
        this.#pass.bytes += recordBytes(record)
        this.#pass.open++
        yield { value: { record, pass, dueAt: burst ? start : start + timeOffset(record) * 1000 }, bytes, position }
      }
      return context.drain.aborted ? 'stopped' : undefined
    } catch (error) {
      // In loop mode the next pass begins when the topic is whole again.
      if (!this.#loops || !topicChanged(error)) throw error
      context.log.warn({ pass, published: this.#pass.alerts, reason: error.message }, 'the pass ends early: the static topic is no longer what it was')
      return error.message
    } finally {
      await reader.close?.()
    }
  }

  async #allSettled (context: NodeContext): Promise<void> {
    const pass = this.#pass
    if (pass.open === 0) return
    pass.settled = Promise.withResolvers()
    const give = (): void => pass.settled?.resolve()
    context.abort.addEventListener('abort', give, { once: true })
    await pass.settled.promise
    context.abort.removeEventListener('abort', give)
  }

  /** The topic as it is, once it is whole; undefined when drained before. */
  async #whole (context: NodeContext): Promise<TopicSnapshot | undefined> {
    const { connection, topic, acceptUnmarked } = this.#options
    const admin = new KafkaAdmin(connection)
    try {
      while (!context.drain.aborted) {
        const found = await wholeTopic(admin, connection, topic, acceptUnmarked)
        if (typeof found !== 'string') {
          if (this.waitingFor !== undefined) context.log.info({ topic }, 'the static topic is whole: playing it')
          this.waitingFor = undefined
          return found
        }
        if (!this.#loops) throw replayErrors.STATIC_TOPIC_INCOMPLETE(`the static topic cannot be played: ${found}`, { where: `${topic} at ${connection.brokers}` })
        if (this.waitingFor !== found) context.log.warn({ topic, reason: found }, 'waiting for the static topic')
        this.waitingFor = found
        await pause(POLL_MS, context.drain)
      }
      return undefined
    } finally {
      await admin.close()
    }
  }

  /** Waits for the next tick of the grid. Late: begins at once, says so with figures, and leaves out ticks that are wholly over. */
  async #nextTick (tick: number, tookSeconds: number, alerts: number, context: NodeContext): Promise<number> {
    const { intervalMs } = this.#options
    let next = tick + intervalMs
    const now = Date.now()
    if (now <= next) {
      await pause(next - now, context.drain)
      return next
    }
    const missed = intervalMs === 0 ? 0 : Math.floor((now - next) / intervalMs)
    next += missed * intervalMs
    if (intervalMs > 0) {
      context.log.warn({ alerts, tookSeconds: round(tookSeconds), intervalSeconds: intervalMs / 1000, lateSeconds: round((now - next) / 1000), ticksLeftOut: missed },
        'cannot keep up: the pass took longer than the repeat interval')
    }
    return next
  }
}

function round (value: number): number {
  return Math.round(value * 1000) / 1000
}

/** Sleeps until the time is over or the graph drains. */
async function pause (ms: number, drain: AbortSignal): Promise<void> {
  try {
    await sleep(Math.max(0, ms), undefined, { signal: drain })
  } catch (error) {
    if (!drain.aborted) throw error
  }
}
