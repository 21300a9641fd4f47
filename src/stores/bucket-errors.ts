// The classes of failed requests to a bucket, for every service. Temporary failures (408, 429, 5xx, network) are retryable. Other 4xx
// responses and missing credentials are fatal, because their cause is never a single alert.
import { messageOf, systemErrorCode, type AlertStreamError } from '../pipeline/errors.ts'
import { storeErrors } from './errors.ts'

/** An operation on the store, for error messages. */
export interface Operation {
  /** Verb and object of the message "cannot ...", such as "write the object". */
  readonly action: string
  /** URL of the object or bucket. */
  readonly where: string
}

/** Hints for one service. They replace the hints in the table of errors. */
export type Hints = Partial<Record<keyof typeof storeErrors, string>>

export interface Rejection {
  readonly status: number
  /** The message of the service, on one line; may be empty. */
  readonly message: string
  /** Whether the service says that the request may succeed later, although the status is 4xx. */
  readonly temporary?: boolean
  /** Whether the service received bytes that do not match the announced checksum, so that it stored nothing. */
  readonly damaged?: boolean
  /** Whether the credentials are invalid, although the status is not 401. */
  readonly credentials?: boolean
}

/** The error for a response with a status other than 2xx. */
export function rejectionError (
  { status, message, temporary, damaged, credentials }: Rejection, { action, where }: Operation, hints: Hints = {}
): AlertStreamError {
  const code = temporary === true || isTemporary(status) ? 'STORE_UNAVAILABLE'
    : damaged === true ? 'STORE_DAMAGED'
      : credentials === true || status === 401 ? 'STORE_CREDENTIALS'
        : status === 403 ? 'STORE_BUCKET_DENIED'
          : status === 404 ? 'STORE_BUCKET_MISSING'
            : 'STORE_REFUSED'
  const what = `cannot ${action}: the store returned ${status}${message === '' ? '' : `, ${message}`}`
  return storeErrors[code](what, { where, hint: hints[code] })
}

/** The error for a request without a response. An unknown error is retryable. If the error persists, the graph fails. */
export function networkError (error: unknown, { action, where }: Operation): AlertStreamError {
  return storeErrors.STORE_UNAVAILABLE(`cannot ${action}: ${systemErrorCode(error) ?? messageOf(error)}`, { where, cause: error })
}

/** The error for a 2xx response that cannot come from the service, such as the login page of a proxy. */
export function unexpectedResponse ({ action, where }: Operation, service: string): AlertStreamError {
  return storeErrors.STORE_UNAVAILABLE(`cannot ${action}: the response is not from ${service}`, { where })
}

/** The error for an object whose received bytes do not match its checksum. `checksum` names the kind of checksum. */
export function damagedResponse (
  { action, where }: Operation, body: Buffer, checksum: { readonly kind: string, readonly actual: string, readonly expected: string }
): AlertStreamError {
  const { kind, actual, expected } = checksum
  const what = `cannot ${action}: the ${body.length} bytes received have ${kind} ${actual} instead of ${expected}`
  return storeErrors.STORE_DAMAGED(what, { where })
}

export function isTemporary (status: number): boolean {
  return status === 408 || status === 429 || status >= 500
}
