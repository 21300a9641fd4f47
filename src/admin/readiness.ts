// Whether a mode can do its work now, part by part: each check is of one thing that must answer (a broker, a registry, a store) and names it.
// Checks run side by side, each within a limit; probes that come at the same time share them.
import { AlertStreamError, defineErrors, messageOf, type RunState } from '../pipeline/index.ts'
import { sharedAnswer } from './shared-request.ts'

const healthErrors = defineErrors({
  HEALTH_NO_ANSWER: { hint: 'Look at the load and the network between here and there.' }
})

/** Resolves when the thing answers, rejects with why it does not. */
export type Check = () => Promise<unknown>
export type Checks = Readonly<Record<string, Check>>

/** What /readyz says. */
export interface Health {
  readonly ready: boolean
  /** By name: `ok`, or why not (`CODE: what (where)`). `run` is the mode itself: it is ready only while it runs. */
  readonly checks: Readonly<Record<string, string>>
}

export const checkLimitMs = 2500

/** Never rejects. `state` is asked at each call. */
export function healthOf (state: () => RunState, checks: Checks, limitMs = checkLimitMs): () => Promise<Health> {
  const late = (): Error => healthErrors.HEALTH_NO_ANSWER(`no answer within ${limitMs / 1000} s`)
  const shared = Object.entries(checks).map(([name, check]) => [name, sharedAnswer(async () => { await check() }, limitMs, late)] as const)
  return async () => {
    const answers = await Promise.all(shared.map(async ([name, check]) => [name, await check().then(() => 'ok', reasonOf)] as const))
    const now = state()
    const all = { run: now === 'running' ? 'ok' : now, ...Object.fromEntries(answers) }
    return { ready: Object.values(all).every(answer => answer === 'ok'), checks: all }
  }
}

function reasonOf (error: unknown): string {
  const where = error instanceof AlertStreamError && error.where !== undefined ? ` (${error.where})` : ''
  const code = error instanceof AlertStreamError ? error.code : 'UNEXPECTED'
  return `${code}: ${messageOf(error)}${where}`.replace(/\s*\n\s*/g, ' ')
}
