// Turns what Google Cloud Storage answers, and what happens instead of an answer, into the store's error codes. What passes by itself (408, 429,
// 5xx, resets, silence) is retryable; a refusal (401, 403, other 4xx) and missing credentials are fatal: no alert is at fault of any of them.
import { AlertStreamError, messageOf, systemErrorCode } from '../pipeline/errors.ts'
import { storeErrors } from './errors.ts'

/** What was tried, as in "writing the object failed", and the URL that it was tried on. */
export interface Attempt {
  readonly doing: string
  readonly where: string
}

/** An answer that is not 2xx. */
export interface Refusal {
  readonly status: number
  /** The body: an object where it was JSON. */
  readonly body: unknown
}

interface ErrorBody { readonly error?: { readonly message?: string, readonly errors?: readonly { readonly reason?: string }[] } }

/** The store's own words. */
export function wordsOf ({ body }: Refusal): string {
  const said = (body as ErrorBody | undefined)?.error?.message ?? (typeof body === 'string' ? body : '')
  return said.trim().replace(/\s+/g, ' ').slice(0, 300)
}

/**
 * Whether an upload on condition that its name is free was refused because it is not: 412, and 409 while somebody is just writing there. Who may
 * create objects but not delete any (the least that a writer needs) can be told 403 instead, if Cloud Storage looks at the right to replace before
 * the condition; so can everybody where a retention period or a hold keeps the object.
 */
export function isInTheWay (refusal: Refusal): boolean {
  const { status } = refusal
  if (status === 409 || status === 412) return true
  return status === 403 && /storage\.objects\.delete|retention policy|under active .*hold/i.test(wordsOf(refusal))
}

export function refusalError (refusal: Refusal, { doing, where }: Attempt): AlertStreamError {
  const { status } = refusal
  const words = wordsOf(refusal)
  const what = `${doing} failed: the store answers ${status}${words === '' ? '' : `, ${words}`}`
  if (isTransient(status) || isQuota(refusal)) return storeErrors.STORE_UNAVAILABLE(what, { where })
  switch (status) {
    case 401: return storeErrors.STORE_CREDENTIALS(what, { where })
    case 403: return storeErrors.STORE_BUCKET_DENIED(what, { where })
    case 404: return storeErrors.STORE_BUCKET_MISSING(what, { where })
    // The bytes that came are not those that were announced: the object was not stored.
    case 400: return /crc32c|md5|hash|checksum/i.test(words) ? storeErrors.STORE_DAMAGED(what, { where }) : storeErrors.STORE_REFUSED(what, { where })
    default: return storeErrors.STORE_REFUSED(what, { where })
  }
}

/** For an answer of success without what Cloud Storage would say: a proxy's login page, an emulator that is none. Never taken for success. */
export function strangeError ({ doing, where }: Attempt): AlertStreamError {
  return storeErrors.STORE_UNAVAILABLE(`${doing} failed: the answer is not one of Cloud Storage`, { where })
}

/** For what was thrown instead of an answer: by the network, or by the library that gets the access token. */
export function failureError (error: unknown, { doing, where }: Attempt): AlertStreamError {
  if (error instanceof AlertStreamError) return error
  const facts = { where, cause: error }
  const status = tokenStatus(error)
  if (status !== undefined) {
    const what = `${doing} failed: no access token, its issuer answers ${status}`
    return isTransient(status) ? storeErrors.STORE_UNAVAILABLE(what, facts) : storeErrors.STORE_CREDENTIALS(what, facts)
  }
  const code = systemErrorCode(error)
  if ((code === undefined || code === 'ENOENT' || code === 'EACCES') && isAboutCredentials(error)) return storeErrors.STORE_CREDENTIALS(`${doing} failed: no access token`, facts)
  // What is not known is not held against the alert either: it is tried again, and fails the graph in the end.
  return storeErrors.STORE_UNAVAILABLE(`${doing} failed${code === undefined ? '' : ` with ${code}`}`, facts)
}

function isTransient (status: number): boolean {
  return status === 408 || status === 429 || status >= 500
}

// Cloud Storage's older way to say 429; any other 403 means that access is denied.
function isQuota ({ status, body }: Refusal): boolean {
  const reasons = (body as ErrorBody | undefined)?.error?.errors ?? []
  return status === 403 && reasons.some(({ reason }) => reason === 'rateLimitExceeded' || reason === 'userRateLimitExceeded')
}

// Errors of google-auth-library's own requests carry the answer of the token's issuer.
function tokenStatus (error: unknown): number | undefined {
  const status = (error as { readonly response?: { readonly status?: unknown } } | undefined)?.response?.status
  return typeof status === 'number' ? status : undefined
}

function isAboutCredentials (error: unknown): boolean {
  return /default credentials|does not exist, or it is not a file|credential|impersonat|invalid_grant|private key/i.test(messageOf(error))
}
