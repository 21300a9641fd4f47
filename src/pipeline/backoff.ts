// Exponential backoff with full jitter: every delay is uniformly distributed between zero and a bound that doubles with each attempt.
// See https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/

export interface Backoff {
  /** Upper bound of the first delay in milliseconds. The bound doubles with each attempt. */
  readonly baseMs: number
  /** Upper bound of every delay in milliseconds. */
  readonly maxMs: number
}

/** Delay in milliseconds after attempt `attempt` (1, 2, ...): uniform in (0, min(maxMs, baseMs * 2^(attempt - 1))]. */
export function backoffMs ({ baseMs, maxMs }: Backoff, attempt: number, random: () => number = Math.random): number {
  return Math.min(maxMs, baseMs * 2 ** (attempt - 1)) * (1 - random())
}
