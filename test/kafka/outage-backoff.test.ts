import t, { type Test } from 'tap'
import { OutageBackoff } from '../../src/kafka/outage-backoff.ts'
import { FakeClock } from './fake-clock.ts'

function setUp (t: Test) {
  const clock = new FakeClock()
  const stop = new AbortController()
  t.teardown(() => { stop.abort() })
  const elapsed: string[] = []
  const backoff = new OutageBackoff({ clock, signal: stop.signal, onElapsed: key => { elapsed.push(`${key} at ${clock.now()}`) } })
  return { clock, elapsed, backoff }
}

await t.test('a failure makes only its own key wait', async t => {
  const { clock, elapsed, backoff } = setUp(t)
  t.equal(backoff.fail('a'), 1)
  t.strictSame([backoff.isWaiting('a'), backoff.isWaiting('b')], [true, false])
  await clock.advance(100)
  t.strictSame([backoff.isWaiting('a'), elapsed], [false, ['a at 100']])
})

await t.test('consecutive failures wait longer, up to 1 s', async t => {
  const { clock, elapsed, backoff } = setUp(t)
  for (let failures = 1; failures <= 5; failures++) {
    t.equal(backoff.fail('a'), failures)
    await clock.advance(1000)
  }
  t.strictSame(elapsed, ['a at 100', 'a at 1250', 'a at 2500', 'a at 4000', 'a at 5000'])
})

await t.test('a failure during a wait replaces the wait', async t => {
  const { clock, elapsed, backoff } = setUp(t)
  backoff.fail('a')
  await clock.advance(50)
  backoff.fail('a')
  await clock.advance(1000)
  t.strictSame(elapsed, ['a at 300'])
})

await t.test('after a recovery, the key does not wait and the next failure waits 100 ms', async t => {
  const { clock, elapsed, backoff } = setUp(t)
  for (let failures = 1; failures <= 3; failures++) backoff.fail('a')
  backoff.recover('a')
  t.notOk(backoff.isWaiting('a'))
  t.equal(backoff.fail('a'), 1)
  await clock.advance(1000)
  t.strictSame(elapsed, ['a at 100'])
})
