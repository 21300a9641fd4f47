// The readiness of a mode: one check per dependency (broker, registry, store). Checks run concurrently, each with a time limit.
// Concurrent probes share the same run of a check.
import { AlertStreamError, defineErrors, errorCode, messageOf, type RunState } from '../pipeline/index.ts'
import { sharedRequest } from './shared-request.ts'

const healthErrors = defineErrors({
  HEALTH_NO_ANSWER: { hint: 'Check the load of the server and the network between this host and the server.' }
})

/** Resolves if the dependency responds, and rejects otherwise. */
export type Check = () => Promise<unknown>
export type Checks = Readonly<Record<string, Check>>

/** The response of /readyz. */
export interface Health {
  readonly ready: boolean
  /** Results by name of the check: `ok` or `CODE: message (location)`. The check `run` is `ok` only while the mode is running. */
  readonly checks: Readonly<Record<string, string>>
}

export const checkLimitMs = 2500

/** Returns a function that runs all checks and reads `state`. The returned function never rejects. */
export function healthOf (state: () => RunState, checks: Checks, limitMs = checkLimitMs): () => Promise<Health> {
  const timeout = (): Error => healthErrors.HEALTH_NO_ANSWER(`no response within ${limitMs / 1000} s`)
  const shared = Object.entries(checks).map(([name, check]) =>
    [name, sharedRequest(async () => { await check() }, limitMs, timeout)] as const)
  return async () => {
    const results = await Promise.all(shared.map(async ([name, check]) => [name, await check().then(() => 'ok', reasonOf)] as const))
    const now = state()
    const all = { run: now === 'running' ? 'ok' : now, ...Object.fromEntries(results) }
    return { ready: Object.values(all).every(result => result === 'ok'), checks: all }
  }
}

function reasonOf (error: unknown): string {
  const where = error instanceof AlertStreamError && error.where !== undefined ? ` (${error.where})` : ''
  return `${errorCode(error)}: ${messageOf(error)}${where}`.replace(/\s*\n\s*/g, ' ')
}
