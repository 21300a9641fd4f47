import t from 'tap'
import { Meter } from '../../src/pipeline/meter.ts'

await t.test('all stats of a new meter are zero', async t => {
  t.same(new Meter('n').read(), {
    node: 'n', in: 0, out: 0, dropped: 0, failed: 0, retried: 0, deadLettered: 0, reasons: {}, inFlight: 0, bytes: 0, starvedMs: 0,
    latency: { mean: 0, p50: 0, p99: 0, max: 0 }
  })
})

await t.test('records that entered the node and have not left it are in flight', async t => {
  const meter = new Meter('n')
  meter.enter()
  meter.enter()
  meter.leave(1)
  t.match(meter.read(), { in: 2, inFlight: 1 })
})

await t.test('latency quantiles are upper bounds within a factor of two, and never exceed the maximum', async t => {
  const meter = new Meter('n')
  for (let ms = 1; ms <= 1000; ms++) {
    meter.enter()
    meter.leave(ms)
  }
  const { latency } = meter.read()
  t.equal(latency.mean, 500.5)
  t.equal(latency.max, 1000)
  t.ok(latency.p50 >= 500 && latency.p50 <= 1050, `p50 is ${latency.p50} ms`)
  t.ok(latency.p99 >= 990 && latency.p99 <= 1000, `p99 is ${latency.p99} ms`)
})

await t.test('latencies above the last bucket bound are counted', async t => {
  const meter = new Meter('n')
  meter.enter()
  meter.leave(1e12)
  t.equal(meter.read().latency.max, 1e12)
  t.ok(meter.read().latency.p50 > 0)
})

await t.test('dead letters are counted by error code', async t => {
  const meter = new Meter('n')
  for (const code of ['A', 'B', 'A']) meter.countDeadLetter(code)
  t.match(meter.read(), { deadLettered: 3, reasons: { A: 2, B: 1 } })
})

await t.test('latency buckets count values up to and including their bound', async t => {
  const meter = new Meter('n')
  const values = [0, 0.01, 0.063, 0.2, 1, 3, 16, 65, 262, 1048, 4194, 16777, 67108, 1e6]
  for (const ms of values) {
    meter.enter()
    meter.leave(ms)
  }
  const { bounds, counts, sum, count } = meter.latencies()
  t.equal(count, values.length)
  t.equal(counts.reduce((total, each) => total + each, 0), values.length)
  t.ok(Math.abs(sum - values.reduce((total, each) => total + each, 0) / 1000) < 1e-6)
  let below = 0
  for (const [index, bound] of bounds.entries()) {
    below += counts[index]!
    t.equal(below, values.filter(ms => ms / 1000 <= bound).length, `count of latencies up to ${bound} s`)
  }
})
