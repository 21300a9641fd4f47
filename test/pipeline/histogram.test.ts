import t from 'tap'
import { Histogram } from '../../src/pipeline/histogram.ts'

await t.test('a value is counted in the first bucket whose bound is at least the value, otherwise in the last bucket', async t => {
  const histogram = new Histogram([1, 2, 5])
  for (const value of [0, 1, 1.5, 2, 4, 5, 6, 1e9]) histogram.observe(value)
  t.strictSame(histogram.read(), { bounds: [1, 2, 5], counts: [2, 2, 2, 2], sum: 0 + 1 + 1.5 + 2 + 4 + 5 + 6 + 1e9, count: 8 })
})

await t.test('a snapshot does not change when the histogram observes further values', async t => {
  const histogram = new Histogram([1])
  const before = histogram.read()
  histogram.observe(1)
  t.strictSame([before.count, before.counts], [0, [0, 0]])
})

await t.test('the constructor throws if the bounds do not ascend', async t => {
  t.throws(() => new Histogram([1, 1]), RangeError)
  t.throws(() => new Histogram([1, NaN]), RangeError)
})
