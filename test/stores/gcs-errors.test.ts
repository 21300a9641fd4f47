import t from 'tap'
import { failureError, isInTheWay, refusalError, strangeError, wordsOf } from '../../src/stores/gcs-errors.ts'
import { storeErrors } from '../../src/stores/index.ts'

const attempt = { doing: 'writing the object', where: 'gs://bucket/a' }
const classOf = ({ code, retryable, fatal }: { readonly code: string, readonly retryable: boolean, readonly fatal: boolean }): string =>
  `${code}${retryable ? ' retryable' : ''}${fatal ? ' fatal' : ''}`

await t.test('408, 429 and 5xx pass by themselves; every other refusal is fatal', async t => {
  const classes = Object.fromEntries([400, 401, 402, 403, 404, 405, 408, 411, 413, 416, 429, 499, 500, 501, 502, 503, 504, 599].map(status => [status, classOf(refusalError({ status, body: undefined }, attempt))]))
  const passing = 'STORE_UNAVAILABLE retryable'
  const refused = 'STORE_REFUSED fatal'
  t.strictSame(classes, {
    400: refused, 401: 'STORE_CREDENTIALS fatal', 402: refused, 403: 'STORE_BUCKET_DENIED fatal', 404: 'STORE_BUCKET_MISSING fatal', 405: refused, 408: passing, 411: refused,
    413: refused, 416: refused, 429: passing, 499: refused, 500: passing, 501: passing, 502: passing, 503: passing, 504: passing, 599: passing
  })
})

await t.test('the store\'s own words are in the message, shortened, on one line', async t => {
  t.equal(refusalError({ status: 403, body: { error: { message: 'a@b lacks\n storage.objects.create' } } }, attempt).message, 'writing the object failed: the store answers 403, a@b lacks storage.objects.create')
  t.equal(refusalError({ status: 503, body: undefined }, attempt).message, 'writing the object failed: the store answers 503')
  t.equal(wordsOf({ status: 502, body: `<html>${'x'.repeat(1000)}` }).length, 300)
  t.equal(wordsOf({ status: 500, body: { other: 1 } }), '')
  t.match(strangeError(attempt), { code: 'STORE_UNAVAILABLE', retryable: true, where: 'gs://bucket/a' })
})

await t.test('an object that is in the way of an upload: by the condition, or by the lack of a right to replace it', async t => {
  const said = (status: number, message: string): boolean => isInTheWay({ status, body: { error: { message } } })
  t.strictSame([409, 412, 200, 404, 503].map(status => said(status, '')), [true, true, false, false, false])
  t.ok(said(403, 'writer@p.iam does not have storage.objects.delete access to the Google Cloud Storage object.'))
  t.ok(said(403, 'Object \'b/o\' is subject to bucket\'s retention policy or object retention and cannot be deleted or overwritten until 2036'))
  t.ok(said(403, 'Object \'b/o\' is under active Event-Based hold and cannot be deleted, overwritten or archived until hold is removed.'))
  t.notOk(said(403, 'writer@p.iam does not have storage.objects.create access to the Google Cloud Storage object.'))
  t.notOk(said(403, ''))
  t.notOk(said(401, 'storage.objects.delete'))
})

await t.test('a broken connection passes, whatever its address says; what is known stays as it is', async t => {
  const failed = (message: string, facts: object = {}): string => classOf(failureError(Object.assign(new Error(message), facts), attempt))
  t.equal(failed('request to http://x/o failed, reason: socket hang up', { code: 'ECONNRESET' }), 'STORE_UNAVAILABLE retryable')
  t.equal(failed('request to https://iamcredentials.googleapis.com/ failed, reason: getaddrinfo', { code: 'EAI_AGAIN' }), 'STORE_UNAVAILABLE retryable')
  t.equal(failed('something else'), 'STORE_UNAVAILABLE retryable')
  t.match(failureError(Object.assign(new Error('x'), { code: 'ECONNREFUSED' }), attempt).message, /failed with ECONNREFUSED$/)
  const known = storeErrors.STORE_CLOSED('closed')
  t.equal(failureError(known, attempt), known)
})

await t.test('no credentials and an issuer\'s refusal are fatal, an issuer that is down passes', async t => {
  const failed = (message: string, facts: object = {}): string => classOf(failureError(Object.assign(new Error(message), facts), attempt))
  t.equal(failed('Could not load the default credentials. Browse to https://cloud.google.com ...'), 'STORE_CREDENTIALS fatal')
  t.equal(failed('The file at /x does not exist, or it is not a file. Error: ENOENT', { code: 'ENOENT' }), 'STORE_CREDENTIALS fatal')
  t.equal(failed('invalid_grant', { code: '400', response: { status: 400 } }), 'STORE_CREDENTIALS fatal')
  t.equal(failed('unavailable', { code: '503', response: { status: 503 } }), 'STORE_UNAVAILABLE retryable')
  t.equal(failed('slow down', { response: { status: 429 } }), 'STORE_UNAVAILABLE retryable')
})
