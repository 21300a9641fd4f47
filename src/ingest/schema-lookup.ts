// Looks up schemas in the registry and waits for unknown ids, since the registry may still be loading. Each unknown id is polled for some
// seconds, once per process. After that its records fail at once, and the id is requested again at most every two seconds.
// Each wait that ends without the schema halves later waits for about a minute, so records with random ids cannot stall the stream.
import { setTimeout as sleep } from 'node:timers/promises'
import { LRUCache } from 'lru-cache'
import type { RegistryClient } from '../avro/registry.ts'
import { AlertStreamError } from '../pipeline/errors.ts'
import { silent, type Logger } from '../pipeline/log.ts'

export interface SchemaLookupOptions {
  /** How long to poll for an unknown id, in ms. Default 8000. */
  readonly waitMs?: number | undefined
  /** Interval between two requests while polling, in ms. Default 500. */
  readonly pollMs?: number | undefined
  /** How long an id then counts as unknown without another request, in ms. Default 2000. */
  readonly unknownForMs?: number | undefined
  readonly log?: Logger | undefined
}

export const defaultUnknownSchemaWaitMs = 8000
const POLL_MS = 500
const UNKNOWN_FOR_MS = 2000
/** After each such period, one halving of the wait is undone. */
const RECOVERY_MS = 60_000
/** Shorter waits are skipped. */
const MIN_WAIT_MS = 200
const MAX_HALVINGS = 6
const MAX_UNKNOWN_IDS = 10_000

/**
 * `schemaById` that waits for unknown ids. The registry client must not cache unknown ids itself (`unknownForMs: 0`), and the caller must
 * share concurrent lookups of one id. Errors: those of `schemaById`; UNKNOWN_SCHEMA only after the wait.
 */
export function schemaLookup (
  registry: Pick<RegistryClient, 'schemaById' | 'url'>, options: SchemaLookupOptions = {}
): (schemaId: number) => Promise<string> {
  const { waitMs = defaultUnknownSchemaWaitMs, pollMs = POLL_MS, unknownForMs = UNKNOWN_FOR_MS, log = silent } = options
  const unknown = new LRUCache<number, { readonly error: AlertStreamError, readonly until: number }>({ max: MAX_UNKNOWN_IDS })
  let halvings = 0
  let recoveredAt = performance.now()

  function currentWait (): number {
    const periods = Math.floor((performance.now() - recoveredAt) / RECOVERY_MS)
    halvings = Math.max(0, halvings - periods)
    recoveredAt += periods * RECOVERY_MS
    const wait = waitMs / 2 ** halvings
    return wait < Math.min(MIN_WAIT_MS, waitMs) ? 0 : wait
  }

  return async schemaId => {
    const before = unknown.get(schemaId)
    if (before !== undefined && performance.now() < before.until) throw before.error
    // An id is waited for only once.
    const wait = before === undefined ? currentWait() : 0
    const deadline = performance.now() + wait
    for (let attempt = 1; ; attempt++) {
      try {
        const text = await registry.schemaById(schemaId)
        unknown.delete(schemaId)
        if (attempt > 1) halvings = 0
        return text
      } catch (error) {
        if (!(error instanceof AlertStreamError) || error.code !== 'UNKNOWN_SCHEMA') throw error
        const left = deadline - performance.now()
        if (left <= 0) {
          if (attempt > 1) halvings = Math.min(MAX_HALVINGS, halvings + 1)
          unknown.set(schemaId, { error, until: performance.now() + unknownForMs })
          throw error
        }
        if (attempt === 1) {
          const message = 'schema not found in the registry: retrying, since the registry may still be loading'
          log.warn({ schemaId, registry: registry.url, ms: Math.round(wait) }, message)
        }
        await sleep(Math.min(pollMs, left))
      }
    }
  }
}
