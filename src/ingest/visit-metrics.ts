// Computes the metrics of an ingester that depend on single records: the age of each alert when it became durable, and the totals and log
// line of each visit. An observer of the run computes these metrics, so the nodes of the graph do not need to know about visits.
import { formatTimestamp, type KafkaRecord } from '../kafka/record.ts'
import { Histogram, type Logger, type RunObserver, type SourceRecord } from '../pipeline/index.ts'
import type { VisitOutcome } from './open-visit.ts'
import { VisitTracker, type TrackedRecord, type Visit } from './visit-tracker.ts'

export interface VisitMetricsOptions {
  readonly topics: readonly string[]
  /** Gap in milliseconds; see VisitTrackerOptions. */
  readonly gapMs: number
  /** Returns the visit in the alert id of a record, or undefined if there is none. */
  readonly visitOf: (record: KafkaRecord) => number | undefined
  readonly log: Logger
  /** Resolves with the number of unsettled records of all topics, or undefined if the brokers do not respond. */
  readonly lag: () => Promise<number | undefined>
}

/** Totals of one topic's visits, as far as this ingester has archived them. */
export interface TopicVisits {
  readonly topic: string
  readonly visits: number
  readonly overruns: number
  /** The last visit, such as 2026112300123; 0 if it was found by gaps in time. */
  readonly visit: number
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
      const totals = { topic, visits: 0, overruns: 0, visit: 0, alerts: 0, durations: new Histogram(DURATION_BOUNDS) }
      this.#topics.set(topic, { tracker, totals })
    }
    this.observer = {
      pulled: record => {
        const kafka = kafkaRecord(record)
        this.#topics.get(kafka.topic)?.tracker.pulled(this.#tracked(kafka), Date.now())
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
    const kafka = kafkaRecord(record)
    this.#topics.get(kafka.topic)?.tracker.settled(this.#tracked(kafka), outcome, kafka.value?.length ?? 0, now)
  }

  #tracked (record: KafkaRecord): TrackedRecord {
    return { timestamp: Number(record.timestamp), visit: this.#options.visitOf(record) }
  }

  #ended (topic: string, visit: Visit): void {
    const entry = this.#topics.get(topic)!
    const { visits, overruns, durations } = entry.totals
    // A visit with unsettled records is not archived, so neither the number of visits nor the durations include it.
    if (visit.unsettled === 0 && !isDebris(visit)) {
      entry.totals = {
        topic, visits: visits + (visit.part === 1 ? 1 : 0), overruns: overruns + (visit.overrunMs > 0 ? 1 : 0), visit: visit.visit ?? 0,
        alerts: visit.totalAlerts, durations
      }
      durations.observe(durationOf(visit))
    }
    const logging = this.#log(topic, visit).finally(() => { this.#logging.delete(logging) })
    this.#logging.add(logging)
  }

  async #log (topic: string, ended: Visit): Promise<void> {
    const { visit, part, alerts, written, identical, deadLettered, bytes, unsettled, overrunMs } = ended
    const fields = {
      topic, ...visit === undefined ? {} : { visit }, ...part > 1 ? { part } : {}, began: formatTimestamp(ended.first), alerts, written,
      identical, deadLetters: deadLettered, bytes, seconds: durationOf(ended), maxAgeSeconds: seconds(ended.maxAgeMs),
      lag: await this.#options.lag(), ...overrunMs > 0 ? { overrunSeconds: seconds(overrunMs) } : {}, ...unsettled > 0 ? { unsettled } : {}
    }
    this.#options.log[overrunMs > 0 || deadLettered > 0 || unsettled > 0 ? 'warn' : 'info'](fields, messageOf(ended))
  }
}

/** Whether the records have no visit and are all dead letters, such as records that are not alerts. They do not count as a visit. */
function isDebris ({ visit, alerts, deadLettered }: Visit): boolean {
  return visit === undefined && alerts > 0 && deadLettered === alerts
}

function messageOf (visit: Visit): string {
  if (visit.unsettled > 0) return 'visit not fully archived'
  return isDebris(visit) ? 'dead letters without a visit' : 'visit archived'
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
