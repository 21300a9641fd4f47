import t from 'tap'
import { nextTick, PassSeconds, sleepUntil } from '../../src/simulator/ticks.ts'

await t.test('passes that end in time do not move the grid', async t => {
  let tick = 1000
  for (const took of [1, 36_999, 200, 37_000, 0]) {
    const next = nextTick(tick, 37_000, tick + took)
    t.strictSame(next, { tick: tick + 37_000, lateMs: 0, skipped: 0 }, `a pass of ${took} ms`)
    tick = next.tick
  }
  t.equal(tick, 1000 + 5 * 37_000)
})

await t.test('after a late pass the next pass begins at once, and later passes stay on the grid', async t => {
  t.strictSame(nextTick(0, 10, 13), { tick: 10, lateMs: 3, skipped: 0 })
  t.strictSame(nextTick(10, 10, 19), { tick: 20, lateMs: 0, skipped: 0 })
})

await t.test('skips ticks at which no pass could begin', async t => {
  t.strictSame(nextTick(0, 10, 47), { tick: 40, lateMs: 7, skipped: 3 })
  t.strictSame(nextTick(0, 10, 40), { tick: 40, lateMs: 0, skipped: 3 })
})

await t.test('passes of any length begin on the grid, at most one per tick', async t => {
  const interval = 37
  let tick = 5
  let now = 5
  let seed = 7
  const seen = new Set<number>()
  for (let pass = 0; pass < 1000; pass++) {
    seed = (seed * 48_271) % 2_147_483_647
    now = Math.max(now, tick) + seed % 120
    const next = nextTick(tick, interval, now)
    if ((next.tick - 5) % interval !== 0 || next.tick <= tick || seen.has(next.tick)) t.fail(`${tick} at ${now}: ${JSON.stringify(next)}`)
    if (next.lateMs >= interval || (next.lateMs > 0) !== (next.tick < now)) t.fail(`wrong lateness ${JSON.stringify(next)} at ${now}`)
    seen.add(next.tick)
    tick = next.tick
  }
  t.equal(seen.size, 1000)
})

await t.test('with interval 0 the next pass follows at once', async t => {
  t.strictSame(nextTick(0, 0, 1234.5), { tick: 1234.5, lateMs: 0, skipped: 0 })
})

await t.test('sleepUntil does not end early, and ends at once for a past time or an aborted signal', async t => {
  const never = new AbortController().signal
  const until = performance.now() + 30
  await sleepUntil(until, never)
  t.ok(performance.now() >= until)
  await sleepUntil(performance.now() - 1, never)
  await sleepUntil(Infinity, AbortSignal.abort())
  const stop = new AbortController()
  // A single setTimeout with a delay this long would fire at once.
  let over = false
  const sleeping = sleepUntil(performance.now() + 2 ** 33, stop.signal).then(() => { over = true })
  await new Promise(resolve => setTimeout(resolve, 30))
  t.equal(over, false)
  stop.abort()
  await sleeping
  t.equal(over, true)
})

await t.test('assigns each pass a distinct second that has begun and is later than the seconds of earlier processes', async t => {
  const never = new AbortController().signal
  const start = Math.floor(Date.now() / 1000)
  const seconds = new PassSeconds()
  const first = await seconds.next(never)
  t.ok(first > start, 'the second is later than any second of an earlier process')
  t.ok(Date.now() >= first * 1000)
  const second = await seconds.next(never)
  t.equal(second, first + 1, 'the next call waits for the next second')
  t.ok(Date.now() >= second * 1000)
})

await t.test('assigns no second twice if the clock is set back, and does not wait for the clock', async t => {
  const never = new AbortController().signal
  let now = 1_800_000_000_500
  const seconds = new PassSeconds(1, () => now)
  now += 5000
  t.equal(await seconds.next(never), 1_800_000_005)
  now -= 3_600_000
  t.equal(await seconds.next(never), 1_800_000_006)
  t.equal(await seconds.next(AbortSignal.abort()), 1_800_000_007)
})

await t.test('with a step, assigns multiples of the step', async t => {
  const never = new AbortController().signal
  let now = 1_800_000_001_000
  const seconds = new PassSeconds(3, () => now)
  now += 10_000
  t.equal(await seconds.next(never), 1_800_000_009)
  t.equal(await seconds.next(AbortSignal.abort()), 1_800_000_012)
  now += 60_000
  t.equal(await seconds.next(never), 1_800_000_069)
})
