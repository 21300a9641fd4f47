// Reads the archived alerts of a batch concurrently.
import { errorCode, isFatal, isRetryable, messageOf, type Logger } from '../pipeline/index.ts'
import type { Slots } from '../pipeline/slots.ts'
import { retryableStoreError } from '../stores/errors.ts'

interface BatchReadOptions<A, R> {
  readonly slots: Slots
  readonly read: (alert: A) => Promise<R>
  /** Message of the log line about an alert that cannot be read. */
  readonly message: string
  readonly log: Logger
}

/**
 * Resolves to the results of `read`, in the order of the alerts. The result of an alert that cannot be read is undefined, and is logged.
 * Rejects with the first error that is retryable or fatal, and with the reason of the signal; the batch is then repeated as a whole.
 */
export async function readBatch<A extends { readonly id: bigint }, R> (
  alerts: readonly A[], { slots, read, message, log }: BatchReadOptions<A, R>, signal: AbortSignal
): Promise<Array<R | undefined>> {
  let failure: unknown
  return await Promise.all(alerts.map(async alert => await slots.run(async () => {
    signal.throwIfAborted()
    if (failure !== undefined) throw failure
    try {
      return await read(alert)
    } catch (cause) {
      const error = retryableStoreError(cause)
      if (isRetryable(error) || isFatal(error)) throw failure = error
      log.error({ alertId: String(alert.id), code: errorCode(error), error: messageOf(error) }, message)
      return undefined
    }
  })))
}
