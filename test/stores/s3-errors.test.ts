import t from 'tap'
import { storeErrors } from '../../src/stores/errors.ts'
import { credentialsError, mayAlreadyExist, missingIn, s3Error, unexpectedS3Response } from '../../src/stores/s3-errors.ts'

const operation = { action: 'write the object', where: 's3://bucket/a' }
const sdkError = (httpStatusCode: number | undefined, Code?: string, message = 'why', more: object = {}) =>
  Object.assign(new Error(message), { name: Code ?? 'Error', Code, $metadata: { httpStatusCode } }, more)
const classOf = ({ code, retryable, fatal }: { readonly code: string, readonly retryable: boolean, readonly fatal: boolean }): string =>
  `${code}${retryable ? ' retryable' : ''}${fatal ? ' fatal' : ''}`

await t.test('408, 429 and 5xx are retryable; every other error status is fatal', async t => {
  const [retryable, refused] = ['STORE_UNAVAILABLE retryable', 'STORE_REFUSED fatal']
  const expected = {
    301: refused, 400: refused, 401: 'STORE_CREDENTIALS fatal', 403: 'STORE_BUCKET_DENIED fatal', 404: 'STORE_BUCKET_MISSING fatal',
    405: refused, 408: retryable, 409: refused, 416: refused, 429: retryable, 500: retryable, 501: retryable, 503: retryable
  }
  for (const [status, expectedClass] of Object.entries(expected)) {
    t.equal(classOf(s3Error(sdkError(Number(status)), operation)), expectedClass, status)
  }
})

await t.test('an error message has code and message of the service on one line, and nothing of a body that is not from S3', async t => {
  t.equal(s3Error(sdkError(403, 'AccessDenied', 'no\n s3:PutObject'), operation).message,
    'cannot write the object: the store returned 403, AccessDenied: no s3:PutObject')
  t.equal(s3Error(sdkError(502, undefined, '@aws-sdk XML parse error: unexpected content.'), operation).message,
    'cannot write the object: the store returned 502')
  t.match(s3Error(sdkError(200, undefined, 'XML parse error'), operation), { code: 'STORE_UNAVAILABLE', message: /not from S3/ })
  t.match(unexpectedS3Response(operation), { code: 'STORE_UNAVAILABLE', retryable: true, where: 's3://bucket/a' })
})

await t.test('an object may already exist after 412 and after the 409 of a concurrent conditional write', async t => {
  t.ok(mayAlreadyExist(sdkError(412, 'PreconditionFailed')))
  t.ok(mayAlreadyExist(sdkError(409, 'ConditionalRequestConflict')))
  for (const error of [sdkError(409, 'OperationAborted'), sdkError(403, 'AccessDenied'), sdkError(404), new Error('x')]) {
    t.notOk(mayAlreadyExist(error))
  }
})

await t.test('only the code of a 404 tells a missing object from a missing bucket', async t => {
  t.equal(missingIn(sdkError(404, 'NoSuchKey')), 'object')
  t.equal(missingIn(sdkError(404)), 'object or bucket')
  t.equal(missingIn(sdkError(404, 'NoSuchBucket')), undefined)
  t.equal(missingIn(sdkError(403, 'AccessDenied')), undefined)
  t.equal(missingIn(new Error('reset')), undefined)
})

await t.test('a request without a response is retryable, a missing region is fatal, and an AlertStreamError is unchanged', async t => {
  const reset = s3Error(Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' }), operation)
  t.equal(classOf(reset), 'STORE_UNAVAILABLE retryable')
  t.equal(reset.message, 'cannot write the object: ECONNRESET')
  t.match(s3Error(new Error('Region is missing'), operation), { code: 'STORE_REFUSED', fatal: true, hint: /--s3-region or AWS_REGION/ })
  const known = storeErrors.STORE_CLOSED('closed')
  t.equal(s3Error(known, operation), known)
})

await t.test('missing and rejected credentials are fatal; a token server that is away is retryable', async t => {
  const missing = Object.assign(new Error('Could not load credentials from any providers'), { name: 'CredentialsProviderError' })
  t.equal(classOf(credentialsError(missing, operation)), 'STORE_CREDENTIALS fatal')
  t.match(credentialsError(missing, operation), { hint: /AWS_ACCESS_KEY_ID/, cause: missing })
  t.equal(classOf(credentialsError(sdkError(403, 'AccessDenied', 'not authorized to perform sts:AssumeRole'), operation)),
    'STORE_CREDENTIALS fatal')
  t.equal(classOf(credentialsError(sdkError(503), operation)), 'STORE_UNAVAILABLE retryable')
  t.equal(classOf(credentialsError(Object.assign(new Error('x'), { code: 'ECONNREFUSED' }), operation)), 'STORE_UNAVAILABLE retryable')
})
