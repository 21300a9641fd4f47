// What to do about a schema id that the registry does not have: it may still be loading. Such an id is looked for again for some seconds, once per
// id and process, whatever number of records name it; after that its records fail at once, with one look every two seconds to see whether it
// came. Each wait in vain halves those for other ids, for about a minute: garbage with ever new ids cannot hold the stream up.
import { setTimeout as sleep } from 'node:timers/promises'
import { LRUCache } from 'lru-cache'
import type { RegistryClient } from '../avro/index.ts'
import { AlertStreamError, silent, type Logger } from '../pipeline/index.ts'

export interface UnknownSchemaOptions {
  /** How long an unknown id is looked for again, milliseconds. */
  readonly patienceMs?: number | undefined
  /** Between two looks, milliseconds. */
  readonly pauseMs?: number | undefined
  /** How long an id that was waited for in vain is believed to be unknown, milliseconds. */
  readonly believeMs?: number | undefined
  readonly log?: Logger | undefined
}

export const defaultPatienceMs = 8000
const PAUSE_MS = 500
const BELIEVE_MS = 2000
/** After so long one more wait in vain is forgotten. */
const FORGET_MS = 60_000
/** A wait that is shorter is none. */
const LEAST_MS = 200
const MOST_VAIN = 6

/**
 * `schemaById` with that patience. The registry must not believe for itself that an id is unknown (`unknownForMs: 0`), and a caller joins
 * concurrent look-ups of one id. Errors: those of `schemaById`; UNKNOWN_SCHEMA only after the wait.
 */
export function patientLookup (registry: Pick<RegistryClient, 'schemaById' | 'url'>, options: UnknownSchemaOptions = {}): (schemaId: number) => Promise<string> {
  const { patienceMs = defaultPatienceMs, pauseMs = PAUSE_MS, believeMs = BELIEVE_MS, log = silent } = options
  const unknown = new LRUCache<number, { readonly error: AlertStreamError, readonly until: number }>({ max: 10_000 })
  let vain = 0
  let forgotten = performance.now()

  function patience (): number {
    const minutes = Math.floor((performance.now() - forgotten) / FORGET_MS)
    vain = Math.max(0, vain - minutes)
    forgotten += minutes * FORGET_MS
    const wait = patienceMs / 2 ** vain
    return wait < Math.min(LEAST_MS, patienceMs) ? 0 : wait
  }

  return async schemaId => {
    const before = unknown.get(schemaId)
    if (before !== undefined && performance.now() < before.until) throw before.error
    // An id that was waited for once is not waited for again.
    const wait = before === undefined ? patience() : 0
    const deadline = performance.now() + wait
    for (let look = 1; ; look++) {
      try {
        const text = await registry.schemaById(schemaId)
        unknown.delete(schemaId)
        if (look > 1) vain = 0
        return text
      } catch (error) {
        if (!(error instanceof AlertStreamError) || error.code !== 'UNKNOWN_SCHEMA') throw error
        const left = deadline - performance.now()
        if (left <= 0) {
          if (look > 1) vain = Math.min(MOST_VAIN, vain + 1)
          unknown.set(schemaId, { error, until: performance.now() + believeMs })
          throw error
        }
        if (look === 1) log.warn({ schemaId, registry: registry.url, ms: Math.round(wait) }, 'the registry does not have the schema: looking again for a while, as it may still be loading')
        await sleep(Math.min(pauseMs, left))
      }
    }
  }
}
