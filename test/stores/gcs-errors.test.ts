import t from 'tap'
import { storeErrors } from '../../src/stores/errors.ts'
import { mayAlreadyExist, messageIn, requestError, responseError, unexpectedGcsResponse } from '../../src/stores/gcs-errors.ts'

const operation = { action: 'write the object', where: 'gs://bucket/a' }
const classOf = ({ code, retryable, fatal }: { readonly code: string, readonly retryable: boolean, readonly fatal: boolean }): string =>
  `${code}${retryable ? ' retryable' : ''}${fatal ? ' fatal' : ''}`
const classOfFailed = (message: string, properties: object = {}): string =>
  classOf(requestError(Object.assign(new Error(message), properties), operation))

await t.test('408, 429 and 5xx are retryable; every other error status is fatal', async t => {
  const retryable = 'STORE_UNAVAILABLE retryable'
  const refused = 'STORE_REFUSED fatal'
  const expected = {
    400: refused, 401: 'STORE_CREDENTIALS fatal', 402: refused, 403: 'STORE_BUCKET_DENIED fatal', 404: 'STORE_BUCKET_MISSING fatal',
    405: refused, 408: retryable, 411: refused, 413: refused, 416: refused, 429: retryable, 499: refused,
    500: retryable, 501: retryable, 502: retryable, 503: retryable, 504: retryable, 599: retryable
  }
  for (const [status, expectedClass] of Object.entries(expected)) {
    t.equal(classOf(responseError({ status: Number(status), body: undefined }, operation)), expectedClass, status)
  }
})

await t.test('an error message includes the message of the store, on one line of at most 300 characters', async t => {
  const denied = responseError({ status: 403, body: { error: { message: 'a@b lacks\n storage.objects.create' } } }, operation)
  t.equal(denied.message, 'cannot write the object: the store returned 403, a@b lacks storage.objects.create')
  t.equal(responseError({ status: 503, body: undefined }, operation).message, 'cannot write the object: the store returned 503')
  t.equal(messageIn({ status: 502, body: `<html>${'x'.repeat(1000)}` }).length, 300)
  t.equal(messageIn({ status: 500, body: { other: 1 } }), '')
  t.match(unexpectedGcsResponse(operation), { code: 'STORE_UNAVAILABLE', retryable: true, where: 'gs://bucket/a' })
})

await t.test('an object may already exist if the upload gets 412, 409, or 403 because the object may not be replaced', async t => {
  const check = (status: number, message: string): boolean => mayAlreadyExist({ status, body: { error: { message } } })
  t.strictSame([409, 412, 200, 404, 503].map(status => check(status, '')), [true, true, false, false, false])
  t.ok(check(403, 'writer@p.iam does not have storage.objects.delete access to the Google Cloud Storage object.'))
  t.ok(check(403, 'Object \'b/o\' is subject to bucket\'s retention policy or object retention and cannot be deleted until 2036'))
  t.ok(check(403, 'Object \'b/o\' is under active Event-Based hold and cannot be deleted, overwritten or archived until hold is removed.'))
  t.notOk(check(403, 'writer@p.iam does not have storage.objects.create access to the Google Cloud Storage object.'))
  t.notOk(check(403, ''))
  t.notOk(check(401, 'storage.objects.delete'))
})

await t.test('a network failure is retryable, even if its message has a URL with the word "credentials"', async t => {
  t.equal(classOfFailed('request to http://x/o failed, reason: socket hang up', { code: 'ECONNRESET' }), 'STORE_UNAVAILABLE retryable')
  t.equal(
    classOfFailed('request to https://iamcredentials.googleapis.com/ failed, reason: getaddrinfo', { code: 'EAI_AGAIN' }),
    'STORE_UNAVAILABLE retryable'
  )
  t.equal(classOfFailed('something else'), 'STORE_UNAVAILABLE retryable')
  const refused = requestError(Object.assign(new Error('x'), { code: 'ECONNREFUSED' }), operation)
  t.equal(refused.message, 'cannot write the object: ECONNREFUSED')
})

await t.test('returns an AlertStreamError unchanged', async t => {
  const known = storeErrors.STORE_CLOSED('closed')
  t.equal(requestError(known, operation), known)
})

await t.test('missing credentials and a rejected token request are fatal; an unavailable token server is retryable', async t => {
  t.equal(classOfFailed('Could not load the default credentials. Browse to https://cloud.google.com ...'), 'STORE_CREDENTIALS fatal')
  t.equal(classOfFailed('The file at /x does not exist, or it is not a file. Error: ENOENT', { code: 'ENOENT' }), 'STORE_CREDENTIALS fatal')
  t.equal(classOfFailed('invalid_grant', { code: '400', response: { status: 400 } }), 'STORE_CREDENTIALS fatal')
  t.equal(classOfFailed('unavailable', { code: '503', response: { status: 503 } }), 'STORE_UNAVAILABLE retryable')
  t.equal(classOfFailed('slow down', { response: { status: 429 } }), 'STORE_UNAVAILABLE retryable')
})
