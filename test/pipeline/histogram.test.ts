import t from 'tap'
import { Histogram } from '../../src/pipeline/histogram.ts'

await t.test('a value is counted in the first bucket whose bound it does not exceed, or in the last one', async t => {
  const histogram = new Histogram([1, 2, 5])
  for (const value of [0, 1, 1.5, 2, 4, 5, 6, 1e9]) histogram.observe(value)
  t.strictSame(histogram.read(), { bounds: [1, 2, 5], counts: [2, 2, 2, 2], sum: 0 + 1 + 1.5 + 2 + 4 + 5 + 6 + 1e9, count: 8 })
})

await t.test('a snapshot does not change', async t => {
  const histogram = new Histogram([1])
  const before = histogram.read()
  histogram.observe(1)
  t.strictSame([before.count, before.counts], [0, [0, 0]])
})

await t.test('bounds that do not ascend throw', async t => {
  t.throws(() => new Histogram([1, 1]), RangeError)
  t.throws(() => new Histogram([1, NaN]), RangeError)
})
