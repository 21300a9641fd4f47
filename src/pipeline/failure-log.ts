// Logs failed records of a run without flooding the log. During an outage a node logs the first failed attempt, then one line per interval
// with a count, then its recovery. For each node and error code, a limited number of dead letters per interval is logged individually.
import { errorCode } from './errors.ts'
import type { Logger } from './log.ts'

/** Interval of the log lines about one outage, and of the counts of dead letters, in milliseconds. */
const INTERVAL_MS = 30_000
/** Maximum number of dead letters with the same node and code that are logged individually in one interval. */
const INDIVIDUAL_LINES = 10

/** Returns log fields that identify the record. Called only if a log line is written. */
export type RecordFields = () => object

interface Outage {
  /** Failed attempts since the outage began. */
  attempts: number
  /** Failed attempts since the last log line. */
  unlogged: number
  readonly since: number
  /** Whether the recovery has been logged. */
  recovered: boolean
  lastError: Error
  readonly timer: NodeJS.Timeout
}

/** Dead letters with the same node and code, in the current interval. */
interface DeadLetterBurst {
  readonly node: string
  readonly code: string
  logged: number
  unlogged: number
  readonly timer: NodeJS.Timeout
}

export class FailureLog {
  readonly #log: Logger
  readonly #outages = new Map<string, Outage>()
  readonly #bursts = new Map<string, DeadLetterBurst>()
  /** Number of records being retried, by node. */
  readonly #retrying = new Map<string, number>()

  constructor (log: Logger) {
    this.#log = log
  }

  retryBegins (node: string): void {
    this.#countRetrying(node, 1)
  }

  /** Called when an attempt has failed and another attempt follows. */
  attemptFailed (node: string, error: Error, fields: RecordFields): void {
    const outage = this.#outages.get(node)
    if (outage !== undefined) {
      outage.attempts++
      outage.unlogged++
      outage.lastError = error
      return
    }
    this.#log.warn({ node, ...fields(), ...errorFields(error) }, 'attempt failed; retrying')
    this.#outages.set(node, {
      attempts: 1, unlogged: 0, since: performance.now(), recovered: false, lastError: error,
      timer: setInterval(() => { this.#outageInterval(node) }, INTERVAL_MS).unref()
    })
  }

  retryEnds (node: string, succeeded: boolean): void {
    this.#countRetrying(node, -1)
    const outage = this.#outages.get(node)
    // A recovery is logged at most once per interval. Otherwise, a server that fails intermittently would cause two lines per failure.
    if (outage === undefined || !succeeded || outage.recovered || this.#retrying.has(node)) return
    outage.recovered = true
    outage.unlogged = 0
    this.#log.info({ node, tries: outage.attempts, seconds: secondsSince(outage.since) }, 'recovered')
  }

  deadLettered (node: string, error: Error, fields: RecordFields): void {
    const code = errorCode(error)
    const key = `${node} ${code}`
    let burst = this.#bursts.get(key)
    if (burst === undefined) {
      burst = { node, code, logged: 0, unlogged: 0, timer: setTimeout(() => { this.#endBurst(key) }, INTERVAL_MS).unref() }
      this.#bursts.set(key, burst)
    }
    if (burst.logged < INDIVIDUAL_LINES) {
      burst.logged++
      this.#log.warn({ node, ...fields(), ...errorFields(error) }, 'record dead-lettered')
    } else {
      burst.unlogged++
    }
  }

  /** Logs the counts that have not been logged yet, and stops the timers. */
  close (): void {
    for (const [node, outage] of this.#outages) {
      clearInterval(outage.timer)
      if (outage.unlogged > 0) this.#logOutage(node, outage)
    }
    this.#outages.clear()
    for (const key of this.#bursts.keys()) this.#endBurst(key)
  }

  #countRetrying (node: string, change: 1 | -1): void {
    const count = (this.#retrying.get(node) ?? 0) + change
    if (count === 0) this.#retrying.delete(node)
    else this.#retrying.set(node, count)
  }

  #outageInterval (node: string): void {
    const outage = this.#outages.get(node)
    if (outage === undefined) return
    if (outage.unlogged > 0) {
      this.#logOutage(node, outage)
    } else if (!this.#retrying.has(node)) {
      clearInterval(outage.timer)
      this.#outages.delete(node)
    }
  }

  #logOutage (node: string, outage: Outage): void {
    const waiting = this.#retrying.get(node) ?? 0
    this.#log.warn({ node, tries: outage.unlogged, waiting, seconds: secondsSince(outage.since), ...errorFields(outage.lastError) },
      waiting > 0 ? 'more attempts failed; retrying' : 'more attempts failed, then succeeded')
    outage.unlogged = 0
    // If records are still being retried, their recovery is logged later.
    outage.recovered = waiting === 0
  }

  #endBurst (key: string): void {
    const burst = this.#bursts.get(key)
    if (burst === undefined) return
    clearTimeout(burst.timer)
    this.#bursts.delete(key)
    const { node, code, unlogged } = burst
    if (unlogged > 0) this.#log.warn({ node, code, records: unlogged }, 'more records dead-lettered')
  }
}

function errorFields (error: Error): object {
  return { code: errorCode(error), error: error.message }
}

function secondsSince (start: number): number {
  return Math.round(performance.now() - start) / 1000
}
