import t from 'tap'
import { sharedRequest } from '../../src/admin/shared-request.ts'

const timeout = (): Error => new Error('timeout')
const LONG_MS = 1_000_000

await t.test('concurrent callers share one request, and a later caller sends a new request', async t => {
  let sent = 0
  let response = Promise.withResolvers<number>()
  const request = sharedRequest(() => { sent++; return response.promise }, LONG_MS, timeout)
  const three = [request(), request(), request()]
  response.resolve(1)
  t.strictSame(await Promise.all(three), [1, 1, 1])
  t.equal(sent, 1)
  response = Promise.withResolvers()
  response.resolve(2)
  t.equal(await request(), 2)
  t.equal(sent, 2)
})

await t.test('all callers of a failed request get its error, and the next caller sends a new request', async t => {
  let sent = 0
  const request = sharedRequest(async () => { if (sent++ === 0) throw new Error('first'); return 'ok' }, LONG_MS, timeout)
  const two = await Promise.allSettled([request(), request()])
  t.match(two, [{ status: 'rejected', reason: { message: 'first' } }, { status: 'rejected' }])
  t.equal(await request(), 'ok')
})

await t.test('a caller waits no longer than the limit; the next caller joins the pending request', async t => {
  let sent = 0
  const response = Promise.withResolvers<string>()
  const request = sharedRequest(() => { sent++; return response.promise }, 20, timeout)
  await t.rejects(request(), { message: 'timeout' })
  const next = request()
  response.resolve('late')
  t.equal(await next, 'late')
  t.equal(sent, 1)
})

await t.test('a later call replaces a request that hangs', async t => {
  let sent = 0
  const request = sharedRequest(() => ++sent === 1 ? new Promise<string>(() => {}) : Promise.resolve('ok'), 1, timeout)
  let response: string | undefined
  while (response === undefined) response = await request().catch(() => undefined)
  t.equal(response, 'ok')
  t.equal(sent, 2)
})
