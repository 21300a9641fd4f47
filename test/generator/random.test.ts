import t from 'tap'
import { Random } from '../../src/generator/random.ts'

const COUNT = 100_000

await t.test('the same labels give the same numbers, and different labels give different numbers', async t => {
  const draw = (...labels: (string | number)[]): number[] => {
    const random = new Random(...labels)
    return Array.from({ length: 20 }, () => random.bits())
  }
  t.same(draw(1, 'alert', 2, 3), draw(1, 'alert', 2, 3))
  const streams = [
    draw(1, 'alert', 2, 3), draw(1, 'alert', 3, 2), draw(2, 'alert', 2, 3), draw(1, 'alert', 23), draw(1, 'alert'), draw()
  ]
  t.equal(new Set(streams.flat()).size, streams.length * 20, 'no two streams have a number in common')
})

await t.test('the first numbers of a stream never change', async t => {
  const random = new Random(20261123, 'fixed')
  t.same([random.bits(), random.bits(), random.gaussian()], [-411605439, 1209720917, -1.1121510090026752])
})

await t.test('unit() is uniformly distributed, and gaussian() is normally distributed, including its tails', async t => {
  const random = new Random(42)
  const deciles = new Array<number>(10).fill(0)
  for (let i = 0; i < COUNT; i++) deciles[Math.floor(random.unit() * 10)]!++
  t.ok(deciles.every(count => Math.abs(count - COUNT / 10) < 5 * Math.sqrt(COUNT / 10)), `counts per decile: ${deciles.join()}`)
  let sum = 0
  let squares = 0
  let tail = 0
  for (let i = 0; i < COUNT; i++) {
    const value = random.gaussian()
    sum += value
    squares += value * value
    if (Math.abs(value) > 3) tail++
  }
  t.ok(Math.abs(sum / COUNT) < 0.02, `mean ${sum / COUNT}`)
  t.ok(Math.abs(squares / COUNT - 1) < 0.03, `variance ${squares / COUNT}`)
  t.ok(Math.abs(tail / COUNT - 0.0027) < 0.001, `fraction beyond 3 sigma: ${tail / COUNT}`)
})
