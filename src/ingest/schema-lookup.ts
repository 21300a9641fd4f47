// Looks up schemas in the registry and waits for unknown ids, because the registry may still be loading. An unknown id is polled once per
// process, for 8 seconds by default. After this wait, records with the id fail at once, and the id is requested at most every 2 seconds.
// An id that no registry assigns fails without a wait.
// Each wait that ends without the schema halves later waits for about a minute, so records with random ids cannot stall the stream.
import { setTimeout as sleep } from 'node:timers/promises'
import { LRUCache } from 'lru-cache'
import { maxSchemaId } from '../avro/registry.ts'
import { AlertStreamError } from '../pipeline/errors.ts'
import { silent, type Logger } from '../pipeline/log.ts'

export interface SchemaLookupOptions {
  /** Maximum time to poll for an unknown id, in milliseconds. Default: 8,000. */
  readonly waitMs?: number | undefined
  /** Interval between two requests while polling, in milliseconds. Default: 500. */
  readonly pollMs?: number | undefined
  /** Time after a failed lookup during which the id counts as unknown without another request, in milliseconds. Default: 2,000. */
  readonly unknownForMs?: number | undefined
  readonly log?: Logger | undefined
}

export const defaultUnknownSchemaWaitMs = 8000
const POLL_MS = 500
const UNKNOWN_FOR_MS = 2000
/** Time after which one halving of the wait is undone. */
const RECOVERY_MS = 60_000
/** Waits shorter than this are skipped. */
const MIN_WAIT_MS = 200
const MAX_HALVINGS = 6
const MAX_UNKNOWN_IDS = 10_000

/**
 * Wraps `fetchSchema` in a function that waits for unknown ids. `fetchSchema` must not cache unknown ids, and the caller must share
 * concurrent lookups of one id. Errors: the errors of `fetchSchema`, with UNKNOWN_SCHEMA only after the wait.
 * @param registryUrl URL of the registry, for the log
 */
export function schemaLookup<S> (
  fetchSchema: (schemaId: number) => Promise<S>, registryUrl: string, options: SchemaLookupOptions = {}
): (schemaId: number) => Promise<S> {
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
    // Each unknown id gets only one wait.
    const wait = before === undefined && schemaId <= maxSchemaId ? currentWait() : 0
    const deadline = performance.now() + wait
    for (let attempt = 1; ; attempt++) {
      try {
        const schema = await fetchSchema(schemaId)
        unknown.delete(schemaId)
        if (attempt > 1) halvings = 0
        return schema
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
          log.warn({ schemaId, registry: registryUrl, ms: Math.round(wait), error: error.message }, message)
        }
        await sleep(Math.min(pollMs, left))
      }
    }
  }
}
