import t from 'tap'
import { lagOf } from '../../src/ingest/consumer-lag.ts'
import { kafkaErrors } from '../../src/kafka/errors.ts'
import type { GroupStats } from '../../src/kafka/group-stats.ts'

function source (...partitions: ReadonlyArray<readonly [topic: string, partition: number, settled: bigint]>) {
  const stats = { partitions: partitions.map(([topic, partition, settled]) => ({ topic, partition, settled })) } as unknown as GroupStats
  return { stats: () => stats }
}

await t.test('the lag of an assigned partition is its end offset minus the settled offset, at least 0', async t => {
  const ends: Record<string, bigint[]> = { a: [10n, 20n, 30n], b: [5n] }
  const lags = lagOf({ endOffsets: async topic => ends[topic]! }, ['a', 'b'], source(['a', 0, 4n], ['a', 2, 31n], ['b', 0, 0n]))
  const expected = [['a', 0, 6], ['a', 2, 0], ['b', 0, 5]]
  t.strictSame((await lags())?.map(({ topic, partition, records }) => [topic, partition, records]), expected)
})

await t.test('the lag is undefined if the brokers fail or do not respond in time', async t => {
  const failing = lagOf({ endOffsets: async () => { throw kafkaErrors.KAFKA_UNREACHABLE('down') } }, ['a'], source(['a', 0, 0n]))
  t.equal(await failing(), undefined)
  const slow = lagOf({ endOffsets: () => new Promise(() => {}) }, ['a'], source(['a', 0, 0n]), 20)
  t.equal(await slow(), undefined)
})

await t.test('a missing topic has no lag', async t => {
  const lags = lagOf({ endOffsets: async () => { throw kafkaErrors.KAFKA_TOPIC_MISSING('none') } }, ['a'], source())
  t.strictSame(await lags(), [])
})
