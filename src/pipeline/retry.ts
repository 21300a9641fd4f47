// Retries calls that failed with a retryable error, with exponential backoff, until the graph aborts. The caller decides what to do with a
// record that fails for good: dead-letter it, or fail the graph.
import { setTimeout as sleep } from 'node:timers/promises'
import { backoffMs, type Backoff } from './backoff.ts'
import { AlertStreamError, asError } from './errors.ts'

export interface RetryPolicy extends Backoff {
  /** Total number of attempts; 1 means no retry. */
  readonly attempts: number
  /** Time after which no further attempt is made, in milliseconds since the epoch, like Date.now(). Default: no deadline. */
  readonly deadline?: number
  /** Whether to retry after `error`. Default: `isRetryable`. */
  readonly retryable?: (error: Error) => boolean
}

/** For short interruptions. The total backoff is 6 s on average and 13 s at most. */
export const defaultRetry: RetryPolicy = { attempts: 8, baseMs: 100, maxMs: 10_000 }
/** For calls to a server that may restart. The total backoff is 66 s on average. Until it ends, the record stays in flight. */
export const patientRetry: RetryPolicy = { attempts: 20, baseMs: 100, maxMs: 10_000 }
export const noRetry: RetryPolicy = { attempts: 1, baseMs: 0, maxMs: 0 }

export interface Failure {
  readonly error: Error
  /** Attempts made, including the first attempt. */
  readonly attempts: number
}

/** Whether another attempt with the same record may succeed. */
export function isRetryable (error: unknown): boolean {
  return error instanceof AlertStreamError && error.retryable && !error.fatal
}

/** Whether an operator has to act. No record is at fault, so the graph fails at once and dead-letters nothing. */
export function isFatal (error: unknown): boolean {
  return error instanceof AlertStreamError && error.fatal
}

/**
 * Retries `call` after a failed first attempt, until it succeeds or fails for good. `onRetry` is called before each backoff.
 * @returns the result, or the last error and the number of attempts
 */
export async function retry<R> (
  call: (attempt: number) => R | Promise<R>, firstError: unknown, policy: RetryPolicy, signal: AbortSignal, onRetry: (error: Error) => void
): Promise<{ readonly result: R } | Failure> {
  const { deadline = Infinity, retryable = isRetryable } = policy
  let error = asError(firstError)
  for (let attempt = 1; ; attempt++) {
    if (!retryable(error) || attempt >= policy.attempts || Date.now() >= deadline || signal.aborted) return { error, attempts: attempt }
    onRetry(error)
    try {
      await sleep(backoffMs(policy, attempt), undefined, { signal })
      return { result: await call(attempt + 1) }
    } catch (next) {
      if (signal.aborted) return { error, attempts: attempt }
      error = asError(next)
    }
  }
}

/** Runs `call` with retries, for calls that the runner does not retry. Rejects with the last error. */
export async function persist<R> (
  call: () => R | Promise<R>, policy: RetryPolicy, signal = new AbortController().signal, onRetry: (error: Error) => void = () => {}
): Promise<R> {
  try {
    return await call()
  } catch (error) {
    const outcome = await retry(call, error, policy, signal, onRetry)
    if ('error' in outcome) throw outcome.error
    return outcome.result
  }
}
