// Maps errors of the AWS SDK to STORE_* errors. `bucket-errors.ts` describes the classes.
import { AlertStreamError, messageOf } from '../pipeline/errors.ts'
import { isTemporary, networkError, rejectionError, unexpectedResponse, type Hints, type Operation } from './bucket-errors.ts'
import { storeErrors } from './errors.ts'

/** The fields of SDK errors that are used here. Errors without a response have no status. */
export interface SdkError {
  readonly name?: string
  readonly message?: string
  /** Error code in the response of the service. Undefined if the body of the response was not the XML of S3. */
  readonly Code?: string
  readonly $metadata?: { readonly httpStatusCode?: number }
}

const hints: Hints = {
  STORE_BUCKET_DENIED: 'Grant s3:ListBucket on the bucket and s3:GetObject on its objects (to write, also s3:PutObject), then restart. ' +
    'Without s3:ListBucket, S3 reports missing objects as denied.',
  STORE_CREDENTIALS: 'Provide AWS credentials: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, a web identity, a profile or an instance role.',
  STORE_REFUSED: 'Check --s3-region, --s3-endpoint-url, --s3-path-style and the settings of the bucket. A retry cannot succeed.'
}

/** Codes of 4xx responses after which the same request may succeed. After a skewed time, the next signature has a corrected time. */
const temporaryCodes = new Set(['RequestTimeout', 'RequestTimeTooSkewed', 'SlowDown', 'Throttling', 'OperationAborted'])
const damageCodes = new Set(['BadDigest', 'InvalidDigest', 'XAmzContentSHA256Mismatch', 'XAmzContentChecksumMismatch', 'IncompleteBody'])
const credentialCodes = new Set([
  'InvalidAccessKeyId', 'SignatureDoesNotMatch', 'ExpiredToken', 'InvalidToken', 'TokenRefreshRequired', 'AuthorizationQueryParametersError'
])

/** The status of the response, or undefined if there was none. */
export function statusOf (error: unknown): number | undefined {
  return (error as SdkError | undefined)?.$metadata?.httpStatusCode
}

/** What is missing according to a 404. Only the code in the response tells a missing object from a missing bucket. */
export function missingIn (error: unknown): 'object' | 'object or bucket' | undefined {
  if (statusOf(error) !== 404) return undefined
  const { Code } = error as SdkError
  return Code === 'NoSuchKey' ? 'object' : Code === undefined ? 'object or bucket' : undefined
}

/** Whether a conditional put was rejected because an object exists (412), or because another write is in progress (409). */
export function mayAlreadyExist (error: unknown): boolean {
  const status = statusOf(error)
  return status === 412 || (status === 409 && (error as SdkError).Code === 'ConditionalRequestConflict')
}

export function isClockSkewed (error: unknown): boolean {
  return (error as SdkError).Code === 'RequestTimeTooSkewed'
}

/** Whether other credentials of the same source may be accepted. */
export function areCredentialsExpired (error: unknown): boolean {
  const { Code = '' } = error as SdkError
  return statusOf(error) === 401 || ['ExpiredToken', 'InvalidToken', 'TokenRefreshRequired', 'InvalidAccessKeyId'].includes(Code)
}

/** The error for a failed request. */
export function s3Error (error: unknown, operation: Operation): AlertStreamError {
  if (error instanceof AlertStreamError) return error
  const status = statusOf(error)
  if (status === undefined) return unsentError(error, operation)
  if (status >= 200 && status <= 299) return unexpectedS3Response(operation)
  const { Code = '', message = '' } = error as SdkError
  return rejectionError({
    status,
    message: Code === '' ? '' : `${Code}: ${message}`.replace(/\s+/g, ' ').slice(0, 300),
    temporary: temporaryCodes.has(Code),
    damaged: damageCodes.has(Code),
    credentials: credentialCodes.has(Code)
  }, operation, hints)
}

/** The error for credentials that the SDK could not get. */
export function credentialsError (error: unknown, operation: Operation): AlertStreamError {
  const status = statusOf(error)
  const { action, where } = operation
  if (status === undefined ? isNetworkError(error) : isTemporary(status)) return networkError(error, operation)
  return storeErrors.STORE_CREDENTIALS(`cannot ${action}: no credentials`, { where, cause: error, hint: hints.STORE_CREDENTIALS })
}

/** The error for a 2xx response that cannot come from S3. */
export function unexpectedS3Response (operation: Operation): AlertStreamError {
  return unexpectedResponse(operation, 'S3')
}

function unsentError (error: unknown, operation: Operation): AlertStreamError {
  if (!/^Region is missing/.test(messageOf(error))) return networkError(error, operation)
  const { action, where } = operation
  return storeErrors.STORE_REFUSED(`cannot ${action}: no region is set`, { where, cause: error, hint: 'Set --s3-region or AWS_REGION.' })
}

function isNetworkError (error: unknown): boolean {
  return /^(ECONN|ETIMEDOUT|EAI_|ENOTFOUND|EPIPE|ENETUNREACH|EHOSTUNREACH)/.test((error as { readonly code?: string }).code ?? '')
}
