// Computes the metrics of an ingester that depend on single records: the age of each alert when it became durable, and the totals and log
// line of each visit. An observer of the run computes these metrics, so the nodes of the graph do not need to know about visits.
import { formatTimestamp, type KafkaRecord } from '../kafka/record.ts'
import { Histogram, type Logger, type RunObserver, type SourceRecord } from '../pipeline/index.ts'
import { VisitTracker, type Visit, type VisitOutcome } from './visit-tracker.ts'

export interface VisitMetricsOptions {
  readonly topics: readonly string[]
  /** Gap between two visits in milliseconds; see VisitTrackerOptions. */
  readonly gapMs: number
  readonly log: Logger
  /** Resolves with the number of unsettled records of all topics, or undefined if the brokers do not respond. */
  readonly lag: () => Promise<number | undefined>
}

/** Totals of one topic's visits. */
export interface TopicVisits {
  readonly topic: string
  readonly visits: number
  readonly overruns: number
  /** Number of records in the last visit. */
  readonly alerts: number
  /** Durations of the visits in seconds. */
  readonly durations: Histogram
}

const AGE_BOUNDS = [1, 2, 5, 10, 15, 20, 30, 37, 45, 60, 90, 120, 300, 600, 1800, 3600]
const DURATION_BOUNDS = [1, 2, 5, 10, 15, 20, 30, 37, 45, 60, 90, 120, 300, 600]
const TICK_MS = 1000

export class VisitMetrics {
  /** Seconds from an alert's Kafka timestamp until it was durable in the store. */
  readonly ages = new Histogram(AGE_BOUNDS)
  readonly observer: RunObserver
  readonly #options: VisitMetricsOptions
  readonly #topics = new Map<string, { readonly tracker: VisitTracker, totals: TopicVisits }>()
  readonly #timer: NodeJS.Timeout
  readonly #logging = new Set<Promise<void>>()

  constructor (options: VisitMetricsOptions) {
    this.#options = options
    for (const topic of options.topics) {
      const tracker = new VisitTracker({ gapMs: options.gapMs, onVisit: visit => { this.#ended(topic, visit) } })
      this.#topics.set(topic, { tracker, totals: { topic, visits: 0, overruns: 0, alerts: 0, durations: new Histogram(DURATION_BOUNDS) } })
    }
    this.observer = {
      pulled: record => {
        const { topic, timestamp } = kafkaRecord(record)
        this.#topics.get(topic)?.tracker.pulled(Number(timestamp), Date.now())
      },
      wrote: (record, _node, result) => {
        const now = Date.now()
        // If the producer's clock is ahead of the ingester's clock, the difference is negative; the age then counts as 0.
        this.ages.observe(Math.max(0, now - Number(kafkaRecord(record).timestamp)) / 1000)
        this.#settled(record, result === 'written' ? 'written' : 'identical', now)
      },
      deadLettered: record => { this.#settled(record, 'deadLettered', Date.now()) }
    }
    this.#timer = setInterval(() => { for (const { tracker } of this.#topics.values()) tracker.tick(Date.now()) }, TICK_MS).unref()
  }

  get topics (): TopicVisits[] {
    return [...this.#topics.values()].map(({ totals }) => totals)
  }

  /** Ends all open visits. Resolves when the log lines of all visits are written. */
  async close (): Promise<void> {
    clearInterval(this.#timer)
    for (const { tracker } of this.#topics.values()) tracker.finish()
    await Promise.all(this.#logging)
  }

  #settled (record: SourceRecord<unknown>, outcome: VisitOutcome, now: number): void {
    const { topic, timestamp, value } = kafkaRecord(record)
    this.#topics.get(topic)?.tracker.settled(Number(timestamp), outcome, value?.length ?? 0, now)
  }

  #ended (topic: string, visit: Visit): void {
    const entry = this.#topics.get(topic)!
    const { visits, overruns, durations } = entry.totals
    // A visit with unsettled records is not archived, so neither the number of visits nor the durations include it.
    if (visit.unsettled === 0) {
      entry.totals = { topic, visits: visits + 1, overruns: overruns + (visit.overrunMs > 0 ? 1 : 0), alerts: visit.alerts, durations }
      durations.observe(durationOf(visit))
    }
    const logging = this.#log(topic, visit).finally(() => { this.#logging.delete(logging) })
    this.#logging.add(logging)
  }

  async #log (topic: string, visit: Visit): Promise<void> {
    const { alerts, written, identical, deadLettered, bytes, unsettled, overrunMs } = visit
    const fields = {
      topic, began: formatTimestamp(visit.first), alerts, written, identical, deadLetters: deadLettered, bytes,
      seconds: durationOf(visit), maxAgeSeconds: seconds(visit.maxAgeMs), lag: await this.#options.lag(),
      ...overrunMs > 0 ? { overrunSeconds: seconds(overrunMs) } : {}, ...unsettled > 0 ? { unsettled } : {}
    }
    const message = unsettled > 0 ? 'visit not fully archived' : 'visit archived'
    this.#options.log[overrunMs > 0 || deadLettered > 0 || unsettled > 0 ? 'warn' : 'info'](fields, message)
  }
}

// The cast is safe, because the only source of an ingester emits Kafka records.
function kafkaRecord ({ value }: SourceRecord<unknown>): KafkaRecord {
  return value as KafkaRecord
}

function durationOf ({ first, durableAt }: Visit): number {
  return seconds(Math.max(0, durableAt - first))
}

function seconds (ms: number): number {
  return Math.round(ms) / 1000
}
