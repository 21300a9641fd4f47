// How long a mode keeps trying at its start, when brokers may be restarting: a broker answers with a retryable error (no leader yet, no
// controller, coordinator loading), or refuses connections. If no broker has ever responded, the address is probably wrong.
import { errorCode, systemErrorCode } from '../pipeline/errors.ts'
import type { Logger } from '../pipeline/log.ts'
import { isRetryable, persist } from '../pipeline/retry.ts'
import type { KafkaConnection } from './connection.ts'
import { isElection, nestedErrors } from './errors.ts'

export interface StartRetry {
  readonly log: Logger
  /** Ends the retries. */
  readonly signal: AbortSignal
}

const START_MS = 30_000
const NEVER_ACCEPTED_MS = 10_000

/** Time limit for retries of a failed call at the start of a mode, in ms. */
export function startLimitMs ({ authState }: Pick<KafkaConnection, 'authState'>): number {
  return authState.accepted ? START_MS : NEVER_ACCEPTED_MS
}

/**
 * Runs `call`, and retries it after a retryable error up to the time limit. Logs the first failure that is not normal. Rejects with the
 * last error.
 */
export async function retryAtStart<R> (
  connection: Pick<KafkaConnection, 'authState'>, { log, signal }: StartRetry, call: () => Promise<R>
): Promise<R> {
  const began = Date.now()
  let logged = false
  const retryable = (error: Error): boolean =>
    (isRetryable(error) || wasClosed(error)) && Date.now() - began < startLimitMs(connection)
  return await persist(call, { attempts: Infinity, baseMs: 250, maxMs: 2000, retryable }, signal, error => {
    if (logged || isElection(error, Date.now() - began)) return
    log.warn({ code: errorCode(error), reason: error.message }, 'kafka is not available yet: retrying')
    logged = true
  })
}

/** Whether the broker closed the connection. It may have rejected the client without an error code, or it is shutting down. */
function wasClosed (error: Error): boolean {
  return nestedErrors(error).some(inner => inner.message === 'Connection closed' || systemErrorCode(inner) === 'ECONNRESET')
}
