// What is kept of an ingester's alerts beyond each node's counts: how old they are when they are durable, and one summary for each visit.
// It hears of every record from the runner; the graph's parts know nothing of it.
import type { KafkaRecord } from '../kafka/record.ts'
import { Histogram, type Logger, type RunObserver, type SourceRecord } from '../pipeline/index.ts'
import { VisitTracker, type Visit, type VisitOutcome } from './visit-tracker.ts'

export interface WatchOptions {
  readonly topics: readonly string[]
  /** See VisitTracker. */
  readonly gapMs: number
  readonly log: Logger
  /** Records that are not settled, for the summary; undefined where nobody can tell. */
  readonly lag: () => Promise<number | undefined>
}

/** Of the visits of one topic. */
export interface VisitStats {
  readonly topic: string
  readonly visits: number
  readonly overruns: number
  /** Records of the last one. */
  readonly alerts: number
  /** Of seconds. */
  readonly durations: Histogram
}

const AGES = [1, 2, 5, 10, 15, 20, 30, 37, 45, 60, 90, 120, 300, 600, 1800, 3600]
const DURATIONS = [1, 2, 5, 10, 15, 20, 30, 37, 45, 60, 90, 120, 300, 600]
const TICK_MS = 1000

export class IngestWatch {
  /** Of seconds, from an alert's Kafka timestamp until it was durable in the store. */
  readonly ages = new Histogram(AGES)
  readonly observer: RunObserver
  readonly #options: WatchOptions
  readonly #topics = new Map<string, { readonly tracker: VisitTracker, figures: VisitStats }>()
  readonly #timer: NodeJS.Timeout
  readonly #telling = new Set<Promise<void>>()

  constructor (options: WatchOptions) {
    this.#options = options
    for (const topic of options.topics) {
      const tracker = new VisitTracker({ gapMs: options.gapMs, onVisit: visit => { this.#over(topic, visit) } })
      this.#topics.set(topic, { tracker, figures: { topic, visits: 0, overruns: 0, alerts: 0, durations: new Histogram(DURATIONS) } })
    }
    this.observer = {
      pulled: record => {
        const { topic, timestamp } = kafkaRecord(record)
        this.#topics.get(topic)?.tracker.pulled(Number(timestamp), Date.now())
      },
      wrote: (record, _node, result) => {
        const now = Date.now()
        // Clocks of producers may be ahead of ours.
        this.ages.observe(Math.max(0, now - Number(kafkaRecord(record).timestamp)) / 1000)
        this.#settled(record, result === 'written' ? 'written' : 'identical', now)
      },
      deadLettered: record => { this.#settled(record, 'dead', Date.now()) }
    }
    this.#timer = setInterval(() => { for (const { tracker } of this.#topics.values()) tracker.tick(Date.now()) }, TICK_MS).unref()
  }

  get visits (): VisitStats[] {
    return [...this.#topics.values()].map(({ figures }) => figures)
  }

  /** Tells the visits that have not been told. Resolves when all is logged. */
  async close (): Promise<void> {
    clearInterval(this.#timer)
    for (const { tracker } of this.#topics.values()) tracker.finish()
    await Promise.all(this.#telling)
  }

  #settled (record: SourceRecord<unknown>, outcome: VisitOutcome, now: number): void {
    const { topic, timestamp, value } = kafkaRecord(record)
    this.#topics.get(topic)?.tracker.settled(Number(timestamp), outcome, value?.length ?? 0, now)
  }

  #over (topic: string, visit: Visit): void {
    const of = this.#topics.get(topic)!
    const { visits, overruns, durations } = of.figures
    // One that is not durable as a whole has no duration, and is no visit that is done with.
    if (visit.unsettled === 0) {
      of.figures = { topic, visits: visits + 1, overruns: overruns + (visit.overrunMs > 0 ? 1 : 0), alerts: visit.alerts, durations }
      durations.observe(durationOf(visit))
    }
    const telling = this.#tell(topic, visit).finally(() => { this.#telling.delete(telling) })
    this.#telling.add(telling)
  }

  async #tell (topic: string, visit: Visit): Promise<void> {
    const { alerts, written, identical, dead, bytes, unsettled, overrunMs } = visit
    const fields = {
      topic, began: isoTime(visit.first), alerts, written, identical, deadLetters: dead, bytes,
      seconds: durationOf(visit), maxAgeSeconds: seconds(visit.maxAgeMs), lag: await this.#options.lag(),
      ...overrunMs > 0 ? { overrunSeconds: seconds(overrunMs) } : {}, ...unsettled > 0 ? { unsettled } : {}
    }
    const message = unsettled > 0 ? 'a visit is not archived yet' : 'visit archived'
    this.#options.log[overrunMs > 0 || dead > 0 || unsettled > 0 ? 'warn' : 'info'](fields, message)
  }
}

// The source of an ingester gives nothing else.
function kafkaRecord ({ value }: SourceRecord<unknown>): KafkaRecord {
  return value as KafkaRecord
}

function durationOf ({ first, durableAt }: Visit): number {
  return seconds(Math.max(0, durableAt - first))
}

function seconds (ms: number): number {
  return Math.round(ms) / 1000
}

/** A producer may write any number for a time. */
function isoTime (ms: number): string {
  const date = new Date(ms)
  return Number.isNaN(date.getTime()) ? `${ms} ms` : date.toISOString()
}
