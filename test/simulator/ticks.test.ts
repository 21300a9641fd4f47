import t from 'tap'
import { nextTick, PassSeconds, sleepUntil } from '../../src/simulator/ticks.ts'

await t.test('passes that are in time never move the grid, however long they took', async t => {
  let tick = 1000
  for (const took of [1, 36_999, 200, 37_000, 0]) {
    const next = nextTick(tick, 37_000, tick + took)
    t.strictSame(next, { tick: tick + 37_000, lateMs: 0, leftOut: 0 }, `${took} ms`)
    tick = next.tick
  }
  t.equal(tick, 1000 + 5 * 37_000)
})

await t.test('a pass that is late is followed at once, on the grid, and the next one after it keeps to the grid', async t => {
  t.strictSame(nextTick(0, 10, 13), { tick: 10, lateMs: 3, leftOut: 0 })
  t.strictSame(nextTick(10, 10, 19), { tick: 20, lateMs: 0, leftOut: 0 })
})

await t.test('ticks that are wholly over are left out', async t => {
  t.strictSame(nextTick(0, 10, 47), { tick: 40, lateMs: 7, leftOut: 3 })
  t.strictSame(nextTick(0, 10, 40), { tick: 40, lateMs: 0, leftOut: 3 })
})

await t.test('passes of any length fall on the grid, one per tick at most', async t => {
  const interval = 37
  let tick = 5
  let now = 5
  let seed = 7
  const seen = new Set<number>()
  for (let pass = 0; pass < 1000; pass++) {
    seed = (seed * 48_271) % 2_147_483_647
    now = Math.max(now, tick) + seed % 120
    const next = nextTick(tick, interval, now)
    if ((next.tick - 5) % interval !== 0 || next.tick <= tick || seen.has(next.tick)) t.fail(`${tick} ${now} ${JSON.stringify(next)}`)
    if (next.lateMs >= interval || (next.lateMs > 0) !== (next.tick < now)) t.fail(`late ${JSON.stringify(next)} at ${now}`)
    seen.add(next.tick)
    tick = next.tick
  }
  t.equal(seen.size, 1000)
})

await t.test('without an interval the next pass follows at once', async t => {
  t.strictSame(nextTick(0, 0, 1234.5), { tick: 1234.5, lateMs: 0, leftOut: 0 })
})

await t.test('a sleep ends not before its time; a past time, an abort, and one that has come already end it', async t => {
  const never = new AbortController().signal
  const until = performance.now() + 30
  await sleepUntil(until, never)
  t.ok(performance.now() >= until)
  await sleepUntil(performance.now() - 1, never)
  await sleepUntil(Infinity, AbortSignal.abort())
  const stop = new AbortController()
  // Longer than a timer of Node can be: it must not fire at once.
  let over = false
  const sleeping = sleepUntil(performance.now() + 2 ** 33, stop.signal).then(() => { over = true })
  await new Promise(resolve => setTimeout(resolve, 30))
  t.equal(over, false)
  stop.abort()
  await sleeping
  t.equal(over, true)
})

await t.test('each pass has a second of its own: after those of an earlier process, never twice, and begun when the pass begins', async t => {
  const never = new AbortController().signal
  const start = Math.floor(Date.now() / 1000)
  const seconds = new PassSeconds()
  const first = await seconds.next(never)
  t.ok(first > start, 'whatever ended before has had an earlier one')
  t.ok(Date.now() >= first * 1000)
  const second = await seconds.next(never)
  t.equal(second, first + 1, 'asked for within the same second')
  t.ok(Date.now() >= second * 1000)
})

await t.test('a clock that is set back makes no second come again, and is not waited for; a stop ends the wait', async t => {
  const never = new AbortController().signal
  let now = 1_800_000_000_500
  const seconds = new PassSeconds(() => now)
  now += 5000
  t.equal(await seconds.next(never), 1_800_000_005)
  now -= 3_600_000
  t.equal(await seconds.next(never), 1_800_000_006)
  t.equal(await seconds.next(AbortSignal.abort()), 1_800_000_007)
})
