// Runs the limit against simulated stores in virtual time. 132 writes are always running or waiting, as in the ingester with a backlog.
import t from 'tap'
import { storeErrors } from '../../src/stores/errors.ts'
import { WriteLimit } from '../../src/sinks/write-limit.ts'

interface Simulation {
  /** Latency of a write that starts when `running` writes are in progress, in milliseconds. Undefined: the write fails after 1 ms. */
  readonly latency: (running: number, now: number) => number | undefined
  readonly writes: number
  readonly max?: number
}

interface Result {
  /** Limit after each write. */
  readonly limits: readonly number[]
  /** Writes per second of virtual time. */
  readonly rate: number
  readonly maxRunning: number
}

async function simulate ({ latency, writes, max = 128 }: Simulation): Promise<Result> {
  let now = 0
  let running = 0
  let maxRunning = 0
  let submitted = 0
  const limits: number[] = []
  let pending: Array<{ readonly at: number, end (): void }> = []
  const limit = new WriteLimit(max, () => now)
  const write = async (): Promise<void> => {
    maxRunning = Math.max(maxRunning, ++running)
    const ms = latency(running, now)
    await new Promise<void>(resolve => { pending.push({ at: now + (ms ?? 1), end: resolve }) })
    running--
    if (ms === undefined) throw storeErrors.STORE_UNAVAILABLE('503')
  }
  while (limits.length < writes) {
    for (; submitted < writes && submitted - limits.length < max + 4; submitted++) {
      void limit.run(write).catch(() => {}).finally(() => { limits.push(limit.current) })
    }
    await new Promise(resolve => { setImmediate(resolve) })
    pending = pending.toSorted((a, b) => a.at - b.at)
    const next = pending.shift()
    if (next === undefined) continue
    now = next.at
    next.end()
  }
  return { limits, rate: writes / now * 1000, maxRunning }
}

/** Pseudorandom numbers from 0 to 1, the same in each run. */
function random (): () => number {
  let state = 1
  return () => (state = state * 48_271 % 2_147_483_647) / 2_147_483_647
}

function mean (values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}

await t.test('grows to the maximum while the latency does not depend on the number of writes, also if it varies', async t => {
  const next = random()
  for (const latency of [() => 200, () => 50 - 150 * Math.log(next())]) {
    const { limits, maxRunning } = await simulate({ latency, writes: 8000 })
    t.equal(limits.at(-1), 128)
    t.equal(maxRunning, 128)
    t.ok(limits.findIndex(limit => limit === 128) < 1000, 'doubles from 4 to 128 within 1,000 writes')
  }
})

await t.test('settles where more writes only queue, with at least 90 % of the throughput of the store', async t => {
  const next = random()
  for (const capacity of [4, 10, 40]) {
    const latency = (running: number): number => Math.max(10, 10 * running / capacity) * (0.8 + 0.4 * next())
    const { limits, rate } = await simulate({ latency, writes: 8000 })
    const settled = mean(limits.slice(2000))
    t.ok(settled >= capacity * 0.8 && settled <= capacity * 2, `capacity ${capacity}: mean limit ${settled}`)
    t.ok(rate > 0.9 * capacity * 100, `capacity ${capacity}: ${rate} of ${capacity * 100} writes/s`)
  }
})

await t.test('keeps its limit if the store itself becomes slower or faster', async t => {
  const next = random()
  const latency = (_: number, now: number): number => (now > 10_000 && now < 20_000 ? 300 : 60) + 20 * next()
  const { limits } = await simulate({ latency, writes: 30_000 })
  t.equal(limits.at(-1), 128)
  t.ok(mean(limits.slice(1000)) > 110)
})

await t.test('is halved once when concurrent writes fail because of an overload, not below 4, and recovers', async t => {
  let failing = 0
  const overloaded = await simulate({ latency: (_, now) => now < 3000 ? 100 : failing++ < 20 ? undefined : 100, writes: 15_000 })
  t.ok(overloaded.limits.includes(64))
  t.ok(Math.min(...overloaded.limits.slice(1000)) >= 64, 'twenty failures at once halve the limit once')
  t.equal(overloaded.limits.at(-1), 128)
  const outage = await simulate({ latency: (_, now) => now > 3000 && now < 4000 ? undefined : 100, writes: 20_000 })
  t.equal(Math.min(...outage.limits.slice(1000)), 4)
})

await t.test('the maximum holds from the start, and a failed write returns its slot', async t => {
  const { maxRunning, limits } = await simulate({ latency: (_, now) => now % 3 === 0 ? undefined : 10, writes: 500, max: 1 })
  t.equal(maxRunning, 1)
  t.equal(limits.length, 500)
})

await t.test('without a backlog, the limit does not change', async t => {
  const limit = new WriteLimit(128)
  for (let count = 0; count < 200; count++) await limit.run(async () => {})
  t.equal(limit.current, 4)
})
