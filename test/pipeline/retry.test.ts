import t from 'tap'
import { backoffMs, isRetryable, persist, retry } from '../../src/pipeline/retry.ts'
import { quick, testErrors } from '../support/pipeline.ts'

const down = (): Error => testErrors.TEST_SERVER_DOWN('down')

await t.test('pauses double from the base up to the longest, and are never 0', async t => {
  const policy = { attempts: 9, baseMs: 100, maxMs: 1000 }
  t.same([1, 2, 3, 4, 5, 9].map(attempt => backoffMs(policy, attempt, () => 0)), [100, 200, 400, 800, 1000, 1000])
  t.ok(backoffMs(policy, 1, () => 0.9999) > 0)
})

await t.test('only errors that say so are retryable', async t => {
  t.equal(isRetryable(down()), true)
  t.equal(isRetryable(testErrors.TEST_BAD_RECORD('bad')), false)
  t.equal(isRetryable(new Error('plain')), false)
  t.equal(isRetryable(undefined), false)
})

await t.test('a retryable failure is tried again until it succeeds', async t => {
  const attempts: number[] = []
  const outcome = await retry(attempt => {
    attempts.push(attempt)
    if (attempt < 3) throw down()
    return 'there'
  }, down(), quick, new AbortController().signal, () => {})
  t.same(outcome, { result: 'there' })
  t.same(attempts, [2, 3])
})

await t.test('it gives up after the policy\'s attempts, with the last error', async t => {
  let calls = 0
  const outcome = await retry(attempt => { calls++; throw testErrors.TEST_SERVER_DOWN(`at ${attempt}`) }, down(), quick, new AbortController().signal, () => {})
  t.match(outcome, { attempts: 3, error: { message: 'at 3' } })
  t.equal(calls, 2)
})

await t.test('a failure that is not retryable ends it at once, also after a retryable one', async t => {
  const signal = new AbortController().signal
  t.match(await retry(() => t.fail('called'), new Error('bad'), quick, signal, () => {}), { attempts: 1, error: { message: 'bad' } })
  t.match(await retry(() => { throw new TypeError('worse') }, down(), quick, signal, () => {}), { attempts: 2, error: { message: 'worse' } })
})

await t.test('an abort ends the pause and gives the real failure, not the abort', async t => {
  const abort = new AbortController()
  const waiting = retry(() => t.fail('called'), down(), { attempts: 9, baseMs: 1e9, maxMs: 1e9 }, abort.signal, () => {})
  abort.abort()
  t.match(await waiting, { attempts: 1, error: { code: 'TEST_SERVER_DOWN' } })
})

await t.test('what is thrown need not be an Error', async t => {
  t.match(await retry(() => { throw 'text' }, down(), quick, new AbortController().signal, () => {}), { error: { message: 'text' } })
})

await t.test('persist counts its first call among the tries, and rejects with the last failure', async t => {
  const { signal } = new AbortController()
  let calls = 0
  t.equal(await persist(() => { if (++calls < 3) throw down(); return calls }, quick, signal), 3)
  calls = 0
  await t.rejects(persist(() => { calls++; throw down() }, quick, signal), { code: 'TEST_SERVER_DOWN' })
  t.equal(calls, quick.attempts)
  calls = 0
  await t.rejects(persist(() => { calls++; throw testErrors.TEST_BAD_RECORD('bad') }, quick, signal), { code: 'TEST_BAD_RECORD' })
  t.equal(calls, 1)
})

await t.test('persist stops at the deadline of the policy, and reports each retry', async t => {
  const retries: string[] = []
  const policy = { attempts: Infinity, baseMs: 5, maxMs: 5, deadline: Date.now() + 50 }
  const failing = persist(() => { throw testErrors.TEST_SERVER_DOWN('down') }, policy, undefined, ({ message }) => { retries.push(message) })
  await t.rejects(failing, { code: 'TEST_SERVER_DOWN' })
  t.ok(retries.length > 1, `${retries.length} retries`)
  t.ok(Date.now() >= policy.deadline)
})

await t.test('the policy may decide which errors to retry', async t => {
  let calls = 0
  const policy = { attempts: 3, baseMs: 1, maxMs: 1, retryable: (error: Error) => error.message === 'not yet' }
  t.equal(await persist(() => { if (++calls < 3) throw new Error('not yet'); return calls }, policy), 3)
  await t.rejects(persist(() => { calls++; throw testErrors.TEST_SERVER_DOWN('down') }, policy), { code: 'TEST_SERVER_DOWN' })
  t.equal(calls, 4)
})
