// What a run logs of records that fail, so that an outage or a flood of bad records fills no disk. While a server is away, a node says so
// once, then every so often with a count, and at the end that it answers again. Dead letters are told one by one, the first few of a kind
// (node and code) in each period; the rest of the period is counted. Nothing is left out of the counts.
import { AlertStreamError } from './errors.ts'
import type { Logger } from './log.ts'

export interface TroublesOptions {
  /** Milliseconds from one line about the same trouble to the next, default 30,000. */
  readonly everyMs?: number | undefined
  /** Dead letters of one kind that are told one by one in a period, default 10. */
  readonly letters?: number | undefined
}

/** Fields that say which record it is; asked for only when a line is written. */
export type Facts = () => object

interface Outage {
  /** Tries that failed since it began, and those of them that no line has told. */
  tries: number
  untold: number
  readonly since: number
  /** Whether "answers again" was said of it. */
  over: boolean
  last: Error
  readonly timer: NodeJS.Timeout
}

interface Flood {
  told: number
  untold: number
  readonly timer: NodeJS.Timeout
}

export class Troubles {
  readonly #log: Logger
  readonly #everyMs: number
  readonly #letters: number
  readonly #outages = new Map<string, Outage>()
  readonly #floods = new Map<string, Flood>()
  /** Records of each node that are between two tries. */
  readonly #waiting = new Map<string, number>()

  constructor (log: Logger, options: TroublesOptions = {}) {
    this.#log = log
    this.#everyMs = options.everyMs ?? 30_000
    this.#letters = options.letters ?? 10
  }

  /** A record of the node will be tried again. */
  begins (node: string): void {
    this.#wait(node, 1)
  }

  /** A try failed, and another follows. */
  failed (node: string, error: Error, facts: Facts): void {
    const known = this.#outages.get(node)
    if (known !== undefined) {
      known.tries++
      known.untold++
      known.last = error
      return
    }
    this.#log.warn({ node, ...facts(), ...reasonOf(error) }, 'a try failed; trying again')
    this.#outages.set(node, {
      tries: 1, untold: 0, since: performance.now(), over: false, last: error,
      timer: setInterval(() => { this.#period(node) }, this.#everyMs).unref()
    })
  }

  /** The record is tried no more: it came through, or it did not. */
  ends (node: string, through: boolean): void {
    this.#wait(node, -1)
    const outage = this.#outages.get(node)
    // Once for an outage and period: a server that fails now and then would else be two lines for each time.
    if (outage === undefined || !through || outage.over || this.#waiting.get(node) !== undefined) return
    outage.over = true
    outage.untold = 0
    this.#log.info({ node, tries: outage.tries, seconds: secondsSince(outage.since) }, 'answers again')
  }

  /** A record is in the dead letters. */
  buried (node: string, error: Error, facts: Facts): void {
    const key = `${node} ${codeOf(error)}`
    let flood = this.#floods.get(key)
    if (flood === undefined) {
      flood = { told: 0, untold: 0, timer: setTimeout(() => { this.#floodOver(node, key, error) }, this.#everyMs).unref() }
      this.#floods.set(key, flood)
    }
    if (flood.told < this.#letters) {
      flood.told++
      this.#log.warn({ node, ...facts(), ...reasonOf(error) }, 'a record went to the dead letters')
    } else {
      flood.untold++
    }
  }

  /** Tells what is still to be told, and ends. */
  close (): void {
    for (const [node, outage] of this.#outages) {
      clearInterval(outage.timer)
      if (outage.untold > 0) this.#summary(node, outage)
    }
    for (const [key, flood] of this.#floods) {
      clearTimeout(flood.timer)
      this.#tellRest(key.slice(0, key.indexOf(' ')), key.slice(key.indexOf(' ') + 1), flood)
    }
    this.#outages.clear()
    this.#floods.clear()
  }

  #wait (node: string, more: 1 | -1): void {
    const waiting = (this.#waiting.get(node) ?? 0) + more
    if (waiting === 0) this.#waiting.delete(node)
    else this.#waiting.set(node, waiting)
  }

  #period (node: string): void {
    const outage = this.#outages.get(node)
    if (outage === undefined) return
    if (outage.untold > 0) this.#summary(node, outage)
    else if (!this.#waiting.has(node)) {
      clearInterval(outage.timer)
      this.#outages.delete(node)
    }
  }

  #summary (node: string, outage: Outage): void {
    const waiting = this.#waiting.get(node) ?? 0
    this.#log.warn({ node, tries: outage.untold, waiting, seconds: secondsSince(outage.since), ...reasonOf(outage.last) },
      waiting > 0 ? 'more tries failed; trying again' : 'more tries failed and then came through')
    outage.untold = 0
    // The next recovery is news again.
    outage.over = waiting === 0
  }

  #floodOver (node: string, key: string, error: Error): void {
    const flood = this.#floods.get(key)
    this.#floods.delete(key)
    if (flood !== undefined) this.#tellRest(node, codeOf(error), flood)
  }

  #tellRest (node: string, code: string, { untold }: Flood): void {
    if (untold > 0) this.#log.warn({ node, code, records: untold }, 'more records went to the dead letters')
  }
}

/** The stable code of an error; UNEXPECTED where it has none. */
export function codeOf (error: unknown): string {
  return error instanceof AlertStreamError ? error.code : 'UNEXPECTED'
}

function reasonOf (error: Error): object {
  return { code: codeOf(error), error: error.message }
}

function secondsSince (start: number): number {
  return Math.round(performance.now() - start) / 1000
}
