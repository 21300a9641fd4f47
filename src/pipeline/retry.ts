// Retry inside a step: exponential backoff with full jitter, only for errors that say they are retryable, ended at once by the graph's
// abort. A record that fails for good is the runner's business (dead letter, or the graph fails).
import { setTimeout as sleep } from 'node:timers/promises'
import { AlertStreamError, asError } from './errors.ts'

/** How often and how patiently a failed call is tried again. */
export interface RetryPolicy {
  /** Tries in all, 1 = no retry. */
  readonly attempts: number
  /** First pause, milliseconds; doubles each time. */
  readonly baseMs: number
  /** Longest pause, milliseconds. */
  readonly maxMs: number
  /** No further attempt after this time, by Date.now(). Default: none. */
  readonly deadline?: number
  /** Whether to try again after this error. Default: `isRetryable`. */
  readonly retryable?: (error: Error) => boolean
}

const never = new AbortController().signal

/** 6 s of patience on average, 13 s at most: a hiccup. A node that waits for a server gives a longer one of its own. */
export const defaultRetry: RetryPolicy = { attempts: 8, baseMs: 100, maxMs: 10_000 }
/** A server's restart: some two minutes on average, during which the records in flight wait. */
export const patientRetry: RetryPolicy = { attempts: 20, baseMs: 100, maxMs: 10_000 }
export const noRetry: RetryPolicy = { attempts: 1, baseMs: 0, maxMs: 0 }

export interface Failure {
  readonly error: Error
  readonly attempts: number
}

/** Whether trying the same record again can help. */
export function isRetryable (error: unknown): boolean {
  return error instanceof AlertStreamError && error.retryable && !error.fatal
}

/** Whether neither waiting nor another record can help, and no record is at fault: the graph fails with it at once. */
export function isFatal (error: unknown): boolean {
  return error instanceof AlertStreamError && error.fatal
}

/** Pause before try `attempt + 1`, milliseconds: uniform in (0, min(max, base * 2^(attempt-1))]. */
export function backoffMs (policy: RetryPolicy, attempt: number, random: () => number = Math.random): number {
  return Math.min(policy.maxMs, policy.baseMs * 2 ** (attempt - 1)) * (1 - random())
}

/**
 * Goes on after a first failure: pauses, calls again, until it succeeds or fails for good.
 * @returns the result, or what it failed with and after how many tries
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

/** Calls until it succeeds, for whoever has no node that does it: rejects with what it failed with for good. */
export async function persist<R> (
  call: () => R | Promise<R>, policy: RetryPolicy, signal: AbortSignal = never, onRetry: (error: Error) => void = () => {}
): Promise<R> {
  try {
    return await call()
  } catch (error) {
    const outcome = await retry(call, error, policy, signal, onRetry)
    if ('error' in outcome) throw outcome.error
    return outcome.result
  }
}
