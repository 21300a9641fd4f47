// Maps error responses of Google Cloud Storage and failed requests to STORE_* errors. `bucket-errors.ts` describes the classes.
import { AlertStreamError, systemErrorCode, messageOf } from '../pipeline/errors.ts'
import { isTemporary, networkError, rejectionError, unexpectedResponse, type Operation } from './bucket-errors.ts'
import { storeErrors } from './errors.ts'

export interface ErrorResponse {
  readonly status: number
  /** The body of the response: parsed if it is JSON, otherwise as text. */
  readonly body: unknown
}

interface ErrorBody { readonly error?: { readonly message?: string, readonly errors?: readonly { readonly reason?: string }[] } }

/** The message in an error response, on one line of at most 300 characters. */
export function messageIn ({ body }: ErrorResponse): string {
  const text = (body as ErrorBody | undefined)?.error?.message ?? (typeof body === 'string' ? body : '')
  return text.trim().replace(/\s+/g, ' ').slice(0, 300)
}

/**
 * Whether a rejected upload with ifGenerationMatch=0 means that the object may already exist. The status is then 412, or 409 during a
 * concurrent write, or 403 if the object is protected (retention policy, hold) or the caller may not delete objects, because Cloud Storage
 * may check the permission to replace the object before it checks the condition.
 */
export function mayAlreadyExist (response: ErrorResponse): boolean {
  const { status } = response
  if (status === 409 || status === 412) return true
  return status === 403 && /storage\.objects\.delete|retention policy|under active .*hold/i.test(messageIn(response))
}

/** The error for a response with a status other than 2xx. */
export function responseError (response: ErrorResponse, operation: Operation): AlertStreamError {
  const { status } = response
  const message = messageIn(response)
  // If the message of a 400 names a checksum, the received bytes do not match the announced checksum, and nothing was stored.
  const damaged = status === 400 && /crc32c|md5|hash|checksum/i.test(message)
  return rejectionError({ status, message, temporary: isRateLimit(response), damaged }, operation)
}

/** The error for a 2xx response that cannot come from Cloud Storage. */
export function unexpectedGcsResponse (operation: Operation): AlertStreamError {
  return unexpectedResponse(operation, 'Cloud Storage')
}

/** The error for a request without a response: a network failure, or a failure to get an access token. */
export function requestError (error: unknown, operation: Operation): AlertStreamError {
  if (error instanceof AlertStreamError) return error
  const { action, where } = operation
  const context = { where, cause: error }
  const status = tokenStatus(error)
  if (status !== undefined) {
    const what = `cannot ${action}: the token server returned ${status}`
    return isTemporary(status) ? storeErrors.STORE_UNAVAILABLE(what, context) : storeErrors.STORE_CREDENTIALS(what, context)
  }
  const code = systemErrorCode(error)
  if ((code === undefined || code === 'ENOENT' || code === 'EACCES') && isAboutCredentials(error)) {
    return storeErrors.STORE_CREDENTIALS(`cannot ${action}: no access token`, context)
  }
  return networkError(error, operation)
}

// Cloud Storage may report a rate limit as 403 instead of 429. Any other 403 means that access is denied.
function isRateLimit ({ status, body }: ErrorResponse): boolean {
  const reasons = (body as ErrorBody | undefined)?.error?.errors ?? []
  return status === 403 && reasons.some(({ reason }) => reason === 'rateLimitExceeded' || reason === 'userRateLimitExceeded')
}

// Errors of token requests by google-auth-library carry the response of the token server.
function tokenStatus (error: unknown): number | undefined {
  const status = (error as { readonly response?: { readonly status?: unknown } } | undefined)?.response?.status
  return typeof status === 'number' ? status : undefined
}

function isAboutCredentials (error: unknown): boolean {
  return /default credentials|does not exist, or it is not a file|credential|impersonat|invalid_grant|private key/i.test(messageOf(error))
}
